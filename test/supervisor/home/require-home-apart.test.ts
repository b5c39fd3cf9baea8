import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostFiles } from '../../../sandbox/supervisor/files/host-files.js';
import type { Written } from '../../../sandbox/supervisor/files/plugin-links.js';
import { requireHomeApart } from '../../../sandbox/supervisor/home/home-problems.js';
import { planRoot } from '../../../sandbox/supervisor/root/plan-root.js';
import { PosternError } from '../../../shared/errors.js';

const LINKS: Record<string, string> = { '/srv/tool': '/srv/kept/bin/tool', '/srv/kept/away': '/usr' };
const THERE = [
  '/usr',
  '/usr/bin/tool',
  '/srv',
  '/srv/kept/bin/tool',
  '/home/plugin/data',
  '/home/plugin/bin/tool',
];
const host: HostFiles = {
  kind: (path) => (path in LINKS ? 'link' : THERE.includes(path) ? 'directory' : 'absent'),
  readLink: (path) => LINKS[path] ?? '',
  list: () => [],
  real: (path) => LINKS[path] ?? (THERE.includes(path) ? path : undefined),
  owner: () => undefined,
  aliases: () => [],
};

/** @returns the error's text, or nothing */
function refusal(
  program: string,
  home: string | undefined,
  visible: readonly string[] = [],
  written: readonly Written[] = [],
): string | undefined {
  const sizes = { tmpMib: 1, homeMib: 1, shmMib: 1 };
  const paths = { homes: [], ownHomes: [], visible, writable: [], hidden: [] };
  const plan = planRoot({ program, cwd: '/', home, written: [], sizes, uid: 1, gid: 1, ...paths }, host);
  try {
    requireHomeApart(plan, { name: 'tool', program, home, keptHomes: ['/srv/kept'], written }, host);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof PosternError && error.code === 'bad_home');
    return `${error.message}; ${error.fix}`;
  }
}

test('requireHomeApart() refuses a program that leads through a kept home in any way, and names the path inside', () => {
  assert.equal(refusal('/usr/bin/tool', '/srv/kept'), undefined);
  assert.match(
    refusal('/srv/kept/bin/tool', '/srv/kept') ?? '',
    /leads through the kept home "\/srv\/kept".*; name it as the plugin sees it: \/home\/plugin\/bin\/tool$/,
  );
  for (const program of ['/srv/kept/bin/tool', '/srv/tool', '/srv/kept/away/bin/tool'])
    assert.match(
      refusal(program, undefined) ?? '',
      /leads through the kept home.*; keep the program elsewhere$/,
      program,
    );
});

// proves: home: nothing of the host is attached within one
test('requireHomeApart() refuses a path of the host that would be attached within a kept home', () => {
  assert.equal(refusal('/usr/bin/tool', undefined, ['/home/plugin/data']), undefined);
  assert.match(
    refusal('/usr/bin/tool', '/srv/kept', ['/home/plugin/data']) ?? '',
    /^Cannot show "\/home\/plugin\/data": the plugin has its kept home at \/home\/plugin; /,
  );
  assert.match(refusal('/home/plugin/bin/tool', '/srv/kept') ?? '', /^Cannot show "\/home\/plugin\/bin/);
});

test('requireHomeApart() refuses a home within a folder that a plugin could write before a reload', () => {
  const folder: Written = { writer: 'ada', path: '/srv/link', real: '/srv', isHome: false };
  const at = (home: string, isFormer: boolean): string | undefined =>
    refusal('/usr/bin/tool', home, [], [{ ...folder, isFormer }]);
  assert.match(
    at('/srv/other', true) ?? '',
    /^Cannot keep a home in "\/srv\/other": it lies in "\/srv\/link", which the plugin "ada" could write before/,
  );
  assert.equal(at('/srv', true), undefined, 'nobody could put another folder in its place');
  assert.equal(at('/srv/other', false), undefined);
});
