import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostFiles } from '../../../sandbox/supervisor/files/host-files.js';
import { listenerProblems } from '../../../sandbox/supervisor/files/path-problems.js';
import { placesPassed } from '../../../sandbox/supervisor/files/places-passed.js';

const LINKS: Record<string, string> = { '/srv/w/run': '/srv/target', '/srv/run': '/run' };
const host: HostFiles = {
  kind: (path) => (path in LINKS ? 'link' : 'directory'),
  readLink: (path) => LINKS[path] ?? '',
  list: () => [],
  real: (path) => placesPassed(path, host).at(-1) ?? '/',
  owner: () => undefined,
  aliases: (path) => (path.startsWith('/srv/w/') ? [path.replace('/srv/w/', '/mnt/again/')] : []),
};

const told = (
  address: string,
  plugin: { writable?: readonly string[]; home?: string },
  name = 'a',
): string[] =>
  listenerProblems(
    [
      { name, writable: [], home: undefined, listen: [], ...plugin },
      { name: 'a', writable: [], home: undefined, listen: [{ name: 'web', address }] },
    ],
    host,
  ).map(({ key, message }) => `${key.join('.')}: ${message}`);

test('a listener in a writable folder, or through a link that no plugin writes, is no problem', () => {
  assert.deepEqual(told('/srv/w/x.sock', { writable: ['/srv/w'] }), []);
  assert.deepEqual(told('/srv/run/x.sock', { writable: ['/srv/w'], home: '/srv/h' }), []);
  assert.deepEqual(told('127.0.0.1:80', { writable: ['/srv/w'] }), []);
});

// proves: a listener in a folder that another plugin may write is refused
test('a listener in a folder that another plugin may write is a problem, at each path of the folder', () => {
  for (const folder of ['/srv/w', '/mnt/again'])
    for (const other of [{ writable: [folder] }, { home: folder }])
      assert.match(
        told('/srv/w/s/x.sock', other, 'b').join(),
        new RegExp(`^listen: "/srv/w/s/x.sock" leads through "${folder}", which the plugin "b" may write`),
      );
  assert.deepEqual(told('/srv/x.sock', { writable: ['/srv/w'] }, 'b'), []);
});
