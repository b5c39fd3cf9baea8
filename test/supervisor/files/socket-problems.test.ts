import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostFiles } from '../../../sandbox/supervisor/files/host-files.js';
import { socketProblems } from '../../../sandbox/supervisor/files/path-problems.js';
import { placesPassed } from '../../../sandbox/supervisor/files/places-passed.js';

const LINKS: Record<string, string> = { '/srv/out/link': '/run', '/var/run': '/run', '/data': '/srv/out' };
const host: HostFiles = {
  kind: (path) => (path in LINKS ? 'link' : 'directory'),
  readLink: (path) => LINKS[path] ?? '',
  list: () => [],
  real: (path) => placesPassed(path, host).at(-1) ?? '/',
  owner: () => undefined,
  aliases: () => [],
};

interface Files {
  readonly name?: string;
  readonly allow?: readonly string[];
  readonly writable?: readonly string[];
  readonly hidden?: readonly string[];
  readonly home?: string;
}

const told = (...plugins: readonly Files[]): string[] =>
  socketProblems(
    plugins.map((plugin) => ({ name: 'a', allow: [], writable: [], hidden: [], ...plugin })),
    ['/run/user/7/postern', '/srv/c.sock'],
    host,
  ).map(({ plugin, message }) => `${plugin}: ${message}`);

test('a rule for a socket outside of every writable folder is no problem', () => {
  const allow = ['unix:/run/x.sock', 'unix:/var/run/x.sock', 'unix:/srv/output/x.sock', 'api.example.com'];
  assert.deepEqual(told({ allow, writable: ['/srv/out'] }, { name: 'b', home: '/srv/home' }), []);
});

// proves: a rule for a socket that a plugin could replace is refused
test('a rule for a socket that a plugin could replace is a problem, for whichever plugin', () => {
  const rule = 'unix:/srv/out/x.sock';
  const because = (folder: string, who: string): string[] => [
    `a: the rule "${rule}" leads through "${folder}", which ${who} may write: it could put another socket there`,
  ];
  assert.deepEqual(told({ allow: [rule], writable: ['/srv/out'] }), because('/srv/out', 'the plugin'));
  assert.deepEqual(
    told({ allow: [rule] }, { name: 'b', writable: ['/data'] }),
    because('/data', 'the plugin "b"'),
  );
  assert.deepEqual(told({ allow: [rule] }, { name: 'b', home: '/srv' }), because('/srv', 'the plugin "b"'));
});

test('a link counts where it lies, and so does a hidden folder', () => {
  const writable = ['/srv/out'];
  assert.equal(told({ allow: ['unix:/srv/out/link/x.sock'], writable }).length, 1);
  assert.equal(told({ allow: ['unix:/srv/out/db/x.sock'], writable, hidden: ['/srv/out/db'] }).length, 1);
});
