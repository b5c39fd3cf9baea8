// Plays a scene of an application in a process of its own, as a user. The plugins of most scenes are in Python.
// needs: python3
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { PATIENCE } from '../harness/patience.js';
import { asUser, distFor, type User } from '../harness/users.js';

const TIMEOUT_MS = 60_000;

/** The command that plays it. @param file of this folder */
export function sceneCommand(file: string, name: string, user: User): readonly string[] {
  return [...asUser(user), process.execPath, join(distFor(user), `test/library/${file}.js`), name];
}

/** @param file of this folder @returns what the scene printed, without what its plugins printed before @param words that it gets */
export function scene(
  file: string,
  name: string,
  user: User,
  ...words: readonly string[]
): Record<string, unknown> {
  return JSON.parse(printed(file, name, user, '', words).at(-1) ?? '') as Record<string, unknown>;
}

/** @returns the lines that the scene and its plugins printed @param input for it @param words that it gets */
export function printed(
  file: string,
  name: string,
  user: User,
  input = '',
  words: readonly string[] = [],
): readonly string[] {
  const [program = '', ...args] = [...sceneCommand(file, name, user), ...words];
  const { status, signal, stdout, stderr } = spawnSync(program, args, {
    cwd: '/tmp',
    encoding: 'utf8',
    timeout: TIMEOUT_MS * PATIENCE,
    input,
  });
  assert.equal(stderr, '', 'a library prints nothing');
  assert.ok(status === 0 || signal === 'SIGKILL', stdout);
  return stdout.trimEnd().split('\n');
}
