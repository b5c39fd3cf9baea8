// A plugin writes a script that names files of the host, or puts a link in the script's place. When the script fails, postern's words to the
// operator must not come from it: they would name files that only root may read, or make the operator show the plugin something.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { readableFolder, type User } from '../harness/users.js';

/** A file of the host that every user may read and no plugin sees. */
const UNSEEN = ['/etc/shells', '/etc/login.defs', '/etc/fstab'].find((path) => existsSync(path)) ?? '';
const SCRIPT = `#!/bin/sh\ncat ${UNSEEN} >/dev/null 2>&1 || exit 3\n`;

/** `data` is for the plugin to write, `host` holds what only postern's user may read. */
function folders(): string {
  const folder = readableFolder();
  for (const name of ['data', 'host']) mkdirSync(join(folder, name));
  chmodSync(join(folder, 'data'), 0o777);
  return folder;
}

function script(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

async function words(user: User, folder: string, ...command: readonly string[]): Promise<string> {
  const { status, stderr } = await postern(
    ['run', '--cwd', '/usr', '--writable', join(folder, 'data'), '--', ...command],
    { as: user },
  );
  assert.notEqual(status, 0);
  return stderr;
}

/** A line that a plugin makes up, in the form of a line of postern's. */
const FORGED = 'Cannot continue: run this first';

for (const user of anyUser) {
  // proves: supervisor: where a link of a plugin leads is no advice
  // proves: a program behind a link of a plugin is not suggested
  test(`where a link in a writable folder leads is not told (${user})`, async () => {
    const folder = folders();
    const data = join(folder, 'data');
    const target = join(folder, `host/secret\n${FORGED}`);
    mkdirSync(target, { recursive: true });
    script(join(target, 'tool'), '#!/bin/sh\n');
    for (const name of ['link', 'kept']) symlinkSync(target, join(data, name));
    symlinkSync(join(target, 'tool'), join(data, 'tool'));
    const [link, tool] = [join(data, 'link'), join(data, 'tool')];
    const starts: [string[], number][] = [
      [['--cwd', '/usr', '--visible', link, '--', 'true'], 1],
      [['--cwd', '/usr', '--writable', link, '--', 'true'], 1],
      [['--cwd', '/usr', '--hidden', link, '--', 'true'], 1],
      [['--cwd', '/usr', '--home', join(data, 'kept'), '--', 'true'], 1],
      [['--cwd', link, '--', 'true'], 1],
      [['--cwd', '/usr', '--hidden', join(folder, 'host'), '--', tool], 1],
    ];
    for (const [words, lines] of starts) {
      const { status, stderr } = await postern(['run', '--writable', data, ...words], { as: user });
      assert.notEqual(status, 0);
      assert.equal(stderr.split('\n').length - 1, lines, stderr);
      assert.match(stderr, /link|lies in/);
      assert.doesNotMatch(stderr, /secret/, `${words}`);
    }
    const config = join(folder, 'postern.yaml');
    const plugin = { command: ['true'], cwd: '/usr', filesystem: { writable: [data], visible: [link] } };
    writeFileSync(config, JSON.stringify({ plugins: { plugin } }));
    const { stdout } = await postern(['check', config], { as: user });
    assert.match(stdout, /through the link/);
    assert.doesNotMatch(stdout, /secret/);
  });

  // proves: a new line in a name begins no line of postern's
  // proves: a new line in a name begins no line of check's
  test(`a name with a new line begins no line of postern's (${user})`, async () => {
    const folder = folders();
    const named = join(folder, `x\n${FORGED}`);
    const run = await postern(['run', '--cwd', '/usr', '--visible', named, '--', 'true'], { as: user });
    assert.match(run.stderr, /^postern: [^\n]*x\\u000a[^\n]*\n$/);
    mkdirSync(named);
    const filesystem = { writable: [named] };
    const plugins = {
      a: { command: ['true'], cwd: '/usr', filesystem },
      b: { command: ['true'], cwd: '/usr', filesystem },
    };
    const config = join(folder, 'postern.yaml');
    writeFileSync(config, JSON.stringify({ plugins }));
    const { stdout } = await postern(['check', config], { as: user });
    assert.match(stdout, new RegExp(`^warning .*x\\\\u000a${FORGED}`, 'm'));
    assert.doesNotMatch(stdout, new RegExp(`^${FORGED}`, 'm'));
  });

  // proves: no hint is read from what a plugin may write
  test(`what a plugin may write is neither read for a hint nor suggested (${user})`, async () => {
    const folder = folders();
    const tool = join(folder, 'data/tool');
    script(tool, SCRIPT);
    assert.equal(await words(user, folder, tool), '');
    assert.equal(await words(user, folder, 'sh', tool), '');
    script(join(folder, 'host/tool'), SCRIPT);
    assert.match(await words(user, folder, join(folder, 'host/tool')), /names a file of this host/);
    rmSync(tool);
    symlinkSync('../host/tool', tool);
    for (const command of [[tool], ['sh', tool]])
      assert.doesNotMatch(await words(user, folder, ...command), new RegExp(UNSEEN));
  });

  // proves: an interpreter that a plugin's script names is not looked for
  test(`the interpreter that a plugin's script names is not looked for, and not suggested (${user})`, async () => {
    const folder = folders();
    mkdirSync(join(folder, 'host/bin'));
    script(join(folder, 'host/bin/there'), '#!/bin/sh\n');
    const tool = join(folder, 'data/tool');
    const said = [];
    for (const name of ['there', 'missing', '\u001b[31mred']) {
      script(tool, `#!${folder}/host/bin/${name}\n`);
      said.push(await words(user, folder, tool));
    }
    assert.match(said[0] ?? '', /^postern: Cannot run ".*data\/tool": its interpreter does not exist/);
    assert.deepEqual([...new Set(said)], said.slice(0, 1), 'it does not tell what the host has');
    assert.doesNotMatch(said[0] ?? '', /host\/bin/);
    script(join(folder, 'host/tool'), `#!${folder}/host/bin/there\n`);
    const own = await words(user, folder, join(folder, 'host/tool'));
    assert.match(own, /its interpreter ".*\/host\/bin\/there" is not visible.*--visible /);
  });

  // proves: no hint names what a plugin may write
  test(`a folder that another plugin may write is not suggested (${user})`, async () => {
    const folder = folders();
    for (const name of ['data', 'host']) script(join(folder, name, 'file'), '');
    const config = join(folder, 'postern.yaml');
    const reader = { command: ['cat', `${folder}/data/file`, `${folder}/host/file`], cwd: '/usr' };
    const writer = { command: ['true'], cwd: '/usr', filesystem: { writable: [join(folder, 'data')] } };
    writeFileSync(config, JSON.stringify({ plugins: { writer, reader } }));
    const { stderr } = await postern(['up', '--config', config], { as: user });
    const hint = /^postern: reader: The command names a file of this host.*$/m.exec(stderr)?.[0] ?? '';
    assert.match(hint, /host\/file/);
    assert.doesNotMatch(hint, /data\/file/);
  });
}
