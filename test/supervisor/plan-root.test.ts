import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type HostFiles,
  type PathKind,
  planRoot,
  type RootPlan,
} from '../../sandbox/supervisor/plan-root.js';

const HOST: Record<string, PathKind> = {
  '/usr': 'directory',
  '/bin': 'link',
  '/opt': 'directory',
  '/etc/ssl': 'directory',
  '/etc/localtime': 'link',
  '/usr/share/zoneinfo/UTC': 'file',
  '/dev/null': 'other',
  '/home/me': 'directory',
  '/home/me/project': 'directory',
  '/home/me/.node/bin/node': 'file',
  '/home/me/.node': 'directory',
  '/home/me/bin/tool': 'file',
  '/home/me/link': 'link',
  '/srv/data': 'directory',
  '/srv/data/inner': 'directory',
  '/tmp': 'directory',
  '/tmp/work': 'directory',
};
const LINKS: Record<string, string> = {
  '/etc/localtime': '/usr/share/zoneinfo/UTC',
  '/home/me/link': '/home/me',
};
const host: HostFiles = {
  kind: (path) => HOST[path] ?? 'absent',
  readLink: () => 'usr/bin',
  real: (path) => LINKS[path] ?? (path in HOST ? path : undefined),
};

function plan(change: Partial<Parameters<typeof planRoot>[0]>): RootPlan {
  const request = {
    program: '/usr/bin/true',
    cwd: '/home/me/project',
    hostHome: '/home/me',
    visible: [],
    writable: [],
    uid: 7,
    gid: 8,
  };
  return planRoot({ ...request, ...change }, host);
}
const bound = ({ entries }: RootPlan): string[] =>
  entries.flatMap((entry) =>
    entry.kind === 'bind' && entry.device !== true ? [`${entry.path}${entry.writable ? ' rw' : ''}`] : [],
  );

test('planRoot() shows the system, the listed files of /etc and the working directory, read-only', () => {
  const shown = bound(plan({}));
  assert.deepEqual(shown.sort(), ['/etc/localtime', '/etc/ssl', '/home/me/project', '/opt', '/usr'].sort());
  assert.ok(
    plan({}).entries.some(
      (entry) => entry.kind === 'symlink' && entry.path === '/bin' && entry.to === 'usr/bin',
    ),
  );
});

test('planRoot() never shows the home directory or what is above it as a working directory', () => {
  for (const cwd of ['/', '/home', '/home/me', '/home/me/link']) {
    const { cwd: start, cwdVisible } = plan({ cwd });
    assert.equal(cwdVisible, false, cwd);
    assert.equal(start, '/tmp');
    assert.ok(
      !bound(plan({ cwd })).some((path) => ['/', '/home', '/home/me', '/home/me/link'].includes(path)),
    );
  }
});

test("planRoot() keeps /tmp the plugin's own, but shows a working directory below it", () => {
  assert.equal(plan({ cwd: '/tmp' }).cwdVisible, false);
  assert.equal(plan({ cwd: '/tmp/work' }).cwdVisible, true);
});

test('planRoot() shows the prefix of a command, or the command alone where the prefix is the home directory', () => {
  assert.ok(bound(plan({ program: '/home/me/.node/bin/node' })).includes('/home/me/.node'));
  const alone = bound(plan({ program: '/home/me/bin/tool' }));
  assert.ok(alone.includes('/home/me/bin/tool'));
  assert.ok(!alone.includes('/home/me'));
});

test('planRoot() binds the outermost of nested paths once, and what is writable upon it', () => {
  const shown = bound(plan({ visible: ['/srv/data/inner', '/srv/data'], writable: ['/srv/data/inner'] }));
  assert.deepEqual(
    shown.filter((path) => path.startsWith('/srv')),
    ['/srv/data', '/srv/data/inner rw'],
  );
  assert.ok(plan({ writable: ['/srv/data'] }).writableDirectories.includes('/srv/data'));
});

test('planRoot() names the option that shows each path', () => {
  const { sources } = plan({ visible: ['/srv/data'] });
  assert.equal(sources.find(({ path }) => path === '/srv/data')?.because, '--visible /srv/data');
});
