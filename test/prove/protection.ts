// One protection, how a build without it is made, and the tests that shall notice.

export interface Protection {
  /** As in SECURITY.md: which part, and what it does. */
  readonly name: string;
  /** A compiled file, below dist and without its extension, in which `right` stands exactly once. */
  readonly file: string;
  readonly right: string;
  readonly wrong: string;
  /** Without it nothing is started at all: no test can be run. */
  readonly failsClosed?: true;
  /** Test files, below dist/test and without `.test.js`. */
  readonly tests: readonly string[];
  /** Which of their tests are run: those that shall fail are among them. */
  readonly pattern: string;
}
