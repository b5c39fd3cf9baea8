import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { VERSION } from '../../shared/bundles.js';
import { asUser, distFor, readableFolder, users } from '../harness/users.js';
import { COUNTERS } from '../trace/instrument.js';

const top = join(distFor('root'), '..');

function npm(folder: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd: folder, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
}

let packed: readonly string[] | undefined;
function packedFiles(): readonly string[] {
  if (packed !== undefined) return packed;
  const [pack] = JSON.parse(npm(top, 'pack', '--ignore-scripts', '--dry-run', '--json')) as {
    files: { path: string }[];
  }[];
  packed = (pack?.files ?? []).map(({ path }) => path);
  return packed;
}

/** The project as git has it after a clone, without the sources of the tests: no package has them, and they are half of the build. */
function clone(): string {
  const folder = join(readableFolder(), 'clone');
  const skipped = ['node_modules', 'dist', '.git'].map((name) => join(top, name));
  const isTest = (path: string): boolean => path.startsWith(join(top, 'test/')) && path.endsWith('.ts');
  cpSync(top, folder, { recursive: true, filter: (path) => !skipped.includes(path) && !isTest(path) });
  return folder;
}

test('the tarball holds the program, the types of the client library and the documents, and nothing else', () => {
  const paths = packedFiles();
  const outside = paths.filter((path) => !path.startsWith('dist/') && path !== 'package.json');
  assert.deepEqual(
    outside.filter((path) => !path.endsWith('.md') && path !== 'LICENSE'),
    [
      ...['action.yml', 'install.sh', 'run.sh', 'summary.mjs'].map((name) => `deploy/action/${name}`),
      ...['apparmor', 'Containerfile'].map((name) => `deploy/container/${name}`),
      ...['apparmor', 'build.sh', 'postern.yaml', 'postinst', 'postrm', 'prerm'].map(
        (name) => `deploy/debian/${name}`,
      ),
      'deploy/grafana/postern.json',
      ...['pod-monitor.yaml', 'postern.yaml'].map((name) => `deploy/kubernetes/${name}`),
      'deploy/logrotate.conf',
      ...['postern.rules.yml', 'postern.test.yml', 'prometheus.yml'].map(
        (name) => `deploy/prometheus/${name}`,
      ),
      'deploy/swarm/postern.yaml',
      ...['postern.service', 'postern.socket', 'postern@.service', 'tmpfiles.conf'].map(
        (name) => `deploy/systemd/${name}`,
      ),
      'docs/cast.svg',
      'docs/page.png',
      'docs/performance.svg',
    ],
  );
  const other = paths
    .filter((path) => path.startsWith('dist/'))
    .filter(
      (path) => !/^dist\/(?:run|sandbox\/plugin|shared\/(?:policy|protocol|sys))\/[\w-]+\.c?js$/.test(path),
    )
    .filter((path) => !/^dist\/sandbox\/library\/(?:index\.d\.c?ts|(?:spawn|types|wrap)\.d\.ts)$/.test(path))
    .filter(
      (path) =>
        !/^dist\/(?:sandbox\/plugin|shared\/(?:config|policy|protocol|sys))\/[\w-]+\.d\.ts$/.test(path),
    );
  const listed = other.filter((path) =>
    /^dist\/(?:man\/postern[a-z.-]*\.[15]$|shared\/[\w-]+\.(?:js|d\.ts)$)/.test(path),
  );
  assert.deepEqual(
    other.filter((path) => !listed.includes(path)),
    ['dist/postern.schema.json', 'dist/run/LICENCES.txt', 'dist/run/page.css'],
  );
});

test('the tarball holds every file that the README and the pages of docs/ link to', () => {
  const paths = packedFiles();
  const linked = paths
    .filter((path) => path.endsWith('.md'))
    .flatMap((page) => {
      const links = [...readFileSync(join(top, page), 'utf8').matchAll(/\]\(([^)#]+)[^)]*\)/g)]
        .map(([, path = '']) => path)
        .filter((path) => !/^[a-z]+:/.test(path))
        .map((path) => normalize(join(dirname(page), path)));
      const isForUsers = page === 'README.md' || /^docs\/(?!design\/)/.test(page);
      // The pages for developers also link to the sources, which only a checkout has.
      return isForUsers ? links : links.filter((path) => path.endsWith('.md'));
    });
  assert.ok(linked.includes('SECURITY.md') && linked.includes('docs/design/trap.md'));
  assert.deepEqual(
    linked.filter((path) => !paths.includes(path)),
    [],
  );
});

/** What a fresh clone packed. */
let tarball = '';

test('npm pack in a fresh clone builds what it packs, and fails with the reason where nothing is installed', () => {
  const folder = clone();
  const bare = spawnSync('npm', ['pack'], { cwd: folder, encoding: 'utf8' });
  assert.notEqual(bare.status, 0);
  assert.match(
    bare.stderr,
    /Cannot build: typescript-native and esbuild missing in node_modules; run npm ci in ".*" first/,
  );
  assert.ok(!existsSync(join(folder, `postern-${VERSION}.tgz`)));
  symlinkSync(join(top, 'node_modules'), join(folder, 'node_modules'));
  npm(folder, 'pack');
  tarball = join(folder, `postern-${VERSION}.tgz`);
  const listed = spawnSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).stdout;
  const built = listed.split('\n').filter((path) => path !== '');
  const ours = packedFiles().filter((path) => path !== `dist/${COUNTERS}.js`);
  assert.deepEqual(built.map((path) => path.replace('package/', '')).sort(), ours.sort());
});

test('the packed tarball, installed in an empty folder, gives a command, a schema and a library that work', () => {
  const folder = readableFolder();
  npm(folder, 'init', '-y');
  npm(folder, 'install', '--no-audit', '--no-fund', tarball);
  const run = (words: readonly string[]): string => {
    const [command = '', ...args] = words;
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const postern = join(folder, 'node_modules/.bin/postern');
  for (const user of users)
    assert.equal(run([...asUser(user), postern, 'run', '--', 'echo', 'it runs']), 'it runs\n');
  assert.equal(run(['npx', 'postern', 'run', '--', 'echo', 'it runs']), 'it runs\n');
  const plugin = `const { connect } = await import('postern/plugin');
await connect({ host: 'api.example.com', port: 443 }).catch(({ code, suggestion }) => console.log(code, suggestion));`;
  writeFileSync(join(folder, 'plugin.mjs'), plugin);
  assert.equal(run([postern, 'run', '--', 'node', 'plugin.mjs']), 'EACCES api.example.com:443\n');
  run([postern, 'init']);
  assert.ok(existsSync(join(folder, 'node_modules/postern/dist/postern.schema.json')));
  assert.equal(run(['head', '-1', 'postern.yaml']), `# yaml-language-server: $schema=${SCHEMA}\n`);
  writeFileSync(join(folder, 'types.mts'), TYPED);
  const tsc = join(top, 'node_modules/typescript/bin/tsc');
  const types = join(top, 'node_modules/@types');
  run([
    'node',
    tsc,
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--typeRoots',
    types,
    '--types',
    'node',
    'types.mts',
  ]);
});

const SCHEMA = './node_modules/postern/dist/postern.schema.json';
const TYPED = `import type { Socket } from 'node:net';
import { ChannelSocket, connect, HttpsAgent } from 'postern/plugin';
import 'postern/plugin/register';
export const socket: Promise<Socket> = connect({ host: 'api.example.com', port: 443, timeout: 1000 });
export const options = { agent: new HttpsAgent(), socket: new ChannelSocket() };
`;
