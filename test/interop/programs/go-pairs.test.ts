// A Go program makes pairs of AF_UNIX datagram sockets, outside and in a sandbox.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { anyUser } from '../../harness/asked.js';
import { PATIENCE } from '../../harness/patience.js';
import { postern } from '../../harness/postern.js';
import { compileGo } from './compile.js';

const program = compileGo(new URL('pairs.go', import.meta.url));

for (const user of anyUser) {
  test(`a Go program has its pairs of datagram sockets, in many goroutines (${user})`, async () => {
    const expected = execFileSync(program, { encoding: 'utf8', timeout: 60_000 * PATIENCE });
    assert.match(expected, /^failed: 0$/m);
    const { stdout, stderr } = await postern(['run', '--visible', program, '--', program], { as: user });
    assert.equal(stdout, expected, stderr);
  });
}
