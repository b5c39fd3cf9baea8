// What a run asks of its test files, as words of their command line: `node dist/test/FILE.test.js --as=user --twins`. A test file that is run
// alone gets none of them.

import { basename } from 'node:path';
import { type TestContext, test } from 'node:test';
import { possible, type User, users } from './users.js';

const words = process.argv.slice(2);
const file = basename(process.argv[1] ?? '');
/** `--as=both` runs what does not depend on the user as each of them, `--as=other` as the one that it is not run as without these words. */
const wholeMatrix = words.includes('--as=both');
const isOther = words.includes('--as=other');

/**
 * For a property that does not depend on the user: one user, so that the test runs once. Half of the test files get root, by a hash of the file's
 * name; the same file always gets the same user.
 */
export const anyUser: readonly User[] = userInTurn(0);

/** As {@link anyUser}, where one property is tested in several ways: the users take turns, by the number of the way. */
export function userInTurn(turn: number): readonly User[] {
  if (wholeMatrix) return users;
  const hash = [...file].reduce((sum, letter) => sum + letter.charCodeAt(0), turn);
  const turns = isOther ? possible : users;
  const first = turns[hash % turns.length];
  return turns.filter((user) => (user === first) !== isOther);
}

/** Whether it is the user's turn: for a test that does not depend on the user, among others that do. */
export function inTurn(user: User, turn: number): boolean {
  return userInTurn(turn).includes(user);
}

/**
 * Registers a test that shows that an attempt succeeds once its protections are gone. It shows that the test of the refusal can fail. Such twins
 * run where they are asked for (`--twins`): they take as long as the tests of the refusals, and only change when these do. Node's `--test-only` runs
 * nothing else.
 */
export function twin(name: string, run: (t: TestContext) => Promise<void>): void {
  if (words.includes('--twins')) void test(name, { only: true }, run);
}
