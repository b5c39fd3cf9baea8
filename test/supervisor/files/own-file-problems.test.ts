import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostFiles } from '../../../sandbox/supervisor/files/host-files.js';
import { ownFileProblems } from '../../../sandbox/supervisor/files/path-problems.js';
import { placesPassed } from '../../../sandbox/supervisor/files/places-passed.js';

const LINKS: Record<string, string> = {
  '/srv/w/postern.yaml': '../conf/postern.yaml',
  '/srv/p/bin/postern': '../code/postern.js',
};
const host: HostFiles = {
  kind: (path) => (path in LINKS ? 'link' : 'directory'),
  readLink: (path) => LINKS[path] ?? '',
  list: () => [],
  real: (path) => placesPassed(path, host).at(-1) ?? '/',
  owner: () => undefined,
  aliases: (path) => (path.startsWith('/srv/w/') ? [path.replace('/srv/w/', '/mnt/again/')] : []),
};

interface Files {
  readonly files?: readonly string[];
  readonly folders?: readonly string[];
  readonly hook?: readonly string[];
  readonly searched?: readonly string[];
  readonly writable?: readonly string[];
  readonly home?: string;
}

const told = ({ files = [], searched = [], writable = [], home, ...others }: Files): string[] =>
  ownFileProblems([{ name: 'a', writable, home }], { files, searched, ...others }, host).map(
    ({ key, message }) => `${key.join('.')}: ${message}`,
  );

test('ownFileProblems() accepts an own file within a writable folder, which is covered there, and folders that are apart', () => {
  assert.deepEqual(told({ files: ['/srv/x/rules.yaml'], writable: ['/srv/x', '/srv/y'] }), []);
  assert.deepEqual(told({ files: ['/srv/w/postern.yaml'], writable: ['/srv/conf', '/srv/y'] }), []);
  assert.deepEqual(told({ files: ['/srv/x/rules.yaml'], home: '/srv/home' }), []);
  assert.deepEqual(told({ searched: ['/opt/bin/node'], writable: ['/srv/x'], home: '/srv/home' }), []);
});

test('ownFileProblems() refuses a writable path and a home within an own folder', () => {
  assert.match(
    told({ files: ['/srv/code'], writable: ['/srv/code/run'] }).join(),
    /writable: .* lies in "\/srv\/code"/,
  );
  assert.match(
    told({ files: ['/srv/code'], home: '/srv/code/run' }).join(),
    /^home: .* lies in "\/srv\/code"/,
  );
});

// proves: supervisor: a bind mount of the folder counts too
test('ownFileProblems() refuses a link to an own file, at each path of its folder', () => {
  for (const folder of ['/srv/w', '/mnt/again', '/mnt'])
    assert.match(
      told({ files: ['/srv/w/postern.yaml'], writable: [folder] }).join(),
      /leads through the link "\/srv\/w\/postern\.yaml" in/,
    );
});

test('ownFileProblems() accepts a link in an own folder, which is covered as a whole', () => {
  const files = ['/srv/p/bin/postern', '/srv/p/code'];
  assert.equal(told({ files, writable: ['/srv/p'] }).length, 1);
  assert.deepEqual(told({ files: [...files, '/srv/p/bin'], writable: ['/srv/p'] }), []);
});

test('ownFileProblems() refuses a place where postern would find another file first', () => {
  const searched = ['/srv/bin/node'];
  assert.match(told({ searched, writable: ['/srv'] }).join(), /postern looks for .* at "\/srv\/bin\/node"/);
  assert.match(
    told({ searched, home: '/srv/bin' }).join(),
    /^home: postern looks for .* at "\/srv\/bin\/node"/,
  );
  assert.deepEqual(told({ searched, files: ['/srv/bin'], writable: ['/srv'] }), []);
});

test('ownFileProblems() refuses a home that holds an own file or anything on the way to one', () => {
  assert.match(
    told({ files: ['/srv/h/rules.yaml'], home: '/srv/h' }).join(),
    /^home: .* lies in the home "\/srv\/h"/,
  );
  assert.equal(told({ files: ['/srv/w/postern.yaml'], home: '/srv/w' }).length, 1);
  assert.equal(told({ files: ['/srv/w/rules.yaml'], home: '/mnt/again' }).length, 1);
});

test('ownFileProblems() accepts a folder of libraries within a writable one, which is covered there, and refuses to write in it', () => {
  const folders = ['/srv/w/lib'];
  assert.deepEqual(told({ folders, files: ['/srv/w/lib/x.so'], writable: ['/srv/w', '/srv/x'] }), []);
  // A link in it is covered too.
  assert.deepEqual(told({ folders: ['/srv/w'], files: ['/srv/w/postern.yaml'], writable: ['/srv'] }), []);
  for (const path of ['/srv/w/lib', '/srv/w/lib/below'])
    assert.match(told({ folders, writable: [path] }).join(), /"\/srv\/w\/lib.* holds programs or libraries/);
});

// proves: ask: a hook below what a plugin may write is refused
test('ownFileProblems() refuses to write beside, below and above the hook, through a link or another mount, and in a home', () => {
  const hook = ['/srv/w/hooks'];
  assert.deepEqual(
    told({ hook, writable: ['/srv/w/out', '/srv/x', '/srv/w/hooks2'], home: '/srv/home' }),
    [],
  );
  for (const path of [
    '/srv/w/hooks',
    '/srv/w/hooks/json',
    '/srv/w',
    '/srv',
    '/mnt/again/hooks',
    '/mnt/again',
  ])
    for (const plugin of [{ writable: [path] }, { home: path }])
      assert.match(told({ hook, ...plugin }).join(), /belongs to a program of ask\.hook or secrets/, path);
  const linked = ['/srv/p/bin/postern'];
  assert.match(told({ hook: linked, writable: ['/srv/p/bin'] }).join(), /leads through "\/srv\/p\/bin"/);
  assert.match(told({ hook: linked, writable: ['/srv/p/code'] }).join(), /leads through "\/srv\/p\/code"/);
});
