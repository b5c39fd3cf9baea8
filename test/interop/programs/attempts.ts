// Runs shell commands in parallel, in one sandbox or without one, where postern runs in the test's own network.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { startPostern } from '../../harness/postern.js';
import { asUser, type User } from '../../harness/users.js';
import type { TestNetwork } from './network.js';

const SCRIPT = readFileSync(new URL('./attempts.sh', import.meta.url), 'utf8');

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param words of `postern run`, before the command */
export async function attemptInside(
  network: TestNetwork,
  user: User,
  words: readonly string[],
  commands: readonly string[],
): Promise<readonly Outcome[]> {
  const { result } = startPostern(['run', ...words, '--', 'bash', '-c', SCRIPT, 'attempts', ...commands], {
    as: user,
    inside: network.host,
  });
  const { status, stdout, stderr } = await result;
  assert.equal(status, 0, stderr);
  return readOutcomes(stdout);
}

/** The same commands without a sandbox, in the network that postern runs in. */
export async function attemptOutside(
  network: TestNetwork,
  commands: readonly string[],
): Promise<readonly Outcome[]> {
  const [program = '', ...words] = [...network.host, ...asUser('user')];
  const child = spawn(program, [...words, 'bash', '-c', SCRIPT, 'attempts', ...commands], {
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  const status = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  assert.equal(status, 0);
  return readOutcomes(stdout);
}

function readOutcomes(text: string): readonly Outcome[] {
  const plain = (base64 = ''): string => Buffer.from(base64, 'base64').toString('utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [, status, stdout, stderr] = /^(\d+) ([^,]*),([^,]*)$/.exec(line) ?? [];
      assert.ok(status !== undefined, `no outcome: ${line}`);
      return { status: Number(status), stdout: plain(stdout), stderr: plain(stderr) };
    });
}
