// A release, up to what only the registry can do. What it makes is looked at in released.test.ts.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { VERSION } from '../../shared/bundles.js';
import { postern } from '../harness/postern.js';
import { distFor, readableFolder, users } from '../harness/users.js';

const [anyone = 'user'] = users;
const top = join(distFor('root'), '..');
const read = (path: string): string => readFileSync(join(top, path), 'utf8');

interface Step {
  readonly uses?: string;
  readonly run?: string;
}
interface Job {
  readonly needs?: string;
  readonly permissions: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}
interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

const WORKFLOWS: ReadonlyMap<string, Workflow> = new Map(
  readdirSync(join(top, '.github/workflows')).map((name) => [
    name,
    parse(read(`.github/workflows/${name}`)) as Workflow,
  ]),
);

/** A checkout, as far as a release looks at it before it builds. */
function checkout(changes: Readonly<Record<string, (text: string) => string>>): string {
  const folder = readableFolder();
  for (const path of ['deploy/release.sh', 'package.json', 'package-lock.json', 'CHANGELOG.md'])
    cpSync(join(top, path), join(folder, path));
  for (const [path, change] of Object.entries(changes))
    writeFileSync(join(folder, path), change(readFileSync(join(folder, path), 'utf8')));
  const git = ['-c', 'user.name=x', '-c', 'user.email=x@example.com'];
  for (const args of [
    ['init', '-q'],
    ['add', '-A'],
    [...git, 'commit', '-qm', 'all'],
  ])
    assert.equal(spawnSync('git', args, { cwd: folder }).status, 0);
  return folder;
}

function check(folder: string, tag: string): string {
  const { status, stderr } = spawnSync(join(folder, 'deploy/release.sh'), ['check', tag], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.equal(status, stderr === '' ? 0 : 1);
  return stderr;
}

const released = (text: string): string => text.replace('## [Unreleased]', `## [${VERSION}] - 2026-01-31`);

test('a release needs one version everywhere, and a checkout without changes', () => {
  const folder = checkout({ 'CHANGELOG.md': released });
  assert.equal(check(folder, `v${VERSION}`), '');
  assert.match(check(folder, 'v9.9.9'), /^Cannot release: the tag is v9\.9\.9, and package\.json has /);
  writeFileSync(join(folder, 'new'), '');
  assert.match(check(folder, `v${VERSION}`), /changes that no commit has: \?\? new/);
  assert.match(check(checkout({}), `v${VERSION}`), /CHANGELOG\.md has no line/);
  const bumped = checkout({
    'CHANGELOG.md': (text) => text.replace('## [Unreleased]', '## [9.9.9] - 2026-01-31'),
    'package.json': (text) => text.replace(`"version": "${VERSION}"`, '"version": "9.9.9"'),
  });
  assert.match(check(bumped, 'v9.9.9'), /package-lock\.json has /);
});

test('the command, the schema, the README and the page for CI name the version', async () => {
  const { stdout } = await postern(['--version'], { as: anyone });
  assert.equal(stdout, `${VERSION}\n`);
  const schema = JSON.parse(readFileSync(join(distFor('root'), 'postern.schema.json'), 'utf8'));
  assert.equal(schema.$id, `urn:postern:${VERSION}:postern.schema.json`);
  const named = (page: string, written: RegExp): ReadonlySet<string | undefined> =>
    new Set([...read(page).matchAll(written)].map(([, version]) => version));
  assert.deepEqual(named('README.md', /postern-(\d[\d.]*\d)/g), new Set([VERSION]));
  assert.deepEqual(named('docs/how-to/ci.md', /(?:postern-|@v)(\d+\.[\d.]*\d)/g), new Set([VERSION]));
});

test('the package names each man page, for npm links no folder', () => {
  const { man } = JSON.parse(read('package.json'));
  const pages = readdirSync(join(distFor('root'), 'man')).map((name) => `./dist/man/${name}`);
  assert.deepEqual([...man].sort(), pages.sort());
});

test('workflows run scripts of the checkout, take actions by their commit, and have no right that a step does not need', () => {
  assert.deepEqual([...WORKFLOWS.keys()].sort(), ['release.yml', 'test.yml']);
  for (const [name, { permissions, jobs }] of WORKFLOWS) {
    assert.deepEqual(permissions, {}, name);
    for (const [job, { permissions: own, steps }] of Object.entries(jobs)) {
      if (job !== 'publish') assert.deepEqual(own, { contents: 'read' }, `${name}: ${job}`);
      for (const { uses, run } of steps) {
        if (uses !== undefined) assert.match(uses, /^actions\/[\w-]+@[\da-f]{40}$/);
        for (const [, path = ''] of (run ?? '').matchAll(/(?<=^|\s)((?:deploy|\.ci)\/\S+)/g))
          assert.ok(statSync(join(top, path)).mode & 0o100, path);
      }
    }
  }
});

test('only a tag publishes, after the tests, without a token, and runs no install script there', () => {
  const release = WORKFLOWS.get('release.yml');
  assert.deepEqual(release?.on, { push: { tags: ['v*'] } });
  const { publish } = release?.jobs ?? {};
  assert.equal(publish?.needs, 'test');
  const lines = publish?.steps.flatMap(({ run = [] }) => run) ?? [];
  assert.equal(lines[0], 'npm ci --ignore-scripts');
  assert.ok(lines.some((line) => line.startsWith('npm publish --provenance ')));
  assert.ok(!JSON.stringify([...WORKFLOWS]).includes('secrets.'));
  const testing = WORKFLOWS.get('test.yml');
  assert.ok(!JSON.stringify(testing).includes('publish'));
  assert.ok(existsSync(join(top, '.ci/run')));
});
