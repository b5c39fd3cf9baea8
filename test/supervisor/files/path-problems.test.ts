import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostFiles } from '../../../sandbox/supervisor/files/host-files.js';
import { pathProblems } from '../../../sandbox/supervisor/files/path-problems.js';

/** /mnt/again shows /srv/w. */
const host: HostFiles = {
  kind: () => 'directory',
  readLink: () => '',
  list: () => [],
  real: (path) => path,
  owner: () => undefined,
  aliases: (path) => (`${path}/`.startsWith('/srv/w/') ? [path.replace('/srv/w', '/mnt/again')] : []),
};

function told(visible: readonly string[], writable: readonly string[], writer: string): string[] {
  const nothing = { cwd: '/', visible: [], writable: [], hidden: [] };
  const plugins =
    writer === 'a'
      ? [{ ...nothing, name: 'a', visible, writable }]
      : [
          { ...nothing, name: 'a', visible },
          { ...nothing, name: writer, writable },
        ];
  return pathProblems(plugins, host, () => []).map(({ message, fix }) => `${message}; ${fix}`);
}

// proves: a path below a bind mount of what a plugin may write is refused
test('pathProblems() counts a bind mount of a writable folder as the folder', () => {
  assert.match(told(['/srv/w/conf'], ['/mnt/again'], 'b').join(), /leads through "\/mnt\/again"/);
  assert.match(
    told(['/srv/w/conf'], ['/mnt/again'], 'a').join(),
    /leads through "\/mnt\/again".*; write "\/mnt\/again\/conf"/,
  );
});

test('pathProblems() accepts the same folder at two paths, and one beside it', () => {
  assert.deepEqual(told(['/srv/w'], ['/mnt/again'], 'b'), []);
  assert.deepEqual(told(['/srv/w/conf'], ['/srv/w'], 'a'), []);
  assert.deepEqual(told(['/srv/x'], ['/mnt/again'], 'b'), []);
});
