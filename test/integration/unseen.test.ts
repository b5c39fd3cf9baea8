import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { type PosternResult, postern } from '../harness/postern.js';
import { readableFolder } from '../harness/users.js';

/** A file of the host that every user may read and no plugin sees. */
const UNSEEN = ['/etc/shells', '/etc/login.defs', '/etc/fstab'].find((path) => existsSync(path)) ?? '';

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

/** The lines of postern. */
const said = ({ stderr }: PosternResult): string[] =>
  stderr.split('\n').filter((line) => line.startsWith('postern: '));

for (const user of anyUser) {
  const run = (words: readonly string[], args: readonly string[] = [], env = {}): Promise<PosternResult> =>
    postern(['run', ...args, '--', ...words], {
      as: user,
      env: { PATH: '/usr/bin:/bin', HOME: '/nonexistent', ...env },
    });

  test(`a script that failed for a file that does not show gets a line with the option that shows it (${user})`, async () => {
    assert.ok(UNSEEN !== '');
    const tool = join(readableFolder(), 'app/bin/tool');
    write(
      tool,
      `#!/bin/sh\n# /etc/group is no file that is read\ncat ${UNSEEN} >/dev/null && echo found || exit 3\n`,
    );
    const failed = await run([tool]);
    assert.equal(failed.status, 3);
    assert.deepEqual(said(failed), [
      `postern: "${tool}" names a file of this host that is not visible to it; if the program needs that, show it with --visible ${UNSEEN}`,
    ]);
    const shown = await run([tool], ['--visible', UNSEEN]);
    assert.deepEqual([shown.status, shown.stdout, shown.stderr], [0, 'found\n', '']);
  });

  test(`a shim of a version manager gets a line, and runs with the folder that the line names (${user})`, async () => {
    const home = readableFolder();
    const root = join(home, '.pyenv');
    write(join(root, 'shims/tool'), `#!/bin/sh\nexec "${root}/libexec/pyenv" exec tool\n`);
    write(join(root, 'libexec/pyenv'), '#!/bin/sh\necho the real one\n');
    const env = { PATH: `${root}/shims:/usr/bin:/bin`, HOME: home };
    const failed = await run(['tool'], [], env);
    assert.equal(failed.status, 127);
    assert.deepEqual(said(failed), [
      `postern: "tool" is a shim of pyenv, whose files are not visible to it; if the program needs that, show it with --visible ${root}, or run the program that "pyenv which tool" prints`,
    ]);
    const shown = await run(['tool'], ['--visible', root], env);
    assert.deepEqual([shown.status, shown.stdout, shown.stderr], [0, 'the real one\n', '']);
  });

  test(`a refused connect is told before the files that do not show (${user})`, async () => {
    const file = join(readableFolder(), 'a');
    writeFileSync(file, '');
    const lines = said(await run(['bash', '-c', 'true 2>&1 >/dev/tcp/192.88.99.7/80', file]));
    assert.deepEqual(
      lines.map((line) => line.replace(/: .*?(Cannot connect|The command names).*/, ' $1')),
      ['postern Cannot connect', 'postern The command names'],
    );
  });

  test(`files that the command names and that do not show are named in one line, at most three (${user})`, async () => {
    const folder = readableFolder();
    const names = ["it's", 'b', 'c', 'd'].map((name) => join(folder, name));
    for (const path of names) writeFileSync(path, `${path}\n`);
    const failed = await run(['cat', ...names]);
    assert.equal(failed.status, 1);
    const quoted = `'${folder}/it'\\''s'`;
    assert.deepEqual(said(failed), [
      `postern: The command names files of this host that are not visible to it; if the program needs that, show them with --visible ${quoted} --visible ${names[1]} --visible ${names[2]}`,
    ]);
    const shown = await run(
      ['cat', ...names],
      names.flatMap((path) => ['--visible', path]),
    );
    assert.deepEqual([shown.status, shown.stderr], [0, '']);
  });

  test(`a program that succeeds, or that a signal ends, gets no such line (${user})`, async () => {
    const path = join(readableFolder(), 'file');
    writeFileSync(path, '');
    for (const script of ['exit 0', 'kill -9 $$']) {
      const ended = await run(['sh', '-c', script, path]);
      assert.deepEqual(said(ended), [], script);
    }
    assert.equal(said(await run(['sh', '-c', 'exit 1', path])).length, 1);
  });

  test(`up prints the line once per plugin, with the key of the file, and learn before its JSON (${user})`, async () => {
    const folder = readableFolder();
    const path = join(readableFolder(), 'data');
    writeFileSync(path, '');
    const counted = join(folder, 'counted');
    mkdirSync(counted);
    writeFileSync(join(counted, 'runs'), '');
    for (const name of ['', 'runs']) chmodSync(join(counted, name), 0o777);
    const config = join(folder, 'postern.yaml');
    writeFileSync(
      config,
      `plugins:
  web: {command: [cat, ${path}]}
  again:
    command: [sh, -c, 'echo x >>counted/runs; [ $(wc -l <counted/runs) -gt 2 ] || cat "$0"', ${path}]
    filesystem: {writable: [./counted]}
    restart: {policy: on-failure, delay_ms: 10, max_delay_ms: 10}
`,
    );
    const { stderr } = await postern(['up', '--config', config], { as: user });
    assert.equal(readFileSync(join(counted, 'runs'), 'utf8'), 'x\n'.repeat(3), stderr);
    assert.deepEqual(
      stderr
        .split('\n')
        .filter((line) => line.includes('is not visible to it'))
        .sort(),
      ['again', 'web'].map(
        (name) =>
          `postern: ${name}: The command names a file of this host that is not visible to it; if the program needs that, add "${path}" to plugins.${name}.filesystem.visible in ${config}`,
      ),
    );
    const learnt = await postern(['learn', '--json', '--', 'cat', path], { as: user });
    assert.equal(learnt.status, 1);
    assert.match(learnt.stderr, new RegExp(`^postern: The command names a file .* --visible ${path}$`, 'm'));
    assert.equal(JSON.parse(learnt.stderr.trim().split('\n').at(-1) ?? '').status, 1);
  });
}
