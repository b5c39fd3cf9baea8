// `postern audit` reads the file that an `up` has written, follows it over a rotation, and reads no other place.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AUDIT_EXAMPLES } from '../../deploy/reference/audit-examples.js';
import { anyUser } from '../harness/asked.js';
import { postern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder } from '../harness/users.js';

const [as = 'user'] = anyUser;
const TRY = 'for host in 192.0.2.7 192.0.2.8; do bash -c "</dev/tcp/$host/80" 2>/dev/null; done; true';

test('audit prints what was refused, of one plugin and since a time, and as JSON', async () => {
  const cwd = readableFolder();
  chownTo(as, cwd);
  const plugins = { web: { command: ['bash', '-c', TRY] }, other: { command: ['bash', '-c', TRY] } };
  writeFileSync(join(cwd, 'mine.yaml'), JSON.stringify({ audit: { to: './log' }, plugins }));
  assert.equal((await postern(['up', 'mine.yaml'], { as, cwd })).status, 0);
  appendFileSync(join(cwd, 'log'), 'cut off\n');
  const read = (...words: readonly string[]) =>
    postern(['audit', '--config', 'mine.yaml', ...words], { as, cwd });
  const { status, stdout, stderr } = await read('--plugin', 'web', '--since', '1h');
  assert.deepEqual([status, stderr], [0, 'postern: 1 line is no event\n']);
  assert.match(
    stdout,
    /^\S+Z web: Cannot connect to "192\.0\.2\.7:80": .*; to allow it: add "192\.0\.2\.7:80" to plugins\.web\.allow$/m,
  );
  assert.doesNotMatch(stdout, /other/);
  assert.equal((await read('--since', '2999-01-01')).stdout, '');
  const json = await read('--json');
  const events = json.stdout.trimEnd().split('\n');
  assert.deepEqual(
    new Set(events.map((line) => (JSON.parse(line) as { plugin: string }).plugin)),
    new Set(['web', 'other']),
  );
});

for (const [format, key] of [
  ['ocsf', 'class_uid'],
  ['ecs', 'ecs'],
] as const)
  test(`a log in the form ${format} is that alone: what postern itself tells is as before, and audit refuses to read the log`, async () => {
    const cwd = readableFolder();
    chownTo(as, cwd);
    const plugins = { web: { command: ['bash', '-c', TRY] } };
    writeFileSync(join(cwd, 'postern.yaml'), JSON.stringify({ audit: { to: './log', format }, plugins }));
    const { status, stderr } = await postern(['up'], { as, cwd });
    assert.equal(status, 0, stderr);
    assert.match(stderr, /Cannot connect to "192\.0\.2\.7:80": .*; to allow it: add "192\.0\.2\.7:80"/);
    const lines = readFileSync(join(cwd, 'log'), 'utf8').trimEnd().split('\n');
    assert.ok(lines.length >= 2 && lines.every((line) => key in JSON.parse(line)), lines[0]);
    const read = await postern(['audit'], { as, cwd });
    assert.deepEqual([read.status, read.stdout], [1, '']);
    assert.match(
      read.stderr,
      new RegExp(`Cannot read ".*/log": it is in the form ${format}; .*audit\\.format`),
    );
  });

test('audit --follow goes on in the file that takes the place of the log', async (t) => {
  const folder = readableFolder();
  const log = join(folder, 'log');
  const line = (program: string): string =>
    `${JSON.stringify({ ...AUDIT_EXAMPLES.decision, plugin: 'web', program })}\n`;
  writeFileSync(log, line('first'));
  const { child, result, stdout: seen } = startPostern(['audit', log, '-f'], { as });
  t.after(() => child.kill('SIGKILL'));
  const sees = (program: string): Promise<unknown> =>
    until(() => seen().includes(`"${program}"`) || undefined);
  await sees('first');
  appendFileSync(log, line('second'));
  await sees('second');
  renameSync(log, `${log}.1`);
  appendFileSync(`${log}.1`, line('third'));
  writeFileSync(log, line('fourth'));
  await sees('fourth');
  assert.deepEqual(
    [...seen().matchAll(/\("(\w+)", pid/g)].map(([, name]) => name),
    ['first', 'second', 'third', 'fourth'],
  );
  child.kill('SIGTERM');
  await result;
});

test('audit says where the log is if it is no file, and reads nothing from a pipe', async () => {
  const cwd = readableFolder();
  writeFileSync(join(cwd, 'postern.yaml'), 'plugins: {web: {command: [node]}}\n');
  const none = await postern(['audit'], { as, cwd });
  assert.deepEqual([none.status, none.stdout], [1, '']);
  assert.match(
    none.stderr,
    /^postern: .*postern\.yaml.*: audit: the log goes to stderr and not to a file; write a path/,
  );
  spawnSync('mkfifo', ['-m', '644', join(cwd, 'pipe')]);
  const pipe = await postern(['audit', 'pipe', '--follow'], { as, cwd });
  assert.deepEqual([pipe.status, pipe.stderr.includes('it is no regular file')], [1, true]);
  const missing = await postern(['audit', 'missing'], { as, cwd });
  assert.deepEqual([missing.status, missing.stderr.split('\n').length], [1, 2]);
});
