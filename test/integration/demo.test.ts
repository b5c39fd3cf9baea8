import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { PATIENCE } from '../harness/patience.js';
import { asUser, distFor } from '../harness/users.js';

for (const user of anyUser) {
  test(`the demo shows what is allowed, what is refused and the metrics, and ends with 0 in time (${user})`, () => {
    const [command = '', ...args] = [
      ...asUser(user),
      process.execPath,
      join(distFor(user), 'deploy/examples/demo/main.js'),
    ];
    const { status, stdout } = spawnSync(command, args, {
      cwd: '/',
      encoding: 'utf8',
      timeout: 15_000 * PATIENCE,
    });
    assert.equal(status, 0, stdout);
    assert.match(stdout, /^plugin {3}\| HTTP from 127\.0\.0\.1:\d+: you asked for \/greeting$/m);
    assert.match(stdout, /^plugin {3}\| TCP from .*: hello, this server speaks first \/ you said good day$/m);
    assert.match(
      stdout,
      /^plugin {3}\| refused tracker\.example\.com:443: EACCES, no_rule; .*: tracker\.example\.com:443$/m,
    );
    assert.match(stdout, /^decision \| allow 127\.0\.0\.1:\d+ \(rule, connected\)$/m);
    assert.match(stdout, /^metrics {2}\| postern_connects_total\{plugin="demo",outcome="connected"\} [12]$/m);
    assert.match(stdout, /the forbidden upstream heard 0 connections$/m);
  });
}
