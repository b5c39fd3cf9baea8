// A plugin may write the folder in which postern is installed, or another one that postern's start passes. It must not change what the
// next start of postern runs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { type PosternOptions, postern } from '../harness/postern.js';
import { asUser, distFor, readableFolder, users } from '../harness/users.js';

/** Every user may write it, so only the sandbox protects it. @returns its top */
function project(): string {
  const top = readableFolder();
  const from = dirname(distFor('root'));
  const modules = join(top, 'node_modules');
  for (const name of ['koffi', '@koromix'])
    cpSync(join(from, 'node_modules', name), join(modules, name), { recursive: true });
  cpSync(join(from, 'dist/run'), join(modules, 'postern/dist/run'), { recursive: true });
  cpSync(join(from, 'package.json'), join(modules, 'postern/package.json'));
  mkdirSync(join(modules, '.bin'));
  symlinkSync('../postern/dist/run/postern.js', join(modules, '.bin/postern'));
  spawnSync('chmod', ['-R', 'a+rwX', top]);
  return top;
}

const installed = (top: string): Pick<PosternOptions, 'dist'> => ({
  dist: join(top, 'node_modules/postern/dist'),
});

for (const as of users) {
  // proves: the native library's folder is postern's own
  test(`a plugin that writes the project changes nothing of postern's packages there (${as})`, async () => {
    const top = project();
    const modules = join(top, 'node_modules');
    const native = readdirSync(join(modules, '@koromix'))[0] ?? '';
    const script = [
      ...[
        `@koromix/${native}/index.js`,
        `@koromix/${native}.js`,
        'koffi/index.js',
        'postern/package.json',
      ].map((file) => `(echo x >>${modules}/${file}) 2>/dev/null && echo wrote ${file}`),
      ...['@koromix', 'koffi', 'postern'].map(
        (name) => `mv ${modules}/${name} ${modules}/away 2>/dev/null && echo moved ${name}`,
      ),
      `touch ${modules}/other && echo tried`,
    ].join('\n');
    const { stdout, stderr } = await postern(['run', '--writable', top, '--', 'sh', '-c', script], {
      as,
      ...installed(top),
    });
    assert.equal(stdout, 'tried\n', stderr);
  });

  // proves: a hard link to a file of postern's is not writable
  test(`a hard link to a file of postern's in a writable folder or home refuses the start (${as})`, async () => {
    const top = project();
    for (const name of ['conf', 'data', 'data/inner']) mkdirSync(join(top, name), { mode: 0o777 });
    const [rules, second] = [join(top, 'conf/rules.yaml'), join(top, 'data/inner/kept')];
    writeFileSync(rules, 'allow: []\n', { mode: 0o666 });
    const code = join(top, 'node_modules/postern/dist/run/broker.cjs');
    spawnSync('chmod', ['-R', 'a+rwX', top]);
    const start = (option: string, folder: string) =>
      postern(['run', '--rules', rules, option, folder, '--', 'sh', '-c', `echo x >>${second}; echo ran`], {
        as,
        ...installed(top),
      });
    for (const file of [rules, code]) {
      linkSync(file, second);
      // A home must be the user's own.
      for (const option of as === 'root' ? ['--writable', '--home'] : ['--writable']) {
        const { status, stdout, stderr } = await start(option, join(top, 'data'));
        assert.deepEqual([status, stdout], [125, ''], stderr);
        assert.match(
          stderr,
          new RegExp(`inner/kept": it is a hard link to "${file}", which is postern's own; `),
        );
      }
      rmSync(second);
    }
    assert.equal(readFileSync(rules, 'utf8'), 'allow: []\n');
    linkSync(rules, join(top, 'conf/second'));
    linkSync(code, join(top, 'node_modules/postern/dist/run/second'));
    const apart = await start('--writable', join(top, 'data'));
    assert.equal(apart.stdout, 'ran\n', apart.stderr);
    // In a folder of postern's the plugin writes nothing, so its links are no second names.
    const covered = await start('--writable', join(top, 'node_modules'));
    assert.equal(covered.stdout, 'ran\n', covered.stderr);
  });
}

for (const as of anyUser) {
  // proves: a link on the way to postern's own file is refused
  test(`a link on the way to postern's files refuses the start (${as})`, async () => {
    const top = project();
    mkdirSync(join(top, 'conf'));
    mkdirSync(join(top, 'data'), { mode: 0o777 });
    writeFileSync(join(top, 'conf/rules.yaml'), 'allow: []\n');
    symlinkSync('../conf/rules.yaml', join(top, 'data/rules.yaml'));
    cpSync(join(top, 'node_modules/koffi'), join(top, 'store/koffi'), { recursive: true });
    cpSync(join(top, 'node_modules/@koromix'), join(top, 'store/@koromix'), { recursive: true });
    const tries: readonly (readonly [options: readonly string[], setUp: () => void])[] = [
      [['--rules', join(top, 'data/rules.yaml'), '--writable', join(top, 'data')], () => {}],
      [
        ['--writable', join(top, 'node_modules')],
        () => {
          spawnSync('rm', ['-r', join(top, 'node_modules/koffi')]);
          symlinkSync('../store/koffi', join(top, 'node_modules/koffi'));
        },
      ],
    ];
    for (const [options, setUp] of tries) {
      setUp();
      const { status, stdout, stderr } = await postern(['run', ...options, '--', 'echo', 'ran'], {
        as,
        ...installed(top),
      });
      assert.equal(status, 125, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, /is postern's own and leads through the link ".*(rules\.yaml|koffi)" in/);
    }
  });

  // proves: a link on the way to postern's own file is refused
  // proves: the way to the command that was typed counts
  test(`the command as a link in a plugin's folder refuses the start (${as})`, () => {
    const top = project();
    mkdirSync(join(top, 'bin'));
    symlinkSync('../node_modules/postern/dist/run/postern.js', join(top, 'bin/postern'));
    const run = [join(top, 'bin/postern'), 'run', '--writable', join(top, 'bin'), '--', 'echo', 'ran'];
    const [command = '', ...rest] = [...asUser(as), process.execPath, ...run];
    const { status, stdout, stderr } = spawnSync(command, rest, { cwd: '/', encoding: 'utf8' });
    assert.equal(status, 125, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /leads through the link ".*bin\/postern"/);
  });

  // proves: a writable folder before Node's in PATH is refused
  test(`a folder before Node's in PATH that a plugin may write refuses the start (${as})`, async () => {
    const top = readableFolder();
    const folder = join(top, 'bin');
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    const env = { PATH: `${folder}:${dirname(process.execPath)}:/usr/bin:/bin`, HOME: '/nonexistent' };
    const { status, stdout, stderr } = await postern(['run', '--writable', folder, '--', 'echo', 'ran'], {
      as,
      env,
    });
    assert.equal(status, 125, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /postern looks for its own file at ".*bin\/node"/);
  });

  // proves: a home with postern's own files is refused
  test(`a home that holds postern's configuration refuses the start, by check too (${as})`, async () => {
    const top = readableFolder();
    const home = join(top, 'home');
    mkdirSync(home);
    const [command = '', ...words] = [...asUser(as), 'sh', '-c', `id -u; id -g`];
    const [uid = 0, gid = 0] = spawnSync(command, words, { encoding: 'utf8' }).stdout.split('\n').map(Number);
    const config = join(home, 'postern.yaml');
    writeFileSync(config, 'plugins:\n  one: {command: [touch, /home/plugin/started], home: .}\n');
    spawnSync('chown', ['-R', `${uid}:${gid}`, home]);
    const checked = await postern(['check', config], { as });
    assert.equal(checked.status, 1, checked.stdout);
    assert.match(checked.stdout, /plugins\.one\.home: .* is postern's own and lies in the home/);
    const { status, stderr } = await postern(['up', '--config', config], { as });
    assert.equal(status, 2, stderr);
    assert.ok(!existsSync(join(home, 'started')));
  });
}
