// The figures of each suite: how many tests were compared, and how many differ. Pure.
import type { PartResult } from './run-part.js';
import type { Suite } from './suite.js';

export interface Figures {
  readonly suite: string;
  readonly title: string;
  readonly version: string;
  readonly parts: number;
  readonly ofParts: number;
  readonly compared: number;
  readonly same: number;
  readonly differ: number;
}

/** A test differs if it differs in one of the sandboxes. */
export function figuresOf(suite: Suite, version: string, results: readonly PartResult[]): Figures {
  const own = results.filter((result) => result.suite === suite.name);
  const compared = own.reduce((sum, part) => sum + part.compared.length, 0);
  const tests = own.flatMap(({ inside }) => inside.flatMap((run) => run.differences.map(({ test }) => test)));
  const differ = new Set(tests).size;
  return {
    ...{ suite: suite.name, title: suite.title, version },
    ...{ parts: own.length, ofParts: suite.parts.length },
    ...{ compared, same: compared - differ, differ },
  };
}
