// One protection, how a build without it is made, and the tests that shall notice.
import type { Mutation } from '../harness/mutant.js';

export interface Protection extends Mutation {
  /** As in SECURITY.md: which part, and what it does. */
  readonly name: string;
  /** Without it nothing is started at all: no test can be run. */
  readonly failsClosed?: true;
  /** Test files, below dist/test and without `.test.js`. */
  readonly tests: readonly string[];
  /** Which of their tests are run: those that shall fail are among them. */
  readonly pattern: string;
}

/** What a hostile program's test is called, by the egress that notices: one of the users is enough. */
export const refusedBy = (egress: 'channel' | 'transparent'): string =>
  `refused, and nothing is heard .${egress}, user`;
