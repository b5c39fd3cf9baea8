import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PATIENCE } from '../harness/patience.js';
import { hasEnded } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { runFile } from './run-file.js';

/** Long enough for a test to begin. */
const LIMIT_MS = 1_000 * PATIENCE;

test('a file without a test has failed, unless it may be empty', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'empty.test.js'), `require('node:test');`);
  const options = { words: [], node: [], tests: folder, limitMs: LIMIT_MS };
  const { tests } = await runFile('empty', options);
  assert.deepEqual(
    tests.map(({ outcome, why }) => [outcome, why]),
    [['failed', 'it ran no test']],
  );
  assert.deepEqual((await runFile('empty', { ...options, mayBeEmpty: true })).tests, []);
});

test('a test that hangs is named at its limit, and what it has started in a session of its own is ended', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const started = join(folder, 'started');
  writeFileSync(
    join(folder, 'hangs.test.js'),
    `const { spawn } = require('node:child_process');
     const { writeFileSync } = require('node:fs');
     const { test } = require('node:test');
     test('passes', () => undefined);
     test('hangs', () => {
       const { pid } = spawn('setsid', ['sleep', '3600'], { stdio: 'ignore' });
       writeFileSync(${JSON.stringify(started)}, String(pid));
       return new Promise(() => setInterval(() => undefined, 1_000));
     });`,
  );
  const { tests } = await runFile('hangs', { words: [], node: [], tests: folder, limitMs: LIMIT_MS });
  assert.deepEqual(
    tests.map((one) => [one.test, one.outcome, one.why]),
    [
      ['passes', 'passed', undefined],
      ['hangs', 'failed', `not done within ${LIMIT_MS / 1_000} s`],
    ],
  );
  const pid = Number(readFileSync(started, 'utf8'));
  await until(() => hasEnded(pid) || undefined);
});
