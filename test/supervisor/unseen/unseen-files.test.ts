import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unseenLine } from '../../../sandbox/cli/refusal-line.js';
import type { HostFiles, PathKind } from '../../../sandbox/supervisor/files/host-files.js';
import { findShim } from '../../../sandbox/supervisor/root/command-paths.js';
import { planRoot } from '../../../sandbox/supervisor/root/plan-root.js';
import { finds } from '../../../sandbox/supervisor/root/shown-paths.js';
import { namedPaths, type Unseen, unseenFiles } from '../../../sandbox/supervisor/unseen/unseen-files.js';
import { PATIENCE } from '../../harness/patience.js';

const LINKS: Record<string, string> = {
  '/bin': '/usr/bin',
  '/usr/lib/app/conf': '/etc/app.d',
  '/srv/link': '/usr/share/doc',
  '/home/me/.local/share/mise/shims/node': '/usr/bin/mise',
};
const FOLDERS = [
  ...['/usr', '/usr/bin', '/usr/lib/app', '/usr/share/doc', '/etc/ssl', '/etc/app.d', '/etc/chromium.d'],
  ...['/home', '/home/me', '/home/other', '/home/me/project', '/home/me/.pyenv', '/home/me/.ssh', '/srv'],
  ...['/var/lib/app', '/tmp/work', '/root', '/mnt/home'],
];
const FILES = [
  ...['/usr/bin/sh', '/usr/bin/tool', '/usr/bin/mise', '/etc/app.conf', '/etc/app.d/one', '/etc/shadow'],
  ...[
    '/etc/passwd',
    '/srv/a.py',
    '/srv/b.py',
    '/srv/c.py',
    '/srv/d.py',
    '/home/me/x.py',
    '/tmp/y',
    '/mnt/home/z',
  ],
  ...['/home/me/.ssh/key', '/home/me/.pyenv/shims/python3', '/home/me/.asdf/shims/node', '/proc/version'],
];
const host: HostFiles = {
  kind: (path): PathKind =>
    path in LINKS ? 'link' : FOLDERS.includes(path) ? 'directory' : FILES.includes(path) ? 'file' : 'absent',
  readLink: (path) => LINKS[path] ?? '',
  list: () => [],
  real: (path) => {
    const link = Object.keys(LINKS).find((one) => path === one || path.startsWith(`${one}/`));
    const real = link === undefined ? path : `${LINKS[link]}${path.slice(link.length)}`;
    return FOLDERS.includes(real) || FILES.includes(real) ? real : undefined;
  },
  owner: () => undefined,
  aliases: () => [],
};
const SECRET = ['/etc/shadow', '/home/me/.ssh/key', '/home/me/.ssh'];

interface Case {
  readonly words: readonly string[];
  readonly program?: string;
  readonly cwd?: string;
  readonly visible?: readonly string[];
  readonly hidden?: readonly string[];
  readonly keptHomes?: readonly string[];
  readonly variables?: readonly string[];
  readonly written?: readonly string[];
  readonly scripts?: Readonly<Record<string, string>>;
}

function found({
  words,
  program = '/usr/bin/tool',
  cwd = '/usr',
  scripts = {},
  ...rest
}: Case): readonly Unseen[] {
  const homes = ['/home/me', '/root'];
  const { visible = [], hidden = [], keptHomes = [], variables = [], written = [] } = rest;
  const sizes = { tmpMib: 1, homeMib: 1, shmMib: 1 };
  const request = {
    program,
    cwd,
    homes,
    ownHomes: homes,
    visible,
    hidden,
    writable: [],
    written,
    sizes,
    uid: 1,
    gid: 1,
  };
  return unseenFiles(
    planRoot(request, host),
    { words, program, cwd, homes, keptHomes, variables, written },
    host,
    {
      readText: (path) => scripts[path],
      isPublic: (path) => !SECRET.includes(path),
    },
  );
}
const paths = (one: Case): string[] => found(one).flatMap((unseen) => unseen.paths);

test('namedPaths() finds literal paths, and none of a variable, a pattern or a comment', () => {
  const text = `#!/bin/sh
# see /etc/comment/file
. /etc/chromium.d/one; for f in /etc/chromium.d/* '/opt/x/y' A=/var/lib/app:/var/lib/other; do :; done # /not/this
cat /etc/app-$NAME.conf /etc/app/$NAME /etc/app*/x /etc/\${X}/y https://example.com/a/b //double/x ~/home/x ./rel/x /etc /etc/x\\ y
test -f /etc/app.conf&&echo >/var/log/app.log`;
  assert.deepEqual(namedPaths(text), [
    ...['/etc/chromium.d/one', '/etc/chromium.d', '/opt/x/y', '/var/lib/app', '/var/lib/other'],
    ...['/etc/app', '/etc/app.conf', '/var/log/app.log'],
  ]);
  assert.equal(namedPaths(Array.from({ length: 500 }, (_, at) => `/a/${at}`).join(' ')).length, 200);
});

test('namedPaths() takes a bounded time for any text, and no path with a control character', () => {
  const start = performance.now();
  for (const part of ['/', '/a', ' #', '"/a/b', '/a/b\u001b[31m', '=/..', ' /a/b*'])
    namedPaths(part.repeat(65_536 / part.length));
  assert.ok(performance.now() - start < 5_000 * PATIENCE);
  assert.deepEqual(namedPaths('cat /srv/a\u001b[31mred /srv/\u202eb /srv/\u0000c'), ['/srv/a']);
});

test('finds() tells whether a program finds a file at a path, through links too', () => {
  const request = {
    program: undefined,
    cwd: '/usr',
    homes: [],
    ownHomes: [],
    hidden: [],
    writable: [],
    written: [],
  };
  const sizes = { tmpMib: 1, homeMib: 1, shmMib: 1 };
  const { entries } = planRoot({ ...request, visible: ['/srv/a.py'], sizes, uid: 1, gid: 1 }, host);
  for (const path of ['/usr/bin/sh', '/bin/sh', '/srv/a.py', '/etc/passwd', '/etc/ssl', '/tmp'])
    assert.equal(finds(entries, path, host), true, path);
  for (const path of [
    '/srv/b.py',
    '/etc/app.conf',
    '/usr/lib/app/conf',
    '/usr/lib/app/conf/one',
    '/tmp/y',
    '/srv',
    '/srv/link',
  ])
    assert.equal(finds(entries, path, host), false, path);
});

test('unseenFiles() names files of the arguments that do not show, at most three', () => {
  assert.deepEqual(
    paths({ words: ['tool', '/srv/a.py', '--config=/etc/app.conf', '/etc/ssl', '/no/such', '-x'] }),
    [...['/srv/a.py', '/etc/app.conf']],
  );
  assert.deepEqual(paths({ words: ['tool', '/srv/a.py', '/srv/b.py', '/srv/c.py', '/srv/d.py'] }).length, 3);
  assert.deepEqual(paths({ words: ['tool', '/srv/a.py'], visible: ['/srv'] }), []);
  assert.deepEqual(paths({ words: ['tool', '../srv/a.py', 'if=/srv/b.py'] }), ['/srv/a.py', '/srv/b.py']);
  assert.deepEqual(paths({ words: ['tool', '/tmp/y'] }), ['/tmp/y']);
  assert.deepEqual(paths({ words: ['tool', '/usr/lib/app/conf'] }), ['/usr/lib/app/conf']);
});

// proves: supervisor: no home directory is advised
test('unseenFiles() names no home directory, nothing above one, nothing that is hidden or kept, and no /proc', () => {
  for (const path of [
    '/home/me',
    '/home',
    '/home/other',
    '/root',
    '/',
    '/proc/version',
    '/mnt/home',
    '/mnt/home/z',
  ])
    assert.deepEqual(paths({ words: ['tool', path], keptHomes: ['/mnt/home'] }), [], path);
  assert.deepEqual(paths({ words: ['tool', '/srv/a.py'], visible: ['/srv'], hidden: ['/srv/a.py'] }), []);
});

test('unseenFiles() reports a file in the current home directory with its folder, which does not show', () => {
  const [one, ...others] = found({ words: ['tool', 'x.py', 'y.py'], cwd: '/home/me' });
  assert.deepEqual(others, []);
  assert.ok(one !== undefined);
  assert.equal(
    unseenLine(one, (shown) => `show ${shown.join()}`),
    'The command names "x.py", but "/home/me" is a home directory or above one, and not visible to it; if the program needs that, show /home/me/x.py and name it by that path, or start from a folder below',
  );
  assert.deepEqual(found({ words: ['tool', 'x.py'], cwd: '/home/me/project' }), []);
  assert.deepEqual(found({ words: ['tool', 'project'], cwd: '/home/me' }), []);
});

// proves: what a script names is advised only where everybody may read it
test('unseenFiles() names files from the script of a command, where every user may read them', () => {
  const script =
    '#!/bin/sh\nfor f in /etc/chromium.d/*; do . /etc/chromium.d/one; done\ncat /etc/shadow /tmp/y /etc/ssl /home/me/.ssh/key\n';
  const [one] = found({ words: ['tool'], scripts: { '/usr/bin/tool': script } });
  assert.deepEqual(one, {
    message: '"/usr/bin/tool" names a file of this host that is not visible to it',
    paths: ['/etc/chromium.d'],
  });
  assert.deepEqual(
    found({ words: ['tool'], scripts: { '/usr/bin/tool': 'cat /etc/chromium.d' } }),
    [],
    'no script',
  );
  const sh = {
    program: '/usr/bin/sh',
    scripts: { '/home/me/project/s': 'cat /etc/app.conf', '/srv/a.py': 'cat /etc/app.d' },
  };
  assert.deepEqual(paths({ ...sh, words: ['sh', '-ec', 'cat /etc/app.conf'] }), ['/etc/app.conf']);
  assert.deepEqual(paths({ ...sh, words: ['sh', '-e', './s'], cwd: '/home/me/project' }), []);
  assert.deepEqual(
    paths({ ...sh, words: ['sh', '/srv/a.py'] }),
    ['/srv/a.py'],
    'a script that does not show',
  );
  assert.deepEqual(paths({ ...sh, words: ['sh', '/srv/a.py'], visible: ['/srv/a.py'] }), ['/etc/app.d']);
});

test('unseenFiles() recognises the shims of version managers, and suggests a fix', () => {
  const pyenv = { program: '/home/me/.pyenv/shims/python3', words: ['python3', '/srv/a.py'] };
  assert.deepEqual(found(pyenv), [
    {
      message: '"python3" is a shim of pyenv, whose files are not visible to it',
      paths: ['/home/me/.pyenv'],
      instead: 'run the program that "pyenv which python3" prints',
    },
  ]);
  assert.deepEqual(paths({ ...pyenv, visible: ['/home/me/.pyenv'] }), ['/srv/a.py']);
  const asdf = { program: '/home/me/.asdf/shims/node', words: ['node'] };
  assert.deepEqual(found(asdf), [
    {
      message: '"node" is a shim of asdf, which looks for its files in a home directory',
      paths: [],
      instead: 'run the program that "asdf which node" prints',
    },
  ]);
  assert.deepEqual(found({ ...asdf, variables: ['ASDF_DATA_DIR'] }), []);
  assert.equal(findShim('/home/me/.local/share/mise/shims/node', host)?.manager, 'mise');
  assert.equal(findShim('/home/me/shims/node', host), undefined);
  assert.equal(findShim('/usr/bin/tool', host), undefined);
});
