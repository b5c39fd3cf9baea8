// Compares the outcomes of tests outside and inside. Pure.
import type { Outcome, Outcomes } from './suite.js';

export interface Difference {
  readonly test: string;
  /** undefined where it did not run to its end */
  readonly inside: Outcome | undefined;
}

/** The tests that passed in each of these runs. Others fail or are flaky anyway, and are not compared. */
export function passedInAll(runs: readonly Outcomes[]): string[] {
  const [first = new Map<string, Outcome>()] = runs;
  return [...first.keys()].filter((test) => runs.every((run) => run.get(test)?.state === 'ok'));
}

/** @param tests those that passed outside @returns those that did not pass inside */
export function differences(tests: readonly string[], inside: Outcomes): Difference[] {
  const differ = tests.filter((test) => inside.get(test)?.state !== 'ok');
  return (
    differ
      // A test of Go's fails with its subtest, whose name begins with its own.
      .filter((test) => !differ.some((other) => other.startsWith(`${test}/`)))
      .map((test) => ({ test, inside: inside.get(test) }))
  );
}
