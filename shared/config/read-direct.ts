// Checks a rule of `via.direct`, which says what goes around a proxy. Pure.
import { diagnoseRule } from '../policy/diagnose-rule.js';
import { parseRule } from '../policy/parse-rule.js';

/** @returns what is wrong, or undefined for a rule */
export function readDirect(
  text: string,
): { readonly message: string; readonly suggestion?: string } | undefined {
  const rule = parseRule(text, 'deny');
  if (rule === undefined) return diagnoseRule(text, 'deny');
  if (rule.target.kind !== 'socket') return undefined;
  return { message: `"${text}" is a socket of this host, which no proxy leads to` };
}
