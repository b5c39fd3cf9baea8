// Holds the differences of a run against those that docs/differences.md lists. Pure.
import type { User } from '../harness/users.js';
import type { PartResult } from './run-part.js';
import type { Outcome } from './suite.js';

/** A difference that is known, with its reason in the page. */
export interface Listed {
  readonly suite: string;
  /** A star stands for any characters. Every compared test that it covers must differ. */
  readonly test: string;
  /** Only in a sandbox that this one starts. */
  readonly startedBy?: User;
}

interface Unlisted {
  readonly suite: string;
  readonly test: string;
  readonly startedBy: User;
  readonly inside: Outcome | undefined;
}

export interface Judgement {
  readonly unlisted: readonly Unlisted[];
  /** Listed, and no longer true in a sandbox that ran. */
  readonly stale: readonly Required<Listed>[];
  /** Parts without a test that passes outside: they show nothing. */
  readonly empty: readonly string[];
}

/** Whether the page lists this difference. */
export function isListed(listed: readonly Listed[], suite: string, startedBy: User, test: string): boolean {
  return listed.some(
    (entry) =>
      entry.suite === suite &&
      (entry.startedBy === undefined || entry.startedBy === startedBy) &&
      covers(entry.test, test),
  );
}

export function judge(results: readonly PartResult[], listed: readonly Listed[]): Judgement {
  const runs = results.flatMap(({ suite, compared, inside }) =>
    inside.map(({ startedBy, differences }) => {
      const known = (test: string): boolean => isListed(listed, suite, startedBy, test);
      return { suite, startedBy, compared, differences, known };
    }),
  );
  return {
    unlisted: runs.flatMap(({ suite, startedBy, differences, known }) =>
      differences
        .filter(({ test }) => !known(test))
        .map(({ test, inside }) => ({ suite, test, startedBy, inside })),
    ),
    // A test that does not pass outside on this host was not compared, and says nothing about the list.
    stale: runs.flatMap(({ suite, startedBy, compared, differences, known }) =>
      compared
        .filter((test) => known(test) && !differences.some((found) => isOrHas(test, found.test)))
        .map((test) => ({ suite, test, startedBy })),
    ),
    empty: results
      .filter(({ compared }) => compared.length === 0)
      .map(({ suite, part }) => `${suite} ${part}`),
  };
}

/** A test of Go's differs with its subtest, whose name begins with its own. */
const isOrHas = (test: string, other: string): boolean => other === test || other.startsWith(`${test}/`);

function covers(pattern: string, test: string): boolean {
  const words = pattern.split('*').map((word) => word.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${words.join('.*')}$`).test(test);
}
