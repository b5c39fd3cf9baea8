// The presets that come with postern: on the command line, in a configuration, and as they are shown.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { specialWords } from '../docs/registry.js';
import { postern } from '../harness/postern.js';
import { chownTo, readableFolder, users } from '../harness/users.js';

const [anyone = 'user'] = users;

const explain = (host: string, ...more: readonly string[]): ReturnType<typeof postern> =>
  postern(['explain', `${host}:443`, '--resolved', '93.184.216.34', ...more], { as: anyone });

test('--preset opens what the preset names, and nothing else', async () => {
  const allowed = await explain('registry.npmjs.org', '--preset', 'npm');
  assert.equal(allowed.status, 0, allowed.stderr);
  assert.match(allowed.stdout, /^rule {8}registry\.npmjs\.org \(preset npm\)$/m);
  const refused = await explain('files.pythonhosted.org', '--preset', 'npm');
  assert.equal(refused.status, 1, refused.stderr);
  const both = await explain('files.pythonhosted.org', '--preset', 'npm', '--preset', 'pypi');
  assert.equal(both.status, 0, both.stderr);
  const unknown = await explain('registry.npmjs.org', '--preset', 'nmp');
  assert.equal(unknown.status, 2);
  assert.match(unknown.stderr, /--preset "nmp": there is no such preset; name one of npm, pypi, /);
});

test("apt reads Debian's packages with the preset debian, and none without it", async () => {
  const cwd = readableFolder();
  for (const folder of [
    'state',
    'state/lists',
    'state/lists/partial',
    'cache',
    'cache/archives',
    'cache/archives/partial',
  ]) {
    mkdirSync(join(cwd, folder));
    chownTo(anyone, join(cwd, folder));
  }
  const dirs = ['-o', `Dir::State=${cwd}/state`, '-o', `Dir::Cache=${cwd}/cache`];
  const update = (...more: readonly string[]): ReturnType<typeof postern> =>
    postern(
      ['run', ...more, '--visible', '/etc/apt', '--writable', '.', '--', 'apt-get', ...dirs, 'update'],
      { as: anyone, cwd },
    );
  const refused = await update();
  assert.match(refused.stderr, /to allow (?:all of this|it on port \d+): .*deb\.debian\.org/);
  assert.doesNotMatch(refused.stdout, /^Get:\d+ http/m);
  const { status, stdout, stderr } = await update(
    '--preset',
    'debian',
    ...specialWords('deb.debian.org', 80),
  );
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^Get:\d+ http:\/\/deb\.debian\.org\/debian .* Packages/m);
});

test('presets: takes names and files, and a file of such a name by its path', async () => {
  const cwd = readableFolder();
  const write = (presets: readonly string[]): void =>
    writeFileSync(
      join(cwd, 'postern.yaml'),
      JSON.stringify({ plugins: { agent: { command: ['sleep', '1'], presets, deny: ['api.example.com'] } } }),
    );
  writeFileSync(join(cwd, 'npm'), 'allow: [npm.example.com]\n');
  const rulesOf = async (host: string): Promise<number | null> => {
    const words = [
      'explain',
      '--config',
      'postern.yaml',
      'agent',
      `${host}:443`,
      '--resolved',
      '93.184.216.34',
    ];
    return (await postern(words, { as: anyone, cwd })).status;
  };
  write(['npm']);
  assert.deepEqual([await rulesOf('registry.npmjs.org'), await rulesOf('npm.example.com')], [0, 1]);
  const warned = await postern(['check'], { as: anyone, cwd });
  assert.match(warned.stdout, /"npm" is postern's preset, and "[^"]*\/npm" is not read: write "\.\/npm" for/);
  write(['./npm']);
  assert.deepEqual([await rulesOf('registry.npmjs.org'), await rulesOf('npm.example.com')], [1, 0]);
  assert.doesNotMatch((await postern(['check'], { as: anyone, cwd })).stdout, /is not read/);
  write(['nmp']);
  const { stdout, status } = await postern(['check'], { as: anyone, cwd });
  assert.equal(status, 1);
  assert.match(stdout, /nmp" cannot be read: there is no such file; .*postern presets/);
});

test('postern presets lists them, and shows one as a file of rules', async () => {
  const list = await postern(['presets'], { as: anyone });
  assert.match(list.stdout, /^npm {9}packages of the npm registry$/m);
  assert.deepEqual([list.stderr, list.status], ['', 0]);
  const shown = await postern(['presets', 'npm'], { as: anyone });
  const cwd = readableFolder();
  writeFileSync(join(cwd, 'npm.yaml'), shown.stdout);
  const words = ['explain', 'registry.npmjs.org:443', '--resolved', '93.184.216.34', '--rules', 'npm.yaml'];
  assert.equal((await postern(words, { as: anyone, cwd })).status, 0);
  const unknown = await postern(['presets', 'nmp'], { as: anyone });
  assert.match(unknown.stderr, /^postern: There is no preset "nmp": name one of npm, /);
  assert.equal(unknown.status, 2);
});
