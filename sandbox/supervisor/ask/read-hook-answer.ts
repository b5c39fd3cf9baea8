// Reads what a hook has printed. Pure.
import { ASK_SCOPES } from '../../../shared/reasons.js';
import type { AskAnswer } from './ask-request.js';

/** @returns the answer, or what is wrong with it */
export function readHookAnswer(text: string): AskAnswer | string {
  if (text.trim() === '') return 'it printed nothing';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'it did not print one JSON object';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'it did not print one JSON object';
  const { answer, ...others } = value as Readonly<Record<string, unknown>>;
  if (Object.keys(others).length > 0) return 'it printed a key besides "answer"';
  const known = [...ASK_SCOPES, 'deny' as const].find((one) => one === answer);
  return known === undefined ? 'its answer is none of once, run, rule and deny' : { answer: known };
}
