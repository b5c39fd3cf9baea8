// The outcomes in the lines of run-cpython.py, run-ruby.rb and run-tap.pl. Pure.
import type { Outcome, Outcomes } from './suite.js';
import { STATES } from './suite.js';

export function parseLines(text: string): Outcomes {
  const outcomes = new Map<string, Outcome>();
  for (const line of text.split('\n')) {
    const told = read(line);
    if (told === undefined) continue;
    const { test, state, why } = told;
    // A test that failed in a part of it, or in its clean-up, may have more lines: the failure counts.
    if (outcomes.get(test)?.state === 'failed') continue;
    outcomes.set(test, { state, why });
  }
  return outcomes;
}

/** undefined for a line that a killed process did not end */
function read(line: string): (Outcome & { readonly test: string }) | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const { test, state, why } = (value ?? {}) as Record<string, unknown>;
  const known = STATES.find((word) => word === state);
  return known === undefined || typeof test !== 'string'
    ? undefined
    : { test, state: known, why: String(why) };
}
