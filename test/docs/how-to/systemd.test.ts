// Runs what the unit would: its ExecStart, ended by the signal that systemd sends. Whether systemd reads the unit as it is meant, its own
// systemd-analyze(1) says where it is.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from '../../harness/until.js';
import { distFor, readableFolder } from '../../harness/users.js';
import { Page, testThatAllWasRun } from '../page.js';
import { runCommands, startCommands } from '../run-commands.js';

const page = new Page('docs/how-to/systemd.md');
const folder = readableFolder();
const here = (text: string): string => text.replaceAll('/etc/postern', folder);
page.writeFiles(folder, 'postern.yaml');
const units = join(distFor('root'), '../deploy/systemd');
const unit = readFileSync(join(units, 'postern.service'), 'utf8');
appendFileSync(join(folder, 'postern.yaml'), 'control: off\n');

test('the file is right', async (t) => {
  const { status, stdout, stderr } = await runCommands(t, here(page.commands('postern check').text), {
    cwd: '/',
  });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /: 2 plugins, .* 0 warnings\n$/);
});

test('the command of the unit runs the plugins in their order, and SIGTERM ends it with 0', async (t) => {
  const [, command = ''] = /^ExecStart=(.*)$/m.exec(unit) ?? [];
  assert.match(command, /^postern up /);
  const line = here(command).replace('9464', '0');
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

function systemdAnalyze(...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', words, { encoding: 'utf8' });
  assert.deepEqual([status, stderr], [0, ''], stdout);
  return stdout;
}

test('systemd finds nothing wrong with the units', () => {
  const root = readableFolder();
  const system = join(root, 'etc/systemd/system');
  cpSync(units, system, { recursive: true });
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  writeFileSync(join(root, 'usr/bin/postern'), '#!/bin/sh\n', { mode: 0o755 });
  const names = ['postern.service', 'postern@one.service', 'postern.socket'];
  assert.equal(systemdAnalyze('verify', `--root=${root}`, '--recursive-errors=no', '--man=no', ...names), '');
});

test('the unit for each file differs in the file alone', () => {
  const other = readFileSync(join(units, 'postern@.service'), 'utf8');
  const settings = (text: string): readonly string[] =>
    text.split('\n').filter((line) => !/^(?:#|Description=)/.test(line));
  assert.deepEqual(settings(other.replaceAll('%i.yaml', 'postern.yaml')), settings(unit));
});

test('the page says how exposed the unit is, and names each setting that would make it less so', () => {
  const said = systemdAnalyze('security', '--offline=true', join(units, 'postern.service'));
  const [, figure = ''] = /exposure level for postern\.service: (\S+) /.exec(said) ?? [];
  assert.ok(page.text.includes(`says ${figure}.`), figure);
  const open = [...said.matchAll(/^✗ (\w+)=/gm)].map(([, name = '']) => `${name}=`);
  // The unit sets these as narrow as postern can have them, or they change nothing for root.
  const narrowed = [
    'CapabilityBoundingSet=',
    'RestrictAddressFamilies=',
    'DeviceAllow=',
    'Delegate=',
    'RootDirectory=',
    'UMask=',
  ];
  assert.deepEqual(
    open.filter((name) => !page.text.includes(`\`${name}`) && !narrowed.includes(name)),
    [],
  );
});

testThatAllWasRun(page);
