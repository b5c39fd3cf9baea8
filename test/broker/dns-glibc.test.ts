import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PATIENCE } from '../harness/patience.js';

const INSIDE = fileURLToPath(new URL('./glibc-inside.js', import.meta.url));
/** As the launcher does. With loopback alone, AI_ADDRCONFIG finds no address. */
const SETUP = `
set -e
ip link set lo up
ip address add 192.0.0.8/32 dev lo
ip address add 100::8/128 dev lo
exec "$@"`;

interface Report {
  readonly found: Readonly<Record<string, readonly string[]>>;
  readonly questions: readonly string[];
  /** The seconds of the slowest look-up. */
  readonly longest: number;
}

/** The results of getaddrinfo(3) for names, with some options in resolv.conf. */
function askGlibc(options: string, names: readonly string[]): Report {
  const folder = mkdtempSync(join(tmpdir(), 'postern-glibc-'));
  try {
    const conf = join(folder, 'resolv.conf');
    writeFileSync(conf, `nameserver 127.0.0.1\noptions ${options}\n`);
    const { stdout, stderr, status } = spawnSync(
      'unshare',
      [
        '--map-root-user',
        '--net',
        '--mount',
        'sh',
        '-c',
        SETUP,
        'sh',
        process.execPath,
        INSIDE,
        conf,
        ...names,
      ],
      { encoding: 'utf8', timeout: 60_000 * PATIENCE },
    );
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout) as Report;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const options of ['attempts:2', 'edns0', 'use-vc', 'single-request']) {
  test(`glibc finds what is allowed and nothing else (${options})`, () => {
    const { found, questions, longest } = askGlibc(options, [
      'both.a.test',
      'four.a.test',
      'FOUR.A.test',
      'many.a.test',
      'gone.a.test',
      'evil.example',
      'probe',
    ]);
    const sorted = (name: string): string[] => [...(found[name] ?? [])].sort();
    assert.deepEqual(sorted('both.a.test'), ['192.31.196.1', '192.31.196.2', '2001:4:112::1']);
    assert.deepEqual(sorted('four.a.test'), ['192.31.196.4']);
    assert.deepEqual(sorted('FOUR.A.test'), ['192.31.196.4']);
    assert.equal(sorted('many.a.test').length, 32);
    assert.deepEqual(sorted('gone.a.test'), ['EAI_NONAME']);
    assert.deepEqual(sorted('evil.example'), ['EAI_NONAME']);
    assert.deepEqual(sorted('probe'), ['127.0.0.1', '::1']);
    assert.ok(
      questions.every((question) => question.includes('.a.test ')),
      questions.join(),
    );
    // After 5 s it asks again, resolv.conf(5).
    assert.ok(longest < 4.5, `took ${longest} s: a question was not answered`);
  });
}

test('glibc reports a failure of the server as temporary', () => {
  const { found } = askGlibc('timeout:1 attempts:1', ['broken.a.test']);
  assert.deepEqual(found['broken.a.test'], ['EAI_AGAIN']);
});
