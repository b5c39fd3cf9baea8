// needs: mandoc, groff-base
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { COMMAND_NAMES } from '../../sandbox/cli/command-table.js';
import { postern } from '../harness/postern.js';
import { distFor, users } from '../harness/users.js';

const [anyone = 'user'] = users;
const folder = join(distFor('root'), 'man');

/** As a person reads it, in one line. */
function shown(page: string): string {
  const { status, stdout, stderr } = spawnSync(
    'mandoc',
    ['-T', 'ascii', '-O', 'width=200', join(folder, page)],
    {
      encoding: 'utf8',
    },
  );
  assert.deepEqual([status, stderr], [0, '']);
  return stdout.replace(/.\x08/g, '').replace(/\s+/g, ' ');
}

test('there is a page for postern, for each command and for the file', () => {
  const pages = COMMAND_NAMES.map((name) => `postern-${name}.1`);
  assert.deepEqual(readdirSync(folder).sort(), ['postern.1', 'postern.yaml.5', ...pages].sort());
  const top = shown('postern.1');
  for (const name of COMMAND_NAMES) assert.ok(top.includes(`postern-${name}(1)`), name);
});

test('each page has all that the help of its command says', async () => {
  for (const words of [...COMMAND_NAMES.map((name) => [name]), ['learn', 'web'], ['asks', 'approve']]) {
    const { stdout } = await postern([...words, '--help'], { as: anyone });
    const page = shown(`postern-${words[0]}.1`);
    const help = stdout
      .slice(stdout.indexOf('\n\n'))
      .replace(/^Exit status: /gm, '\n')
      .replace(/^[A-Z][a-z]+:/gm, '')
      .split(/\n(?: {2}(?=-|\w+ {2,})|\n)|(?<=^ {2}\S.*) {2,}/m)
      .map((part) => part.replace(/\s+/g, ' ').trim())
      .filter((part) => part !== '' && !/^(?:approve|deny) /.test(part));
    assert.ok(help.length > 3, words.join(' '));
    for (const part of help.flatMap((one) => one.split(/ {2,}|(?<=<[^>]*>(?:\.\.\.)?) /)))
      assert.ok(page.includes(part), `${words.join(' ')}: ${part}`);
  }
});

test('the page of postern.yaml has every key of docs/config.md', () => {
  const keys =
    readFileSync(join(folder, '../../docs/config.md'), 'utf8').match(
      /^\| `[^`]+`(?= \| (?!never|`seccomp))/gm,
    ) ?? [];
  const page = shown('postern.yaml.5');
  const names = keys.map((key) => key.slice(3, -1)).filter((name) => !name.includes(','));
  assert.ok(names.includes('filesystem.visible') && names.length > 50);
  for (const name of names) assert.ok(page.includes(` ${name} `), name);
});

test('mandoc and groff warn of nothing in the pages', () => {
  const paths = readdirSync(folder).map((page) => join(folder, page));
  const linted = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', ...paths], { encoding: 'utf8' });
  // A version has its date once it is released.
  const warnings = linted.stdout.split('\n').filter((line) => line !== '' && !line.includes('missing date'));
  assert.deepEqual(warnings, []);
  const { stdout, stderr } = spawnSync('groff', ['-man', '-ww', '-Tutf8', '-z', ...paths], {
    encoding: 'utf8',
  });
  assert.deepEqual([stdout, stderr], ['', '']);
});
