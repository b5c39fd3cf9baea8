// A plugin may write a folder in which somebody runs `postern up` later. What it leaves there must not become that start's configuration.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import { ownFolder } from '../harness/own-folder.js';
import { postern } from '../harness/postern.js';
import { chownTo, users } from '../harness/users.js';

const CONFIG = 'plugins: {good: {command: [echo, own]}}\n';
const RULES = 'allow: [api.example.com]\n';
const ATTACK = `
(echo 'allow: ["*.example.net"]' >postern.yaml) 2>/dev/null && echo wrote
rm -f postern.yaml 2>/dev/null && echo removed
(echo x >new && mv new postern.yaml) 2>/dev/null && echo replaced
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
    test(`a plugin that writes ${name} changes no postern.yaml there (${as})`, async () => {
      const top = join(ownFolder(as), 'project');
      mkdirSync(top);
      writeFileSync(join(top, 'postern.yaml'), CONFIG);
      for (const one of ['', 'postern.yaml']) chownTo(as, join(top, one));
      const { stdout, stderr } = await postern(
        ['run', ...options(top), '--', 'sh', '-c', `cd ${top}\n${ATTACK}`],
        { as, cwd: top },
      );
      assert.equal(stdout, 'tried\n', stderr);
      assert.equal(readFileSync(join(top, 'postern.yaml'), 'utf8'), CONFIG);
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
    assert.match(made.stderr, new RegExp(`may have made "${file}", which "postern up" obeys`));
    assert.equal(made.status, 0);
    const next = await run('echo x >>postern.yaml');
    assert.doesNotMatch(next.stderr, /which "postern up" obeys/);
    assert.equal(readFileSync(file, 'utf8'), 'plugins:\n');
  });
}

/** Each is what a plugin leaves as `given/postern.yaml`. `hidden/keys` is hidden from it. */
const PLANTED: readonly (readonly [string, string])[] = [
  ['names a hidden file', "echo 'plugins: {x: {command: [x], presets: [hidden/keys]}}' >"],
  ['names the whole file system', "echo 'plugins: {x: {command: [x], presets: [/]}}' >"],
  ['is nested without end', "yes -- '- ' | head -16000 | tr -d '\\n' >"],
  ['is large', 'head -c 40000 /dev/zero >'],
  ['is a link to a pipe of the host', 'ln -s PIPE'],
  ['is a folder', 'mkdir'],
];

for (const [turn, [what, plant]] of PLANTED.entries()) {
  for (const as of turn === 0 ? users : userInTurn(turn))
    test(`a postern.yaml that a plugin leaves and that ${what} changes no later start (${as})`, async () => {
      const top = ownFolder(as);
      const pipe = join(top, 'pipe');
      mkdirSync(join(top, 'given/hidden'), { recursive: true });
      writeFileSync(join(top, 'given/hidden/keys'), 'a secret\n');
      execFileSync('mkfifo', [pipe]);
      const filesystem = '{writable: [given], hidden: [given/hidden]}';
      const look = '[sh, -c, "cat given/hidden/keys; ls given/hidden; echo looked"]';
      writeFileSync(join(top, 'up.yaml'), `plugins: {one: {command: ${look}, filesystem: ${filesystem}}}\n`);
      for (const file of ['given', 'given/hidden', 'given/hidden/keys', 'pipe', 'up.yaml'])
        chownTo(as, join(top, file));
      const hide = ['--writable', 'given', '--hidden', 'given/hidden'];
      const script = `${plant.replace('PIPE', pipe)} given/postern.yaml && echo planted`;
      const planted = await postern(['run', ...hide, '--', 'sh', '-c', script], { as, cwd: top });
      assert.equal(planted.stdout, 'planted\n', planted.stderr);
      // It waits until somebody opens the pipe.
      const writer = spawn('sh', ['-c', `echo heard >${pipe}`], { stdio: 'ignore' });
      const up = await postern(['up', '--config', 'up.yaml'], { as, cwd: top });
      assert.match(up.stdout, /looked/);
      assert.doesNotMatch(`${up.stdout}${up.stderr}`, /secret|keys\n/);
      assert.deepEqual([writer.exitCode, writer.signalCode], [null, null], 'nobody opened the pipe');
      assert.equal(readFileSync(pipe, 'utf8'), 'heard\n');
    });
}

// proves: a file of postern's own shows nothing that is hidden
for (const as of users)
  test(`postern's own rules in a hidden folder stay hidden (${as})`, async () => {
    const top = ownFolder(as);
    mkdirSync(join(top, 'given/hidden'), { recursive: true });
    writeFileSync(join(top, 'given/hidden/rules.yaml'), RULES);
    for (const file of ['given', 'given/hidden', 'given/hidden/rules.yaml']) chownTo(as, join(top, file));
    const options = ['--writable', 'given', '--hidden', 'given/hidden', '--rules', 'given/hidden/rules.yaml'];
    const look = 'cat given/hidden/rules.yaml; ls given/hidden; echo looked';
    const { stdout, stderr } = await postern(['run', ...options, '--', 'sh', '-c', look], { as, cwd: top });
    assert.equal(stdout, 'looked\n', stderr);
  });

for (const as of anyUser)
  test(`a postern.yaml that is a link to an endless file is not read without end (${as})`, async () => {
    const top = ownFolder(as);
    // Of size 0 for stat(2), and of terabytes for read(2).
    symlinkSync('/proc/self/pagemap', join(top, 'postern.yaml'));
    const options = { as, cwd: top, timeoutMs: 30_000 };
    const { status, stdout } = await postern(['check', './postern.yaml'], options);
    assert.equal(status, 1);
    assert.match(stdout, /is larger than 4 MiB/);
  });
