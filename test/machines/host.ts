// Inside a machine: runs its programs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

export function tried(...words: readonly string[]): {
  readonly status: number | null;
  readonly said: string;
} {
  const [command = '', ...args] = words;
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

/** @returns what the program says; throws where it fails */
export function run(...words: readonly string[]): string {
  const { status, said } = tried(...words);
  assert.equal(status, 0, `${words.join(' ')}\n${said}`);
  return said.trim();
}
