import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostFiles } from '../../../sandbox/supervisor/files/host-files.js';
import { ownFileProblems } from '../../../sandbox/supervisor/files/own-file-problems.js';
import { placesPassed } from '../../../sandbox/supervisor/files/places-passed.js';

const LINKS: Record<string, string> = {
  '/srv/w/postern.yaml': '../conf/postern.yaml',
  '/srv/p/bin/postern': '../code/postern.js',
};
const host: HostFiles = {
  kind: (path) => (path in LINKS ? 'link' : 'directory'),
  readLink: (path) => LINKS[path] ?? '',
  real: (path) => placesPassed(path, host).at(-1) ?? '/',
  owner: () => undefined,
  aliases: (path) => (path.startsWith('/srv/w/') ? [path.replace('/srv/w/', '/mnt/again/')] : []),
};

interface Files {
  readonly files?: readonly string[];
  readonly searched?: readonly string[];
  readonly writable?: readonly string[];
  readonly home?: string;
}

const told = ({ files = [], searched = [], writable = [], home }: Files): string[] =>
  ownFileProblems([{ name: 'a', writable, home }], { files, searched }, host).map(
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
