// A plugin may write a folder, and the configuration names paths within it. If the plugin exchanges files there, a later start of itself,
// a neighbour or postern must still show, hide and run the same files.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { readableFolder, type User, users } from '../harness/users.js';

const needsRoot = process.geteuid?.() !== 0 && 'needs root';

/** Every user may write it, so only the sandbox protects it. */
function folders(...names: readonly string[]): string {
  const folder = readableFolder();
  chmodSync(folder, 0o777);
  for (const name of names) {
    mkdirSync(join(folder, name), { recursive: true });
    for (
      let part = name;
      part !== '.';
      part = part.includes('/') ? part.slice(0, part.lastIndexOf('/')) : '.'
    )
      chmodSync(join(folder, part), 0o777);
  }
  return folder;
}

const shell = (user: User, options: readonly string[], script: string) =>
  postern(['run', ...options, '--', 'sh', '-c', script], { as: user });

for (const user of users) {
  // proves: folders above what is hidden within a writable one are pinned
  test(`a plugin cannot move the folders above what is hidden or shown within its own (${user})`, async () => {
    const folder = folders('data/secret/deep', 'data/shown/deep');
    writeFileSync(join(folder, 'data/secret/deep/keys'), 'SECRET\n', { mode: 0o666 });
    const paths = [
      ...['--writable', join(folder, 'data'), '--hidden', join(folder, 'data/secret/deep/keys')],
      ...['--visible', join(folder, 'data/shown/deep')],
    ];
    const moves = ['secret', 'secret/deep', 'shown'].map(
      (name) => `mv ${folder}/data/${name} ${folder}/data/away 2>/dev/null && echo moved ${name}`,
    );
    const first = await shell(
      user,
      paths,
      `${moves.join('\n')}\nmkdir ${folder}/data/made && mv ${folder}/data/made ${folder}/data/kept; echo tried`,
    );
    assert.equal(first.stdout, 'tried\n', first.stderr);
    assert.ok(existsSync(join(folder, 'data/kept')), 'its other folders are its own');
    const second = await shell(
      user,
      paths,
      `cat ${folder}/data/secret/deep/keys; find ${folder}/data -type f -exec cat {} +`,
    );
    assert.doesNotMatch(second.stdout, /SECRET/);
  });
}

for (const user of anyUser) {
  // proves: a start follows no link that a plugin could have made
  test(`a link that a plugin could have put on the way to a path is refused (${user})`, async () => {
    const folder = folders('data', 'outside');
    writeFileSync(join(folder, 'outside/file'), 'SECRET\n', { mode: 0o666 });
    symlinkSync('../outside', join(folder, 'data/inner'));
    for (const option of ['--visible', '--writable', '--hidden', '--cwd']) {
      const { status, stdout, stderr } = await shell(
        user,
        ['--writable', join(folder, 'data'), option, join(folder, 'data/inner')],
        `cat ${folder}/outside/file`,
      );
      assert.equal(status, 125, stderr);
      assert.equal(stdout, '');
      assert.match(
        stderr,
        /leads through the link ".*\/data\/inner" in ".*\/data", which the plugin may write/,
      );
    }
  });

  // proves: a link in the plugin's folder shows nothing by itself
  test(`a link in a plugin's own folder shows nothing by itself (${user})`, async () => {
    const folder = folders('data/bin', 'outside/bin');
    writeFileSync(join(folder, 'outside/secret'), 'SECRET\n', { mode: 0o666 });
    writeFileSync(join(folder, 'outside/bin/tool'), `#!/bin/sh\ncat ${folder}/outside/secret\n`, {
      mode: 0o777,
    });
    symlinkSync('../../outside/bin/tool', join(folder, 'data/bin/tool'));
    const { status, stdout } = await postern(
      ['run', '--writable', join(folder, 'data'), '--', join(folder, 'data/bin/tool')],
      { as: user },
    );
    assert.notEqual(status, 0);
    assert.equal(stdout, '');
  });
}

for (const user of users) {
  // proves: what is named within a writable folder lies at each name of the folder
  test(`a plugin that writes its folder by a link changes nothing that is shown within it by another name (${user})`, async () => {
    const folder = folders('data/shown/deep', 'data/more/deep');
    const [link, way] = [join(folder, 'link'), join(folder, 'way')];
    symlinkSync('data', link);
    symlinkSync('data/more/deep', way);
    writeFileSync(join(folder, 'data/shown/deep/file'), 'as it was\n');
    chmodSync(join(folder, 'data/shown/deep/file'), 0o666);
    const script = [
      `echo x 2>/dev/null >${link}/shown/deep/file && echo wrote`,
      ...['shown', 'shown/deep', 'more', 'more/deep'].map(
        (name) => `mv ${link}/${name} ${link}/away 2>/dev/null && echo moved ${name}`,
      ),
      `echo x >${link}/made; cat ${folder}/data/shown/deep/file`,
    ];
    const { stdout, stderr } = await shell(
      user,
      ['--writable', link, '--visible', join(folder, 'data/shown/deep'), '--writable', way],
      script.join('\n'),
    );
    assert.equal(stdout, 'as it was\n', stderr);
    assert.ok(existsSync(join(folder, 'data/made')), 'the folder is its own');
  });
}

for (const [user, name] of users.flatMap((one) => [[one, 'data'] as const, [one, 'link'] as const])) {
  // proves: postern's own files are read-only within writable folders
  test(`a plugin changes no file of postern's within its own folder, named as ${name} (${user})`, async () => {
    const folder = folders('data/conf');
    symlinkSync('data', join(folder, 'link'));
    const own = join(folder, name);
    const rules = join(folder, 'data/conf/rules.yaml');
    const audit = join(folder, 'data/conf/audit.log');
    writeFileSync(rules, 'allow: []\n', { mode: 0o666 });
    writeFileSync(audit, '');
    for (const file of [rules, audit]) chmodSync(file, 0o666);
    const script = [
      `cd ${own}`,
      `echo 'allow: ["@public:*"]' 2>/dev/null >conf/rules.yaml && echo wrote rules`,
      'rm -f conf/rules.yaml 2>/dev/null && echo removed rules',
      'mv conf away 2>/dev/null && echo moved conf',
      'ln -sf /etc/passwd conf/audit.log 2>/dev/null && echo replaced audit',
      'echo x 2>/dev/null >>conf/audit.log && echo wrote audit',
      'echo tried',
    ].join('\n');
    const { stdout, stderr } = await shell(
      user,
      ['--writable', own, '--rules', rules, '--audit', audit],
      script,
    );
    assert.equal(stdout, 'tried\n', stderr);
    assert.equal(readFileSync(rules, 'utf8'), 'allow: []\n');
  });
}

for (const user of anyUser) {
  // proves: a path through what another plugin may write is refused
  test(`a path that leads through what another plugin may write is refused, by check too (${user})`, async () => {
    const folder = folders('data/inner');
    const config = join(folder, 'postern.yaml');
    writeFileSync(
      config,
      [
        'plugins:',
        '  writer:',
        '    command: ["true"]',
        '    filesystem: {writable: [data]}',
        '  reader:',
        '    command: ["true"]',
        '    filesystem: {visible: [data/inner]}',
        '',
      ].join('\n'),
      { mode: 0o644 },
    );
    const checked = await postern(['check', config], { as: user });
    assert.equal(checked.status, 1);
    assert.match(
      checked.stdout + checked.stderr,
      /data\/inner", which the plugin sees, leads through ".*\/data", which the plugin "writer" may write/,
    );
    const up = await postern(['up', '--config', config], { as: user });
    assert.equal(up.status, 2, up.stderr);
  });

  // proves: no plugin runs a program or interpreter that another plugin may write
  // proves: no plugin's own script names an interpreter that another plugin may write
  test(`a program, or a script's interpreter, that another plugin may write is refused, by check too (${user})`, async () => {
    const folder = folders('data/bin', 'tools', 'own');
    const script = (path: string, first: string): void =>
      writeFileSync(join(folder, path), `${first}\necho ran\n`, { mode: 0o755 });
    for (const path of ['data/bin/program', 'data/bin/shell']) script(path, '#!/bin/sh');
    script('tools/script', `#!${folder}/data/bin/shell`);
    script('tools/of-script', `#!${folder}/tools/script`);
    script('tools/found', '#!/usr/bin/env made-later');
    script('tools/made-later', '#!/bin/sh');
    symlinkSync('../data/bin/program', join(folder, 'tools/link'));
    // The folder above shows, and with it what the other plugin writes.
    const filesystem = { visible: [folder] };
    const env = { PATH: `${folder}/data/bin:${folder}/tools:/usr/bin:/bin` };
    const readers = {
      program: { command: [`${folder}/data/bin/program`], filesystem },
      script: { command: [`${folder}/tools/script`], filesystem },
      nested: { command: [`${folder}/tools/of-script`], filesystem },
      link: { command: [`${folder}/tools/link`], filesystem },
      searched: { command: ['made-later'], env, filesystem },
      env: { command: [`${folder}/tools/found`], env, filesystem },
    };
    const writer = { command: ['true'], filesystem: { writable: [join(folder, 'data')] } };
    const all = join(folder, 'all.yaml');
    writeFileSync(all, JSON.stringify({ plugins: { writer, ...readers } }, null, 1));
    const checked = await postern(['check', all], { as: user });
    assert.equal(checked.status, 1);
    const { status, stdout, stderr } = await postern(['up', '--config', all], { as: user });
    assert.equal(status, 2, stderr);
    assert.doesNotMatch(stdout, /ran/);
    for (const name of Object.keys(readers))
      for (const [said, begin] of [
        [checked.stdout, 'error '],
        [stderr, 'postern: '],
      ] as const)
        assert.match(
          said,
          new RegExp(
            `^${begin}.*yaml:\\d+:\\d+: plugins\\.${name}\\.command: .*, which the plugin runs, leads through ".*/data", which the plugin "writer" may write: .*keep it outside`,
            'm',
          ),
        );
    // A plugin may write its own script. What it names is asked by its own start.
    script('own/script', `#!${folder}/data/bin/shell`);
    const named = join(folder, 'named.yaml');
    const own = {
      command: [`${folder}/own/script`],
      filesystem: { ...filesystem, writable: [`${folder}/own`] },
    };
    writeFileSync(named, JSON.stringify({ plugins: { writer, own } }));
    for (const words of [
      ['check', named],
      ['up', '--config', named],
    ]) {
      const said = await postern(words, { as: user });
      assert.equal(said.status, 1, said.stderr);
      assert.doesNotMatch(said.stdout, /own \| ran/);
      assert.match(
        said.stdout + said.stderr,
        /plugins\.own\.command: ".*data\/bin\/shell", which the plugin runs, leads through ".*\/data"/,
      );
    }
    const config = join(folder, 'outside.yaml');
    const outside = { command: [`${folder}/tools/made-later`] };
    writeFileSync(config, JSON.stringify({ plugins: { writer, outside } }));
    assert.match((await postern(['up', '--config', config], { as: user })).stdout, /^outside \| ran$/m);
  });
}

for (const user of users) {
  // proves: a path below a bind mount of what a plugin may write is refused
  // proves: postern's own files are read-only below a bind mount too
  test(`a bind mount of a writable folder changes nothing (${user})`, { skip: needsRoot }, async () => {
    const folder = folders('data/conf', 'again', 'home');
    const rules = join(folder, 'data/rules.yaml');
    writeFileSync(rules, 'allow: []\n');
    chmodSync(rules, 0o666);
    const mounted = [
      'unshare',
      '--mount',
      'sh',
      '-c',
      `mount --bind ${folder}/data ${folder}/again && exec "$@"`,
      'sh',
    ];
    const again = join(folder, 'again');
    const run = (options: readonly string[], script: string) =>
      postern(['run', ...options, '--', 'sh', '-c', script], { as: user, inside: mounted });
    const { stdout, stderr } = await run(
      ['--rules', rules, '--writable', again],
      `(echo x >>${again}/rules.yaml) 2>/dev/null && echo wrote rules; rm -f ${again}/rules.yaml 2>/dev/null && echo removed rules; echo tried`,
    );
    assert.equal(stdout, 'tried\n', stderr);
    const refused = await run(['--writable', again, '--visible', join(folder, 'data/conf')], 'echo ran');
    assert.equal(refused.status, 125, refused.stderr);
    assert.match(refused.stderr, /conf", which the plugin sees, leads through ".*\/again"/);
  });
}
