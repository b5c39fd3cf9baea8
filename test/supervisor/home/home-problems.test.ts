import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostFiles, PathKind } from '../../../sandbox/supervisor/files/host-files.js';
import { placesPassed } from '../../../sandbox/supervisor/files/places-passed.js';
import { homeProblems, withoutTopLink } from '../../../sandbox/supervisor/home/home-problems.js';

const LINKS: Record<string, string> = {
  '/data': 'srv/data',
  '/srv/link': 'data',
  '/srv/data/h/out': '/srv/secret',
  '/srv/chain': '/srv/data/h/out',
  '/srv/loop': '/srv/loop',
};
const KINDS: Record<string, PathKind> = {
  '/srv': 'directory',
  '/srv/data': 'directory',
  '/srv/data/h': 'directory',
  '/srv/data/h/inner': 'directory',
  '/srv/secret': 'directory',
  '/srv/file': 'file',
  '/home': 'directory',
  '/home/me': 'directory',
  '/home/me/.cache': 'directory',
};
const host: HostFiles = {
  kind: (path) => (path in LINKS ? 'link' : (KINDS[path] ?? 'absent')),
  readLink: (path) => LINKS[path] ?? '',
  list: () => [],
  real: (path) => {
    const last = placesPassed(path, host).at(-1) ?? '/';
    return last in KINDS ? last : undefined;
  },
  owner: () => undefined,
  aliases: () => [],
};

interface Files {
  readonly name?: string;
  readonly home?: string;
  readonly visible?: readonly string[];
  readonly writable?: readonly string[];
  readonly hidden?: readonly string[];
  readonly cwd?: string;
}

const told = (...plugins: readonly Files[]): string[] =>
  homeProblems(
    plugins.map((plugin) => ({ name: 'a', cwd: '/srv', visible: [], writable: [], hidden: [], ...plugin })),
    ['/root', '/home/me'],
    host,
  ).map(({ plugin, message, fix }) => `${plugin}: ${message}; ${fix}`);

test('placesPassed() lists every place on the way, links and their targets', () => {
  assert.deepEqual(placesPassed('/srv/link/h/out/x', host), [
    ...['/srv', '/srv/link', '/srv/data', '/srv/data/h', '/srv/data/h/out', '/srv', '/srv/secret'],
    '/srv/secret/x',
  ]);
  assert.ok(placesPassed('/srv/loop/x', host).length < 200);
});

test('homeProblems() accepts a folder for one plugin alone, whether it exists or not', () => {
  for (const home of ['/srv/data/h', '/srv/data/new', '/home/me/.cache/h', '/data/h'])
    assert.deepEqual(told({ home, visible: ['/srv/secret'], writable: ['/srv/data/other'] }), [], home);
});

// proves: home: no home directory of the host is one
test('homeProblems() refuses a home directory of the host, a folder above one, and folders of the system', () => {
  for (const home of ['/home/me', '/home', '/root'])
    assert.match(told({ home })[0] ?? '', /a home directory of this host/);
  for (const home of ['/', '/usr', '/etc', '/tmp', '/proc/1', '/dev/shm', '/sys'])
    assert.match(told({ home })[0] ?? '', /belongs to the system/, home);
});

test('homeProblems() refuses a path that leads through a link, except one directly below the root', () => {
  assert.equal(withoutTopLink('/data/h', host), '/srv/data/h');
  assert.match(
    told({ home: '/srv/link/h' })[0] ?? '',
    /leads through a link.*; look where it leads: if the link is yours, name the folder itself$/,
  );
  assert.match(
    told({ home: '/srv/link/new' })[0] ?? '',
    /leads through a link.*; look where it leads: if the link is yours, name the folder itself$/,
  );
  assert.match(told({ home: '/srv/data/h/out' })[0] ?? '', /leads through a link/);
  assert.match(told({ home: '/srv/file' })[0] ?? '', /is not a folder/);
  assert.match(told({ home: '/srv/none/h' })[0] ?? '', /cannot be made/);
});

// proves: home: no plugin writes the folder that holds one
// proves: home: nothing is shown from inside one
test('homeProblems() refuses a home that a plugin may replace, and any other use of a path inside a home', () => {
  const home = '/srv/data/h';
  const other = (files: Files): string => told({ home }, { name: 'b', ...files })[0] ?? '';
  assert.match(
    told({ home, writable: ['/srv/data'] })[0] ?? '',
    /^a: .*which the plugin "a" may write.*; name a folder outside$/,
  );
  assert.match(told({ home, writable: ['/data'] })[0] ?? '', /may write/);
  assert.match(other({ writable: ['/srv'] }), /^a: .*which the plugin "b" may write/);
  for (const path of [home, '/srv/data/h/inner', '/srv/data/h/out', '/srv/chain', '/data/h/inner']) {
    for (const list of ['visible', 'hidden'] as const) {
      assert.match(told({ home, [list]: [path] })[0] ?? '', /leads through the home/, path);
      assert.match(other({ [list]: [path] }), /which "b" shows or hides, leads through the home/, path);
    }
  }
  assert.match(other({ cwd: '/srv/chain' }), /would start in "\/srv\/chain", which leads through the home/);
  assert.match(
    told({ home }, { name: 'b', home: '/srv/data/h/inner' })[0] ?? '',
    /^b: .*the home of the plugin "a"/,
  );
  assert.deepEqual(told({ home }, { name: 'b', home }), []);
});
