// The configuration names a path below a folder that a plugin writes. The plugin puts a link to the host's files there: before a restart, in its
// last moment, or while another plugin starts. The judge is a folder of the host: no start may show it, and nothing may be written there.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import { listen } from '../harness/listener.js';
import { ownFolder } from '../harness/own-folder.js';
import { postern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { chownTo, type User } from '../harness/users.js';

const needsRoot = { skip: process.geteuid?.() !== 0 && 'needs root, to own files of others' };

interface Scene {
  readonly top: string;
  /** A folder that a plugin may write, with `a/out/file` and a link `link` to the host's folder. */
  readonly data: string;
  readonly said: () => string;
  /** Waits until one of the words has been said so often. */
  readonly until: (words: RegExp, times: number) => Promise<void>;
  readonly reload: (config: object) => void;
  /** Ends postern, and asserts that nobody has read or written what is the host's. */
  readonly judge: () => Promise<void>;
}

async function start(t: TestContext, as: User, config: (data: string) => object): Promise<Scene> {
  const top = ownFolder(as);
  const data = join(top, 'data');
  for (const name of ['data', 'data/a', 'data/a/out', 'host', 'conf']) mkdirSync(join(top, name));
  for (const name of ['data/a/out/file', 'host/file'])
    writeFileSync(join(top, name), name.startsWith('host') ? 'SECRET\n' : 'own\n', { mode: 0o600 });
  symlinkSync(join(top, 'host'), join(data, 'link'));
  for (const name of ['data', 'data/a', 'data/a/out', 'data/a/out/file', 'host', 'host/file', 'conf'])
    chownTo(as, join(top, name));
  const file = join(top, 'conf/postern.yaml');
  const write = (next: object): void => writeFileSync(file, JSON.stringify({ audit: '/dev/null', ...next }));
  write(config(data));
  const { child, result, said } = startPostern(['up', '--config', file], { as });
  t.after(() => child.kill('SIGKILL'));
  return {
    ...{ top, data, said },
    until: async (words, times) => {
      await until(() => said().split(words).length > times || child.exitCode !== null || undefined);
      assert.equal(child.exitCode, null, said());
    },
    reload: (next) => {
      write(next);
      child.kill('SIGHUP');
    },
    judge: async () => {
      child.kill('SIGTERM');
      await result;
      assert.doesNotMatch(said(), /SECRET/);
      assert.deepEqual(readdirSync(join(top, 'host')), ['file']);
      assert.equal(readFileSync(join(top, 'host/file'), 'utf8'), 'SECRET\n');
    },
  };
}

/** Reads and writes what it finds at the path, and says so. */
const use = (path: string): string => `
cat ${path} ${path}/file 2>/dev/null
(echo written >${path}; echo written >${path}/file; echo written >${path}/made) 2>/dev/null
echo began`;
/** Puts a link to the host's folder at `a/out`. */
const plant = (folder: string): string =>
  `(cd ${folder} && mv a b && mkdir a && ln -s ../link a/out) 2>/dev/null`;
/** Plants when postern stops it. */
const plantAtEnd = (folder: string, path: string): string =>
  `trap '${plant(folder)}; exit 0' TERM\n${use(path)}\nsleep 1000 & wait`;
const sh = (script: string): { readonly command: readonly string[]; readonly cwd: string } => ({
  command: ['sh', '-c', script],
  cwd: '/usr',
});
const quick = { policy: 'always', delay_ms: 10, max_delay_ms: 10 };

const nested: readonly (readonly [what: string, path: string, byDefault: boolean])[] = [
  ['a folder', 'a/out', false],
  ['a folder, where the outer one is a default', 'a/out', true],
  ['a file', 'a/out/file', false],
];

// proves: a writable path within another one is pinned
for (const [turn, [what, name, byDefault]] of nested.entries())
  for (const as of userInTurn(turn))
    test(`a plugin exchanges no writable path within another one for its next start: ${what} (${as})`, async (t) => {
      const scene = await start(t, as, (data) => {
        const path = `${data}/${name}`;
        return {
          ...(byDefault ? { defaults: { filesystem: { writable: [data] } } } : {}),
          plugins: {
            a: {
              ...sh(`${use(path)}\n${plant(data)} && echo planted\nexit 1`),
              filesystem: { writable: byDefault ? [path] : [data, path] },
              restart: quick,
            },
          },
        };
      });
      await scene.until(/a \| began|leads through/, 3);
      assert.doesNotMatch(scene.said(), /planted|leads through/);
      // It is emptied and written again by each run.
      await until(() => readFileSync(join(scene.data, 'a/out/file'), 'utf8') === 'written\n' || undefined);
      await scene.judge();
    });

interface Change {
  readonly what: string;
  readonly as: readonly User[];
  readonly before: (data: string) => object;
  readonly after: (data: string) => object;
  /** Where the plugin finds the folder before. */
  readonly inside?: string;
  readonly refused: RegExp;
}

const show = /filesystem\.visible\[0\]: Cannot show ".*\/data\/a\/out" to the plugin: it leads through/;
const changes: readonly Change[] = [
  {
    what: 'a visible path',
    as: userInTurn(0),
    before: (data) => ({ filesystem: { writable: [data] } }),
    after: (data) => ({ filesystem: { writable: [data], visible: [`${data}/a/out`] } }),
    refused: show,
  },
  {
    what: 'a writable path',
    as: userInTurn(1),
    before: (data) => ({ filesystem: { writable: [data] } }),
    after: (data) => ({ filesystem: { writable: [data, `${data}/a/out`] } }),
    refused: /filesystem\.writable\[1\]: Cannot show ".*\/data\/a\/out" to the plugin: it leads through/,
  },
  {
    what: 'a working directory',
    as: anyUser,
    before: (data) => ({ filesystem: { writable: [data] } }),
    after: (data) => ({ filesystem: { writable: [data] }, cwd: `${data}/a/out` }),
    refused: /cwd: Cannot start in ".*\/data\/a\/out": it leads through/,
  },
  {
    what: 'a visible path in place of the writable folder',
    as: anyUser,
    before: (data) => ({ filesystem: { writable: [data] } }),
    after: (data) => ({ filesystem: { visible: [`${data}/a/out`] } }),
    refused: show,
  },
  {
    what: 'a visible path in place of the kept home',
    as: anyUser,
    before: (data) => ({ home: data }),
    after: (data) => ({ filesystem: { visible: [`${data}/a/out`] } }),
    inside: '/home/plugin',
    refused: show,
  },
];

// proves: a start follows no link that a plugin could have made
// proves: what a plugin left in a folder that it could write before a reload is not followed
for (const { what, as: asked, before, after, inside, refused } of changes)
  for (const as of asked)
    test(`a plugin that is stopped for ${what} of a reload puts no link there for its next start (${as})`, async (t) => {
      const config = (data: string, keys: object): object => ({
        plugins: {
          a: { ...sh(plantAtEnd(inside ?? data, `${data}/a/out`)), ...keys },
          other: sh('echo began; sleep 1000'),
        },
      });
      const scene = await start(t, as, (data) => config(data, before(data)));
      await scene.until(/a \| began/, 1);
      await scene.until(/other \| began/, 1);
      scene.reload(config(scene.data, after(scene.data)));
      await scene.until(/leads through|a \| began/, 2);
      assert.match(scene.said(), refused);
      assert.match(
        scene.said(),
        /the link ".*\/data\/a\/out" in ".*\/data", which the plugin (?:may write|could write before): it could have made the link; look at that link: /,
      );
      assert.doesNotMatch(scene.said(), /other: /);
      await scene.judge();
    });

/** A plugin moves root's folder to a path of its own, which a reload names then. */
const moves = (data: string): string =>
  `cat ${data}/a/file ${data}/roots/file; mv ${data}/a ${data}/b; mv ${data}/roots ${data}/a && echo moved; sleep 1000`;
const named: readonly (readonly [what: string, keys: (data: string) => object, said: RegExp])[] = [
  ['a visible path', (data) => ({ filesystem: { visible: [`${data}/a`] } }), /a\/file: Permission denied/],
  ['a working directory', (data) => ({ cwd: `${data}/a` }), /b: Cannot start .*EACCES/],
  [
    'a kept home',
    (data) => ({ home: `${data}/a` }),
    /plugins\.b\.home: Cannot keep a home in ".*\/data\/a": it lies in ".*\/data", which the plugin "a" could write before a reload/,
  ],
];

// proves: what a plugin left in a folder that it could write before a reload is not followed
// proves: home: none lies in a folder that a plugin could write before a reload
for (const [what, keys, words] of named)
  test(`as root, a plugin puts no file of another owner at ${what} of a reload`, needsRoot, async (t) => {
    const other = { other: sh('echo began; sleep 1000') };
    const scene = await start(t, 'root', (data) => {
      mkdirSync(join(data, 'roots'), { mode: 0o700 });
      writeFileSync(join(data, 'roots/file'), 'SECRET\n', { mode: 0o600 });
      for (const name of ['', 'a']) chownTo('user', join(data, name));
      return { plugins: { ...other, a: { ...sh(moves(data)), filesystem: { writable: [data] } } } };
    });
    await scene.until(/a \| moved/, 1);
    const read = `cat ${scene.data}/a/file ~/file; echo x >~/made; echo read`;
    scene.reload({ plugins: { ...other, b: { ...sh(read), ...keys(scene.data) } } });
    await scene.until(/b \| read|plugins\.b|b: Cannot/, 1);
    assert.match(scene.said(), words);
    assert.deepEqual(readdirSync(join(scene.data, 'a')), ['file']);
    await scene.judge();
  });

for (const as of userInTurn(1))
  test(`links above what plugins write, links to programs within it, and homes work at each start (${as})`, async (t) => {
    const scene = await start(t, as, (data) => {
      const top = join(data, '..');
      symlinkSync('.', join(top, 'way'));
      for (const name of ['bin', 'keys']) mkdirSync(join(data, name));
      symlinkSync('/bin/sh', join(data, 'bin/tool'));
      const way = join(top, 'way/way/data');
      return {
        plugins: {
          a: {
            command: [
              'bin/tool',
              '-c',
              'cat a/out/file ~/kept; echo kept >~/kept; ln -s x y; rm y; echo began',
            ],
            cwd: way,
            filesystem: { writable: [way], visible: [join(way, 'a/out')], hidden: [join(way, 'keys')] },
            home: join(top, 'home'),
            restart: quick,
          },
        },
      };
    });
    await scene.until(/a \| began/, 3);
    assert.match(scene.said(), /(?:a \| own\na \| kept\na \| began\n.*){2}/s);
    await scene.judge();
  });

const CONNECT = `
import socket, time
while True:
    one = socket.socket()
    try: one.connect(("203.0.113.7", 443))
    except OSError: pass
    one.close()
    print("tried", flush=True)
    time.sleep(0.1)
`;

// proves: credentials behind a link of a plugin are refused
// proves: credentials are read from a regular file alone
for (const as of userInTurn(0))
  test(`a reload takes no credentials behind a link that a plugin could have made (${as})`, async (t) => {
    const proxy = await listen((socket) => socket.end());
    t.after(() => proxy.close());
    const config = (filesystem: object, via?: object): object => ({
      plugins: {
        a: {
          ...{ command: ['/usr/bin/python3', '-c', CONNECT], cwd: '/usr', allow: ['203.0.113.7:443'] },
          ...{ filesystem, via: { proxy: `http://127.0.0.1:${proxy.port}`, ...via } },
        },
      },
    });
    const scene = await start(t, as, (data) => config({ writable: [data] }));
    const host = join(scene.top, 'host');
    const link = join(scene.data, 'credentials');
    const plant = (name: string): void => {
      rmSync(link, { force: true });
      symlinkSync(join(host, name), link);
    };
    await scene.until(/a \| tried/, 1);
    writeFileSync(join(host, 'file'), 'SECRET:word\n');
    plant('file');
    scene.reload(config({ writable: [scene.data] }, { credentials_file: link }));
    await scene.until(/put in force/, 1);
    assert.match(
      scene.said(),
      /credentials in ".*\/data\/credentials".* leads through the link ".*\/data\/credentials" in ".*\/data", which the plugin may write: .*; look at that link/,
    );
    // What it could write before the reload.
    scene.reload(config({}, { credentials_file: link }));
    await scene.until(/put in force/, 2);
    assert.match(
      scene.said(),
      /leads through the link ".*\/data\/credentials" in ".*\/data", which the plugin could write before/,
    );
    execFileSync('mkfifo', [join(host, 'pipe')]);
    chownTo(as, join(host, 'pipe'));
    const writer = spawn('sh', ['-c', `echo user:word >${join(host, 'pipe')}`], { stdio: 'ignore' });
    plant('pipe');
    scene.reload(config({}, { credentials_file: link }));
    await scene.until(/put in force/, 3);
    assert.match(scene.said(), /credentials in ".*": it is not a regular file/);
    await scene.until(/a \| tried/, scene.said().split(/a \| tried/).length);
    assert.deepEqual([writer.exitCode, writer.signalCode], [null, null], 'nobody opened the pipe');
    assert.equal(readFileSync(join(host, 'pipe'), 'utf8'), 'user:word\n');
    rmSync(join(host, 'pipe'));
    writeFileSync(join(host, 'file'), 'SECRET\n');
    await scene.judge();
    assert.doesNotMatch(proxy.heard(), /authorization/i);
  });

// proves: a program in a folder that a plugin may write shows no prefix
for (const as of userInTurn(1))
  test(`a plugin does not show the folder above its own "bin" by a program that it puts there (${as})`, async () => {
    const top = ownFolder(as);
    for (const name of ['data', 'data/bin']) {
      mkdirSync(join(top, name));
      chownTo(as, join(top, name));
    }
    writeFileSync(join(top, 'data/secret'), 'SECRET\n', { mode: 0o600 });
    chownTo(as, join(top, 'data/secret'));
    const bin = join(top, 'data/bin');
    const look = `cp /bin/sh ${bin}/sh 2>/dev/null; echo "$0"; ls ${top}/data; cat ${top}/data/secret`;
    const options = ['--cwd', '/usr', '--writable', bin, '--env', `PATH=${bin}:/usr/bin:/bin`];
    const run = () => postern(['run', ...options, '--', 'sh', '-c', look], { as });
    assert.equal((await run()).stdout, 'sh\nbin\n');
    assert.equal(existsSync(join(bin, 'sh')), true);
    const { stdout, stderr } = await run();
    assert.equal(stdout, 'sh\nbin\n', stderr);
  });

for (const as of anyUser)
  test(`a virtual environment in a writable folder goes on working (${as})`, async () => {
    const top = ownFolder(as);
    execFileSync('/usr/bin/python3', ['-m', 'venv', '--without-pip', join(top, 'venv')]);
    execFileSync('chown', ['-hR', '--reference', top, join(top, 'venv')]);
    const script = 'import sys; print(sys.prefix)';
    const words = [
      'run',
      '--writable',
      '.',
      '--env',
      `PATH=${top}/venv/bin:/usr/bin`,
      '--',
      'python',
      '-c',
      script,
    ];
    const { stdout, stderr } = await postern(words, { as, cwd: top });
    assert.equal(stdout, `${top}/venv\n`, stderr);
  });
