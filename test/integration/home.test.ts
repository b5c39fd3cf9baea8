import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { inTurn, userInTurn } from '../harness/asked.js';
import { ownFolder } from '../harness/own-folder.js';
import { type PosternResult, postern } from '../harness/postern.js';
import { readableFolder, type User, users } from '../harness/users.js';

function run(user: User, home: string, script: string, args: readonly string[] = []): Promise<PosternResult> {
  return postern(['run', '--home', home, ...args, '--', 'sh', '-c', script], { as: user });
}

for (const user of users) {
  test(`a kept home is there at the next run, and belongs to its owner (${user})`, async () => {
    const folder = ownFolder(user);
    const home = join(folder, 'home');
    const first = await run(
      user,
      home,
      'echo "$HOME"; echo kept >~/file && mkdir ~/inner && cp /bin/true ~/inner/true',
    );
    assert.deepEqual([first.status, first.stdout, first.stderr], [0, '/home/plugin\n', '']);
    assert.equal(statSync(home).mode & 0o7777, 0o700);
    assert.equal(readFileSync(join(home, 'file'), 'utf8'), 'kept\n');
    for (const name of ['file', 'inner', 'inner/true'])
      assert.equal(statSync(join(home, name)).uid, statSync(folder).uid, name);
    const script =
      'cat ~/file; ~/inner/true && echo runs; ls -A ~; stat -c %U ~; ls -A /home; echo more >>~/file';
    const second = await run(user, home, script);
    assert.deepEqual(
      [second.status, second.stdout, second.stderr],
      [0, 'kept\nruns\nfile\ninner\nplugin\nplugin\n', ''],
    );
    assert.equal(readFileSync(join(home, 'file'), 'utf8'), 'kept\nmore\n');
    const learnt = await postern(['learn', '--home', home, '--', 'sh', '-c', 'tail -n 1 ~/file'], {
      as: user,
    });
    assert.equal(learnt.stdout, 'more\n', learnt.stderr);
  });
}

for (const user of userInTurn(0)) {
  // proves: home: no program is taken from another mount of one
  test(`no program is taken from a kept home by another mount of it (${user})`, {
    skip: process.geteuid?.() === 0 ? false : 'needs root, to mount',
  }, async () => {
    const folder = ownFolder(user);
    mkdirSync(join(folder, 'other'));
    await run(user, join(folder, 'home'), 'mkdir ~/bin && cp /bin/true ~/bin/tool');
    const mounted = `mount --bind ${folder}/home ${folder}/other && exec "$@"`;
    for (const [home, program] of [
      ['home', 'other'],
      ['other', 'home'],
    ] as const) {
      const words = ['run', '--home', join(folder, home), '--', join(folder, program, 'bin/tool')];
      const { status, stderr } = await postern(words, {
        as: user,
        inside: ['unshare', '--mount', '--', 'sh', '-c', mounted, 'sh'],
      });
      assert.equal(status, 125, stderr);
      assert.match(
        stderr,
        /leads through the kept home ".*", where .*; name it as the plugin sees it: \/home\/plugin\/bin\/tool$/m,
      );
    }
  });

  test(`without a kept home the next run finds nothing of the last one (${user})`, async () => {
    const script = 'ls -A ~; echo x >~/file';
    for (const _ of [1, 2]) {
      const { stdout, stderr } = await postern(['run', '--', 'sh', '-c', script], { as: user });
      assert.deepEqual([stdout, stderr], ['', '']);
    }
  });
}

for (const user of userInTurn(0)) {
  test(`files beside a kept home do not show (${user})`, async () => {
    const folder = ownFolder(user);
    writeFileSync(join(folder, 'secret'), 'secret\n');
    const home = join(folder, 'home');
    const script = `cat ${folder}/secret ~/../secret; cd ~ && cat ../secret; ls -A ${folder} ${home}; ls -A /; true`;
    const { stdout } = await run(user, home, script);
    assert.doesNotMatch(stdout, /secret/);
    assert.doesNotMatch(stdout, /postern-test/);
    assert.deepEqual(readdirSync(home), []);
  });
}

for (const user of userInTurn(1)) {
  test(`npm finds the packages of an earlier run in a kept home, and asks no server (${user})`, async (t) => {
    const registry = await startRegistry(t);
    const home = join(ownFolder(user), 'home');
    const npm = join(dirname(process.execPath), 'npm');
    const install = (args: string): Promise<PosternResult> => {
      const command = `${existsSync(npm) ? npm : 'npm'} install --registry http://${registry.place}/ ${args} fetched`;
      const script = `mkdir /tmp/w && cd /tmp/w && ${command} >/tmp/log 2>&1 || cat /tmp/log; cat node_modules/fetched/index.js`;
      return run(user, home, script, ['--allow', registry.place]);
    };
    const first = await install('');
    assert.equal(first.stdout, 'module.exports = 1;\n', first.stderr);
    assert.ok(registry.asked() > 0);
    registry.server.close();
    const before = registry.asked();
    const second = await install('--offline');
    assert.equal(second.stdout, 'module.exports = 1;\n', second.stderr);
    assert.equal(registry.asked(), before);
    rmSync(home, { recursive: true });
    const without = await install('--offline');
    assert.match(without.stdout, /ENOTCACHED/);
  });
}

for (const user of users) {
  test(`a folder that cannot be a kept home refuses the start, with the fix (${user})`, async () => {
    const folder = ownFolder(user);
    const person = join(folder, 'person');
    mkdirSync(person);
    writeFileSync(join(folder, 'file'), '');
    symlinkSync('real', join(folder, 'link'));
    mkdirSync(join(folder, 'real'));
    const bad: [string, RegExp, string?][] = [
      ['/', /"\/" belongs to the system/],
      ['/home', /a home directory of this host/],
      [
        '/root',
        /"\/root" is a home directory of this host: .*; name a folder of its own, for example \/root\/\.local/,
      ],
      [person, /" is a home directory of this host/],
      [folder, /" holds ".*\/person", a home directory of this host/],
      ['/tmp', /"\/tmp" belongs to the system/],
      ['/usr', /"\/usr" belongs to the system/],
      ['/proc/self', /belongs to the system|leads through a link/],
      ['', /Not a path: --home ""/],
      [join(folder, 'file'), /file" is not a folder; /],
      [
        join(folder, 'file/below'),
        /cannot be made: ".*\/file" is not a folder that you may enter; make it first/,
      ],
      [
        join(folder, 'absent/below'),
        /cannot be made: ".*\/absent" is not a folder that you may enter; make it first/,
      ],
      [join(folder, 'link'), /leads through a link.*: if the link is yours, name the folder itself$/m],
      [join(folder, 'link/below'), /leads through a link.*: if the link is yours, name the folder itself$/m],
    ];
    for (const [home, message] of bad.filter((_, turn) => inTurn(user, turn))) {
      const { status, stdout, stderr } = await postern(['run', '--home', home, '--', 'echo', 'started'], {
        as: user,
        env: { PATH: '/usr/bin:/bin', HOME: person },
      });
      assert.deepEqual([status, stdout], [125, ''], `${home}: ${stderr}`);
      assert.match(stderr, /^postern: [^\n]+\n$/, home);
      assert.match(stderr, message, home);
    }
    assert.deepEqual(readdirSync(join(folder, 'real')), []);
  });

  test(`a home that its user may not write refuses the start, with the command that fixes it (${user})`, async () => {
    const folder = ownFolder(user);
    const { uid } = statSync(folder);
    const home = join(folder, 'home');
    mkdirSync(home);
    chmodSync(home, 0o577);
    if (user === 'user' && process.geteuid?.() === 0) spawnSync('chown', ['65534', home]);
    const closed = await run(user, home, 'echo started');
    assert.deepEqual([closed.status, closed.stdout], [125, '']);
    assert.match(closed.stderr, new RegExp(`^postern: .*\\(mode 577\\); run: chmod u\\+rwx ${home}\n$`));
    if (user === 'root') return;
    const other = await run(user, '/usr/share', 'echo started');
    assert.deepEqual([other.status, other.stdout], [125, '']);
    const command = `sudo chown -R ${uid}:\\d+ /usr/share; or name one of your own folders`;
    assert.match(
      other.stderr,
      new RegExp(`^postern: .*it belongs to uid 0, and postern runs as uid ${uid}; .*${command}\n$`),
    );
    const made = await run(user, '/usr/share/new home', 'echo started');
    assert.equal(made.status, 125);
    assert.match(
      made.stderr,
      /Cannot make the home .*EACCES; make it: sudo install -d -m 700 -o \d+ -g \d+ '\/usr\/share\/new home'\n$/,
    );
  });

  // proves: home: no program is taken from inside one
  test(`what a plugin put into its home decides nothing of what it sees next (${user})`, async () => {
    const folder = ownFolder(user);
    const secret = join(folder, 'secret');
    mkdirSync(secret);
    writeFileSync(join(secret, 'file'), 'secret\n');
    chmodSync(secret, 0o755);
    const home = join(folder, 'out/home');
    mkdirSync(dirname(home));
    if (user === 'user' && process.geteuid?.() === 0) spawnSync('chown', ['65534', dirname(home)]);
    const lay = `ln -s ${secret} ~/data; mkdir -p ~/bin; ln -s ${secret}/file ~/bin/tool; ln -s ${secret} ~/work`;
    assert.equal((await run(user, home, lay)).status, 0);
    assert.ok(lstatSync(join(home, 'data')).isSymbolicLink());
    const look = `cat ~/data/file ~/bin/tool ${secret}/file; true`;
    const { stdout } = await run(user, home, look);
    assert.equal(stdout, '');
    const refusing = [
      ['--visible', join(home, 'data')],
      ['--writable', join(home, 'data')],
      ['--visible', home],
      ['--hidden', join(home, 'bin')],
      ['--cwd', join(home, 'bin')],
      ['--writable', dirname(home)],
    ];
    for (const args of refusing.filter((_, turn) => inTurn(user, turn))) {
      const refused = await run(user, home, 'echo started', args);
      assert.deepEqual([refused.status, refused.stdout], [125, ''], args.join(' '));
      assert.match(
        refused.stderr,
        /^postern: Cannot keep a home for "sh": .*could put .*; [^\n]+\n$/,
        args.join(' '),
      );
    }
    const program = await postern(['run', '--home', home, '--', join(home, 'bin/tool')], { as: user });
    assert.equal(program.status, 125);
    assert.match(
      program.stderr,
      /^postern: Cannot run ".*\/bin\/tool": .* leads through the kept home .*; name it as the plugin sees it: \/home\/plugin\/bin\/tool\n$/,
    );
  });

  test(`a plugin that puts a link in the place of a folder above a home is not followed there (${user})`, async () => {
    const folder = ownFolder(user);
    const home = join(folder, 'out/inner/home');
    mkdirSync(home, { recursive: true });
    const target = join(folder, 'private');
    mkdirSync(join(target, 'home'), { recursive: true });
    if (user === 'user' && process.geteuid?.() === 0) spawnSync('chown', ['-R', '65534', folder]);
    if (user === 'root') chmodSync(join(folder, 'out'), 0o777);
    const swap = `cd ${folder}/out && mv inner away && ln -s ${target} inner`;
    const first = await postern(['run', '--writable', join(folder, 'out'), '--', 'sh', '-c', swap], {
      as: user,
    });
    assert.equal(first.status, 0, first.stderr);
    const { status, stderr } = await run(user, home, 'echo x >~/planted');
    assert.equal(status, 125);
    assert.match(stderr, /leads through a link/);
    assert.deepEqual(readdirSync(join(target, 'home')), []);
  });
}

for (const user of userInTurn(0)) {
  test(`a program in a kept home runs by its path there (${user})`, async () => {
    const home = join(ownFolder(user), 'home');
    await run(
      user,
      home,
      'mkdir -p ~/bin && printf "#!/bin/sh\\necho from home\\n" >~/bin/tool && chmod +x ~/bin/tool',
    );
    const byPath = await postern(['run', '--home', home, '--', '/home/plugin/bin/tool'], { as: user });
    assert.equal(byPath.stdout, 'from home\n', byPath.stderr);
    const byName = await postern(
      ['run', '--home', home, '--env', 'PATH=/home/plugin/bin:/usr/bin:/bin', '--', 'tool'],
      { as: user },
    );
    assert.equal(byName.stdout, 'from home\n', byName.stderr);
  });
}

for (const user of users) {
  test(`a kept home has no set-uid program, no device, and no bound of a run's home (${user})`, async () => {
    const home = join(ownFolder(user), 'home');
    const { stdout } = await run(user, home, `awk '$5 == "/home/plugin" { print $6 }' /proc/self/mountinfo`);
    assert.match(stdout, /^rw,nosuid,nodev/);
    const limited = await run(user, home, 'echo started', ['--limit', 'home_mib=1']);
    assert.deepEqual([limited.status, limited.stdout], [125, '']);
    assert.match(limited.stderr, /^postern: Cannot limit a kept home by home_mib: .*; leave out .*\n$/);
  });

  // proves: home: it shows to its own plugin alone
  test(`the home of one plugin of a file shows to no other, and is made before any starts (${user})`, async () => {
    const folder = ownFolder(user);
    const config = join(folder, 'postern.yaml');
    writeFileSync(
      config,
      `plugins:
  a: {command: [sh, -c, "echo of-a >~/file"], home: ./a}
  b:
    command: [sh, -c, "cat ~/file ${folder}/a/file; ls -A ${folder}/a && echo looked; cat ~/own; echo b >>~/own"]
    home: ./b
    filesystem: {visible: [.]}
    after: [a]
    restart: {policy: "no"}
`,
    );
    for (const expected of [['b | looked'], ['b | b', 'b | looked']]) {
      const { stdout, stderr } = await postern(['up', '--config', config], { as: user });
      assert.deepEqual(stdout.trim().split('\n').sort(), expected, stderr);
    }
    assert.equal(readFileSync(join(folder, 'a/file'), 'utf8'), 'of-a\n');
  });
}

test('as root, a home whose ids cannot be mapped refuses the start, with the reason and the fix', async (t) => {
  if (process.geteuid?.() !== 0) return t.skip('needs root');
  const folder = readableFolder();
  mkdirSync(join(folder, 'home'));
  const words = ['run', '--home', join(folder, 'home'), '--', 'echo', 'started'];
  const mounted = `mount -t ramfs -o mode=0777 none ${folder}/home && exec "$@"`;
  const ramfs = await postern(words, {
    as: 'root',
    inside: ['unshare', '--mount', '--', 'sh', '-c', mounted, 'sh'],
  });
  assert.deepEqual([ramfs.status, ramfs.stdout], [125, '']);
  assert.match(
    ramfs.stderr,
    /^postern: Cannot keep a home in ".*": its file system, ramfs, cannot map ids .*; use a folder on ext4.*\n$/,
  );
  const confined = await postern(words, {
    as: 'root',
    through: ['setpriv', '--bounding-set=-all,+setuid,+setgid,+setfcap,+dac_override,+chown,+kill', '--'],
  });
  assert.deepEqual([confined.status, confined.stdout], [125, '']);
  assert.match(
    confined.stderr,
    /^postern: Cannot keep a home .* root without CAP_SYS_ADMIN .*; add that capability.*\n$/,
  );
});

test('as root, a home may belong to another user, and so do the files that are made there', async (t) => {
  if (process.geteuid?.() !== 0) return t.skip('needs root');
  const home = ownFolder('user');
  chmodSync(home, 0o700);
  const { uid } = statSync(home);
  for (const number of [1, 2]) {
    const { stderr } = await run('root', home, `echo ${number} >>~/file; stat -c %u ~/file >>~/owners`);
    assert.equal(stderr, '');
  }
  assert.deepEqual([uid, statSync(join(home, 'file')).uid], [65_534, 65_534]);
  assert.equal(readFileSync(join(home, 'file'), 'utf8'), '1\n2\n');
  assert.equal(readFileSync(join(home, 'owners'), 'utf8'), '1000\n1000\n');
});

interface Registry {
  readonly server: Server;
  readonly place: string;
  readonly asked: () => number;
}

/** A registry with one package. */
async function startRegistry(t: TestContext): Promise<Registry> {
  const folder = readableFolder();
  mkdirSync(join(folder, 'package'));
  writeFileSync(join(folder, 'package/package.json'), '{"name": "fetched", "version": "1.0.0"}');
  writeFileSync(join(folder, 'package/index.js'), 'module.exports = 1;\n');
  spawnSync('tar', ['-czf', 'fetched.tgz', 'package'], { cwd: folder });
  const tarball = readFileSync(join(folder, 'fetched.tgz'));
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    if (request.url === '/fetched.tgz') {
      response.end(tarball);
      return;
    }
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
    const dist = { tarball: `http://${request.headers.host}/fetched.tgz`, integrity };
    const version = { name: 'fetched', version: '1.0.0', dist };
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({ name: 'fetched', 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': version } }),
    );
  }).listen(0, '127.0.0.1');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return { server, place: `127.0.0.1:${port}`, asked: () => asked };
}
