// A plugin may write a folder in which somebody runs `postern up` later. What it leaves there must not become that start's configuration.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import { ownFolder } from '../harness/own-folder.js';
import { postern } from '../harness/postern.js';
import { chownTo } from '../harness/users.js';

const CONFIG = 'defaults: {presets: [rules/base.yaml]}\nplugins: {good: {command: [echo, own]}}\n';
const RULES = 'allow: [api.example.com]\n';
const ATTACK = `
for file in postern.yaml rules/base.yaml; do
  (echo 'allow: ["*.example.net"]' >$file) 2>/dev/null && echo wrote $file
  rm -f $file 2>/dev/null && echo removed $file
  (echo x >new && mv new $file) 2>/dev/null && echo replaced $file
done
mv rules away 2>/dev/null && echo moved rules
touch tried && echo tried`;

// proves: the configuration of a later start is read-only within writable folders
for (const [turn, [name, options]] of (
  [
    ['its working directory', (top: string) => ['--cwd', top, '--writable', top]],
    ['another folder', (top: string) => ['--cwd', '/usr', '--writable', top]],
    [
      "a folder above postern's working directory",
      (top: string) => ['--cwd', '/usr', '--writable', join(top, '..')],
    ],
  ] as const
).entries()) {
  for (const as of userInTurn(turn))
    test(`a plugin that writes ${name} changes no postern.yaml and no preset there (${as})`, async () => {
      const top = join(ownFolder(as), 'project');
      mkdirSync(join(top, 'rules'), { recursive: true });
      writeFileSync(join(top, 'postern.yaml'), CONFIG);
      writeFileSync(join(top, 'rules/base.yaml'), RULES);
      for (const one of ['', 'rules', 'postern.yaml', 'rules/base.yaml']) chownTo(as, join(top, one));
      const { stdout, stderr } = await postern(
        ['run', ...options(top), '--', 'sh', '-c', `cd ${top}\n${ATTACK}`],
        { as, cwd: top },
      );
      assert.equal(stdout, 'tried\n', stderr);
      assert.equal(readFileSync(join(top, 'postern.yaml'), 'utf8'), CONFIG);
      assert.equal(readFileSync(join(top, 'rules/base.yaml'), 'utf8'), RULES);
    });
}

for (const as of anyUser) {
  test(`a plugin that makes a postern.yaml is reported when it ends (${as})`, async () => {
    const top = ownFolder(as);
    const file = join(top, 'postern.yaml');
    const run = (script: string) =>
      postern(['run', '--cwd', top, '--writable', top, '--', 'sh', '-c', script], { as });
    const made = await run('echo plugins: >postern.yaml');
    assert.equal(existsSync(file), true);
    assert.match(made.stderr, new RegExp(`made "${file}", which "postern up" obeys`));
    assert.equal(made.status, 0);
    const next = await run('echo x >>postern.yaml');
    assert.doesNotMatch(next.stderr, /which "postern up" obeys/);
    assert.equal(readFileSync(file, 'utf8'), 'plugins:\n');
  });
}

const MANY_KEYS = `plugins:\n${Array.from({ length: 60_000 }, (_, index) => ` a${index}:\n`).join('')}`;
const MANY_PRESETS = `defaults: {presets: [${Array.from({ length: 101 }, (_, index) => `a${index}`).join(', ')}]}\n`;

for (const [turn, [what, text, command]] of (
  [
    // proves: a large postern.yaml that a plugin left is not parsed
    ['a postern.yaml that takes minutes to parse', MANY_KEYS, 'run'],
    // proves: many presets of a postern.yaml that a plugin left are not looked for
    ['a postern.yaml with many presets', MANY_PRESETS, 'run'],
    // proves: a large postern.yaml that a plugin left is not parsed
    ['a postern.yaml that takes minutes to parse', MANY_KEYS, 'check'],
  ] as const
).entries()) {
  for (const as of userInTurn(turn))
    test(`${what}, which a plugin left in its folder, refuses ${command} at once (${as})`, async () => {
      const top = ownFolder(as);
      mkdirSync(join(top, 'given'));
      writeFileSync(join(top, 'given/postern.yaml'), text);
      writeFileSync(
        join(top, 'postern.yaml'),
        'plugins: {one: {command: ["true"], filesystem: {writable: [given]}}}\n',
      );
      for (const file of ['given', 'given/postern.yaml', 'postern.yaml']) chownTo(as, join(top, file));
      const words = command === 'run' ? ['run', '--writable', 'given', '--', 'true'] : ['check'];
      const { status, stdout, stderr } = await postern(words, { as, cwd: top, timeoutMs: 30_000 });
      assert.equal(status, command === 'run' ? 125 : 1, stdout);
      assert.match(
        `${stdout}${stderr}`,
        /given\/postern\.yaml", in a folder that the plugin may write, has more than/,
      );
    });
}

for (const as of anyUser) {
  test(`a postern.yaml that is a link to an endless file is not read without end (${as})`, async () => {
    const top = ownFolder(as);
    // Of size 0 for stat(2), and of terabytes for read(2).
    symlinkSync('/proc/self/pagemap', join(top, 'postern.yaml'));
    const { status, stdout } = await postern(['check', './postern.yaml'], {
      as,
      cwd: top,
      timeoutMs: 30_000,
    });
    assert.equal(status, 1);
    assert.match(stdout, /is larger than 4 MiB/);
    const ran = await postern(['run', '--writable', top, '--', 'true'], { as, cwd: '/', timeoutMs: 30_000 });
    assert.equal(ran.status, 125, ran.stderr);
    assert.match(ran.stderr, /leads through the link/);
  });

  test(`postern's own large postern.yaml in a writable folder is no such file (${as})`, async () => {
    const top = ownFolder(as);
    const text = `# ${'x'.repeat(40_000)}\nplugins: {one: {command: ["true"], filesystem: {writable: [.]}}}\n`;
    writeFileSync(join(top, 'postern.yaml'), text);
    chownTo(as, join(top, 'postern.yaml'));
    const { status, stdout } = await postern(['check'], { as, cwd: top });
    assert.equal(status, 0, stdout);
  });
}
