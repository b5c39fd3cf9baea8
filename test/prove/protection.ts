// One protection, how a build without it is made, and the tests that must notice.
import type { Mutation } from '../harness/mutant.js';

export interface Protection extends Mutation {
  /** As in SECURITY.md: the part, and what it does. */
  readonly name: string;
  /** Others that hold the same. They are taken away too, and this protection alone must hold then. */
  readonly besides?: readonly Mutation[];
  /** Without it nothing starts at all, so no test can run. */
  readonly failsClosed?: true;
  /** Test files, below dist/test and without `.test.js`. */
  readonly tests: readonly string[];
  /** Which of their tests are run. Those that must fail are among them. */
  readonly pattern: string;
}

/** The name of a hostile program's test, by the egress that notices. One of the users is enough. */
export const refusedBy = (egress: 'channel' | 'transparent'): string =>
  `refused, and nothing is heard .${egress}, user`;
