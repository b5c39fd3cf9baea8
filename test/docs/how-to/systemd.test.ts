// Runs what the unit would: its ExecStart, ended by the signal that systemd sends. Whether systemd reads the unit as it is meant, its own
// systemd-analyze(1) says where it is.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from '../../harness/until.js';
import { readableFolder } from '../../harness/users.js';
import { Page, testThatAllWasRun } from '../page.js';
import { runCommands, startCommands } from '../run-commands.js';

const page = new Page('docs/how-to/systemd.md');
const folder = readableFolder();
const here = (text: string): string => text.replaceAll('/etc/postern', folder);
page.writeFiles(folder, 'postern.yaml', 'postern.service');
appendFileSync(join(folder, 'postern.yaml'), 'control: off\n');

test('the file is right', async (t) => {
  const { status, stdout, stderr } = await runCommands(t, here(page.commands('postern check').text), {
    cwd: '/',
  });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /: 2 plugins, .* 0 warnings\n$/);
});

test('the command of the unit runs the plugins in their order, and SIGTERM ends it with 0', async (t) => {
  const unit = readFileSync(join(folder, 'postern.service'), 'utf8');
  const [, command = ''] = /^ExecStart=(.*)$/m.exec(unit) ?? [];
  assert.match(command, /^\/usr\/local\/bin\/postern up /);
  const line = here(command).replace('/usr/local/bin/', '').replace('9464', '0');
  const { child, result } = startCommands(t, line, { cwd: '/' });
  let stdout = '';
  child.stdout?.on('data', (text: string) => {
    stdout += text;
  });
  // The second one starts when the first one runs, so either may print before the other.
  await until(() => /^reports \| reporting$/m.test(stdout) || undefined, 30_000);
  await until(() => /^collector \| collecting$/m.test(stdout) || undefined, 30_000);
  child.kill('SIGTERM');
  const { status, stderr } = await result;
  assert.equal(status, 0, stderr);
});

test('systemd finds nothing wrong with the unit', () => {
  const root = readableFolder();
  const write = (path: string, text: string, mode: number): void => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text, { mode });
  };
  write('etc/systemd/system/postern.service', page.file('postern.service'), 0o644);
  write('usr/local/bin/postern', '#!/bin/sh\n', 0o755);
  const words = ['verify', `--root=${root}`, '--recursive-errors=no', 'postern.service'];
  const { status, stdout, stderr } = spawnSync('systemd-analyze', words, { encoding: 'utf8' });
  assert.deepEqual([status, stdout, stderr], [0, '', '']);
});

testThatAllWasRun(page);
