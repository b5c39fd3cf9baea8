// A plugin may write a folder in which somebody runs `postern up` later. What it leaves there must not become that start's configuration.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ownFolder } from '../harness/own-folder.js';
import { postern } from '../harness/postern.js';
import { chownTo, users } from '../harness/users.js';

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

for (const as of users) {
  for (const [name, options] of [
    ['its working directory', (top: string) => ['--cwd', top, '--writable', top]],
    ['another folder', (top: string) => ['--cwd', '/usr', '--writable', top]],
    [
      "a folder above postern's working directory",
      (top: string) => ['--cwd', '/usr', '--writable', join(top, '..')],
    ],
  ] as const)
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
