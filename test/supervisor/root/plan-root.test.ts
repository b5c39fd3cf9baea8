import assert from 'node:assert/strict';
import { basename, dirname } from 'node:path';
import { test } from 'node:test';
import type { HostFiles, PathKind } from '../../../sandbox/supervisor/files/host-files.js';
import { planRoot, type RootPlan } from '../../../sandbox/supervisor/root/plan-root.js';

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
  '/srv': 'directory',
  '/srv/data': 'directory',
  '/srv/data/inner': 'directory',
  '/tmp': 'directory',
  '/tmp/work': 'directory',
  '/home': 'directory',
  '/home/other': 'directory',
  '/srv/homes/ada': 'directory',
  '/srv/homes': 'directory',
  '/srv/data/inner/key': 'file',
  '/srv/data/inner/open': 'directory',
  '/srv/data/inner/open/key': 'file',
  '/srv/data/way': 'link',
  '/srv/other': 'directory',
  '/mnt/again': 'directory',
  '/mnt/again/key': 'file',
  '/etc/ssl/private': 'directory',
  '/etc/php': 'directory',
  '/etc/php/8.4': 'directory',
  '/etc/php/8.4/cli': 'directory',
  '/etc/php/8.4/fpm': 'directory',
  '/etc/php/8.4/mods-available': 'directory',
  '/etc/java-21-openjdk': 'directory',
  '/etc/java-policies': 'directory',
  '/usr/share': 'directory',
  '/usr/bin/tool': 'file',
  '/opt/me': 'directory',
  '/etc/alternatives': 'directory',
  '/etc/alternatives/java': 'link',
  '/usr/lib/jvm/bin/java': 'file',
  '/srv/tool': 'link',
  '/srv/tools/tool': 'file',
};
const LINKS: Record<string, string> = {
  '/etc/localtime': '/usr/share/zoneinfo/UTC',
  '/home/me/link': '/home/me',
  '/srv/data/way': '/srv/other',
  '/etc/alternatives/java': '/usr/lib/jvm/bin/java',
  '/srv/tool': '/srv/tools/tool',
};
const ALIASES: Record<string, readonly string[]> = {
  '/srv/data/inner/key': ['/mnt/again/key'],
  '/srv/other': ['/mnt/again'],
};
const host: HostFiles = {
  kind: (path) => HOST[path] ?? 'absent',
  readLink: (path) => LINKS[path] ?? 'usr/bin',
  list: (folder) => Object.keys(HOST).flatMap((path) => (dirname(path) === folder ? [basename(path)] : [])),
  real: (path) => LINKS[path] ?? (path in HOST ? path : undefined),
  owner: (path) => (path.startsWith('/srv/data/inner') ? '1:1' : '0:0'),
  aliases: (path) => ALIASES[path] ?? [],
};

function plan(change: Partial<Parameters<typeof planRoot>[0]>): RootPlan {
  const request = {
    program: '/usr/bin/true',
    cwd: '/home/me/project',
    homes: ['/home/me', '/srv/homes/ada'],
    ownHomes: ['/home/me'],
    visible: [],
    writable: [],
    hidden: [],
    sizes: { tmpMib: 1, homeMib: 2, shmMib: 3 },
    uid: 7,
    gid: 8,
  };
  const written = (change.writable ?? []).map((path) => host.real(path) ?? path);
  return planRoot({ ...request, written, ...change }, host);
}
const bound = ({ entries }: RootPlan): string[] =>
  entries.flatMap((entry) =>
    entry.kind === 'bind' && entry.device !== true ? [`${entry.path}${entry.writable ? ' rw' : ''}`] : [],
  );

test('planRoot() shows the system, the listed files of /etc and the working directory, read-only', () => {
  const shown = bound(plan({}));
  assert.deepEqual(
    shown.sort(),
    [
      ...['/etc/alternatives', '/etc/java-21-openjdk', '/etc/localtime', '/etc/ssl'],
      ...['/etc/php/8.4/cli', '/etc/php/8.4/mods-available', '/home/me/project', '/opt', '/usr'],
    ].sort(),
  );
  assert.ok(
    plan({}).entries.some(
      (entry) => entry.kind === 'symlink' && entry.path === '/bin' && entry.to === 'usr/bin',
    ),
  );
});

// proves: a home directory shows by no default
test('planRoot() never shows the home directory or a folder above it as a working directory', () => {
  for (const cwd of ['/', '/home', '/home/me', '/home/me/link']) {
    const { cwd: start, cwdVisible } = plan({ cwd });
    assert.equal(cwdVisible, false, cwd);
    assert.equal(start, '/tmp');
    assert.ok(
      !bound(plan({ cwd })).some((path) => ['/', '/home', '/home/me', '/home/me/link'].includes(path)),
    );
  }
});

test('planRoot() starts in a home directory that is asked for, and not in one that is hidden', () => {
  for (const asked of [{ visible: ['/home/me'] }, { writable: ['/home'] }])
    assert.equal(plan({ cwd: '/home/me', ...asked }).cwd, '/home/me');
  assert.equal(plan({ cwd: '/home/me', visible: ['/home/me'], hidden: ['/home/me'] }).cwd, '/tmp');
});

test("planRoot() keeps /tmp the plugin's own, but shows a working directory below it", () => {
  assert.equal(plan({ cwd: '/tmp' }).cwdVisible, false);
  assert.equal(plan({ cwd: '/tmp/work' }).cwdVisible, true);
});

// proves: a home directory shows by no default
test('planRoot() shows the prefix of a command, or the command alone where the prefix is the home directory', () => {
  assert.ok(bound(plan({ program: '/home/me/.node/bin/node' })).includes('/home/me/.node'));
  const alone = bound(plan({ program: '/home/me/bin/tool' }));
  assert.ok(alone.includes('/home/me/bin/tool'));
  assert.ok(!alone.includes('/home/me'));
});

test('planRoot() binds the outermost of nested paths once, and writable paths on top of it', () => {
  const shown = bound(plan({ visible: ['/srv/data/inner', '/srv/data'], writable: ['/srv/data/inner'] }));
  assert.deepEqual(
    shown.filter((path) => path.startsWith('/srv')),
    ['/srv/data', '/srv/data/inner rw'],
  );
  assert.ok(plan({ writable: ['/srv/data'] }).writableDirectories.includes('/srv/data'));
});

/** The layers below a folder, in order. */
const laid = ({ entries }: RootPlan, folder: string): string[] =>
  entries.flatMap((entry) => {
    if (!entry.path.startsWith(folder)) return [];
    if (entry.kind === 'mask') return [`${entry.path} hidden ${entry.directory ? 'folder' : 'file'}`];
    return entry.kind === 'bind' ? [`${entry.path} ${entry.writable ? 'writable' : 'visible'}`] : [];
  });

// proves: a home directory shows by no default
test('planRoot() shows no home directory of any user as a working directory, and no folder above one', () => {
  for (const cwd of ['/home/other', '/srv/homes/ada', '/srv/homes', '/root'])
    assert.equal(plan({ cwd }).cwdVisible, false, cwd);
  assert.equal(plan({ cwd: '/srv/data' }).cwdVisible, true);
});

// proves: a home directory shows by no default
test("planRoot() hides the user's home directory inside the system's folders, unless it is named", () => {
  const inOpt = { ownHomes: ['/opt/me'], homes: ['/opt/me'] };
  assert.deepEqual(laid(plan(inOpt), '/opt'), ['/opt visible', '/opt/me hidden folder']);
  assert.deepEqual(laid(plan({ ...inOpt, visible: ['/opt/me'] }), '/opt'), [
    '/opt visible',
    '/opt/me visible',
  ]);
  assert.deepEqual(laid(plan({ ownHomes: ['/'], homes: ['/'] }), '/opt'), ['/opt visible']);
});

test('planRoot() hides a path below a visible or writable one, a folder by a folder and a file by a file', () => {
  const hidden = ['/srv/data/inner/key', '/usr/share'];
  assert.deepEqual(laid(plan({ visible: ['/srv/data'], hidden }), '/srv'), [
    '/srv/data visible',
    '/srv/data/inner/key hidden file',
  ]);
  assert.deepEqual(laid(plan({ writable: ['/srv/data'], hidden }), '/srv'), [
    '/srv/data writable',
    '/srv/data/inner writable',
    '/srv/data/inner/key hidden file',
  ]);
  assert.deepEqual(laid(plan({ hidden }), '/usr'), ['/usr visible', '/usr/share hidden folder']);
});

test("planRoot() pins the folders between a writable folder and what shows or hides within it, under the outer one's owner", () => {
  const pinned = plan({
    writable: ['/srv'],
    hidden: ['/srv/data/inner/key'],
    visible: ['/srv/data/inner/open'],
  });
  assert.deepEqual(laid(pinned, '/srv'), [
    '/srv writable',
    '/srv/data writable',
    '/srv/data/inner writable',
    '/srv/data/inner/key hidden file',
    '/srv/data/inner/open visible',
  ]);
  const pins = pinned.entries.flatMap((entry) =>
    entry.kind === 'bind' && entry.ownerOf !== undefined ? [`${entry.path} of ${entry.ownerOf}`] : [],
  );
  assert.deepEqual(pins, ['/srv/data of /srv', '/srv/data/inner of /srv', '/srv/data/inner/open of /srv']);
});

// proves: a writable path within another one is pinned
// proves: what lies in a writable folder shows as the folder's owner sees it
test("planRoot() pins a writable path within another one, and shows it under the outer one's owner", () => {
  const { entries, ...pinned } = plan({ writable: ['/srv', '/srv/data/inner', '/srv'] });
  const shown = entries.flatMap((entry) =>
    entry.kind === 'bind' && entry.path.startsWith('/srv') ? [`${entry.path} of ${entry.ownerOf}`] : [],
  );
  assert.deepEqual(shown, ['/srv of undefined', '/srv/data of /srv', '/srv/data/inner of /srv']);
  assert.ok(pinned.writableDirectories.includes('/srv/data/inner'));
});

test("planRoot() keeps postern's own files read-only within a writable folder, and shows them nowhere else", () => {
  const ownFiles = ['/srv/data/inner/key', '/home/me/bin/tool'];
  assert.deepEqual(laid(plan({ writable: ['/srv/data'], ownFiles }), '/srv'), [
    '/srv/data writable',
    '/srv/data/inner writable',
    '/srv/data/inner/key visible',
  ]);
  assert.deepEqual(
    laid(plan({ writable: ['/srv/data'], ownFiles }), '/home'),
    laid(plan({ writable: ['/srv/data'] }), '/home'),
  );
  assert.deepEqual(laid(plan({ visible: ['/srv/data'], ownFiles }), '/srv'), ['/srv/data visible']);
});

// proves: what lies in a writable folder shows as the folder's owner sees it
test("planRoot() shows postern's own files under the folder's owner", () => {
  const { entries } = plan({ writable: ['/srv/data'], ownFiles: ['/srv/data/inner/key'] });
  const key = entries.find(({ path }) => path === '/srv/data/inner/key');
  assert.ok(key?.kind === 'bind');
  assert.deepEqual([key.ownerOf, key.asOwner], ['/srv/data', 'asked']);
});

// proves: what is named within a writable folder lies at each name of the folder
// proves: postern's own files are read-only within writable folders
test('planRoot() protects what lies in a writable folder at each name of the folder', () => {
  const byLink = plan({
    writable: ['/home/me/link'],
    visible: ['/home/me/project'],
    hidden: ['/home/me/.node/bin/node'],
    ownFiles: ['/home/me/bin/tool'],
  });
  assert.deepEqual(laid(byLink, '/home/me'), [
    '/home/me/link writable',
    '/home/me/project visible',
    '/home/me/link/bin writable',
    '/home/me/link/.node writable',
    '/home/me/link/project visible',
    '/home/me/link/bin/tool visible',
    '/home/me/link/.node/bin writable',
    '/home/me/link/.node/bin/node hidden file',
  ]);
});

// proves: what lies in a writable folder shows as the folder's owner sees it
// proves: what lies in a bind mount of a writable folder shows as the folder's owner sees it
test("planRoot() shows what lies in a folder that a plugin may write as the folder's owner sees it, at each name", () => {
  const ownersOf = (change: Partial<Parameters<typeof planRoot>[0]>): unknown[] =>
    plan({ cwd: '/', ...change }).entries.flatMap((entry) =>
      entry.kind === 'bind' && entry.asOwner !== undefined ? [`${entry.path} of ${entry.ownerOf}`] : [],
    );
  const written = ['/home', '/home/me'];
  assert.deepEqual(ownersOf({ visible: ['/home/me/link'], written }), ['/home/me/link of /home']);
  assert.deepEqual(ownersOf({ visible: ['/home'], written }), ['/home of undefined']);
  assert.deepEqual(ownersOf({ visible: ['/srv'], written }), ['/srv of undefined']);
  const mounted = { visible: ['/mnt/again/key'], written: ['/srv/other'] };
  assert.deepEqual(ownersOf(mounted), ['/mnt/again/key of /srv/other']);
});

// proves: a file of postern's own shows nothing that is hidden
test("planRoot() shows none of postern's own files in a hidden folder", () => {
  const ownFiles = ['/srv/data/inner/key'];
  assert.deepEqual(laid(plan({ writable: ['/srv'], hidden: ['/srv/data/inner'], ownFiles }), '/srv'), [
    '/srv writable',
    '/srv/data writable',
    '/srv/data/inner hidden folder',
  ]);
});

test('planRoot() lets the innermost of nested visible, writable and hidden paths win', () => {
  const nested = plan({
    visible: ['/srv/data'],
    hidden: ['/srv/data/inner', '/srv/data/inner/open/key'],
    writable: ['/srv/data/inner/open'],
  });
  assert.deepEqual(laid(nested, '/srv'), [
    '/srv/data visible',
    '/srv/data/inner hidden folder',
    '/srv/data/inner/open writable',
    '/srv/data/inner/open/key hidden file',
  ]);
  assert.deepEqual(
    nested.writableDirectories.filter((path) => path.startsWith('/srv')),
    ['/srv/data/inner/open'],
  );
});

test('planRoot() lets hidden win over writable, and writable over visible, on one path', () => {
  const same = { visible: ['/srv/data'], writable: ['/srv/data'] };
  assert.deepEqual(laid(plan(same), '/srv'), ['/srv/data writable']);
  assert.deepEqual(laid(plan({ ...same, hidden: ['/srv/data'] }), '/srv'), []);
});

test("planRoot() hides the command's own files and folder below a hidden path, and names the option", () => {
  const hidden = ['/home/me/project'];
  const without = plan({ hidden });
  assert.equal(without.cwd, '/tmp');
  assert.ok(!bound(without).includes('/home/me/project'));
  assert.equal(without.hiddenBy('/home/me/project/file'), '--hidden /home/me/project');
  const above = plan({ program: '/home/me/.node/bin/node', hidden: ['/home/me'] });
  assert.ok(!bound(above).includes('/home/me/.node'));
  assert.ok(
    bound(plan({ hidden: ['/home/me'], visible: ['/home/me/project'] })).includes('/home/me/project'),
  );
});

// proves: private keys within what shows of /etc stay hidden
test('planRoot() hides paths below the listed files of /etc, and the files themselves', () => {
  const withoutKeys = ['/etc/ssl visible', '/etc/ssl/private hidden folder'];
  assert.deepEqual(laid(plan({}), '/etc/ssl'), withoutKeys);
  assert.deepEqual(laid(plan({ hidden: ['/etc/ssl/private'] }), '/etc/ssl'), withoutKeys);
  assert.deepEqual(laid(plan({ visible: ['/etc/ssl/private'] }), '/etc/ssl'), [
    '/etc/ssl visible',
    '/etc/ssl/private visible',
  ]);
  assert.deepEqual(laid(plan({ hidden: ['/etc/ssl'] }), '/etc/ssl'), []);
});

test('planRoot() hides a file at each path by which the host mounts it', () => {
  const shown = plan({ visible: ['/srv/data', '/mnt/again'], hidden: ['/srv/data/inner/key'] });
  assert.deepEqual(laid(shown, '/mnt'), ['/mnt/again visible', '/mnt/again/key hidden file']);
});

test('planRoot() makes no entry for a hidden path that does not show', () => {
  assert.deepEqual(laid(plan({ hidden: ['/srv/data'] }), '/srv'), []);
});

test('planRoot() attaches nothing through a visible link, but at its target', () => {
  assert.deepEqual(laid(plan({ visible: ['/srv/data'], writable: ['/srv/data/way'] }), '/srv'), [
    '/srv/data visible',
    '/srv/other writable',
  ]);
  assert.deepEqual(laid(plan({ visible: ['/srv/other'], hidden: ['/srv/data/way'] }), '/srv'), []);
});

test('planRoot() keeps the links that lead to a program, and makes those that no prefix shows', () => {
  const made = ({ entries }: RootPlan): string[] =>
    entries.flatMap((entry) => (entry.kind === 'symlink' ? [`${entry.path} -> ${entry.to}`] : []));
  const usual = made(plan({}));
  const alternative = plan({ program: '/etc/alternatives/java' });
  assert.deepEqual(made(alternative), usual);
  assert.deepEqual(bound(alternative).sort(), [...bound(plan({}))].sort());
  const lone = plan({ program: '/srv/tool' });
  assert.deepEqual(made(lone), [...usual, '/srv/tool -> /srv/tools/tool']);
  assert.deepEqual(laid(lone, '/srv'), ['/srv/tools/tool visible']);
  assert.deepEqual(made(plan({ program: '/srv/tool', visible: ['/srv'] })), usual);
});

test('planRoot() shows named paths and the working directory as their owners see them, with one mount per owner', () => {
  const { entries } = plan({
    cwd: '/tmp/work',
    visible: ['/srv/data', '/srv/data/inner', '/srv/data/inner/open'],
  });
  const owned = entries.flatMap((entry) =>
    entry.kind === 'bind' && entry.asOwner !== undefined ? [`${entry.path} ${entry.asOwner}`] : [],
  );
  assert.deepEqual(owned, ['/tmp/work by itself', '/srv/data asked', '/srv/data/inner asked']);
});

// proves: home: it shows to its own plugin alone
test("planRoot() binds a kept home, writable, instead of the run's own, and hides those of others", () => {
  const homes = ({ entries }: RootPlan): unknown[] => entries.filter(({ path }) => path === '/home/plugin');
  assert.deepEqual(homes(plan({})), [{ kind: 'scratch', path: '/home/plugin', mib: 2, mode: 0o755 }]);
  const kept = plan({ home: '/srv/data', visible: ['/srv'], otherHomes: ['/srv/other'] });
  const home = {
    path: '/home/plugin',
    source: '/srv/data',
    directory: true,
    writable: true,
    asOwner: 'needed',
  };
  assert.deepEqual(homes(kept), [{ kind: 'bind', ...home }]);
  assert.ok(kept.writableDirectories.includes('/home/plugin'));
  assert.ok(!kept.writableDirectories.includes('/srv/data'));
  assert.deepEqual(laid(kept, '/srv'), ['/srv visible', '/srv/other hidden folder']);
});
