import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { userInTurn } from '../harness/asked.js';
import { PATIENCE } from '../harness/patience.js';
import { asUser, distFor, readableFile, readableFolder, type User, users } from '../harness/users.js';

const needsRoot = process.geteuid?.() === 0 ? false : 'needs root, to take something away from the host';
const NAMES = [
  ...[
    'kernel',
    'architecture',
    'node',
    'user namespaces',
    'fresh /proc',
    'id range',
    'own code',
    'unshare(1)',
    '/bin/sh',
  ],
  ...['libseccomp', 'libcap-ng', 'seccomp filter', 'Landlock', 'user notification', 'WAIT_KILLABLE_RECV'],
  ...[
    'PIDFD_THREAD',
    'SO_NETNS_COOKIE',
    'SO_PASSRIGHTS',
    'pidfd_getfd(2)',
    'kcmp(2)',
    'Yama',
    'closed programs',
  ],
  ...['name servers', 'descriptors', 'cgroup', 'sandbox', 'connection', 'own connect(2)'],
];
const HOME = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', HOME: '/nonexistent' };

interface Setting {
  /** The command's words before the change of user, and after it. */
  readonly asRoot?: readonly string[];
  readonly asThatUser?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** The compiled code to start. */
  readonly dist?: string;
}

interface Told {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function doctor(
  user: User,
  args: readonly string[],
  { asRoot = [], asThatUser = [], env, dist = distFor(user) }: Setting = {},
): Told {
  const main = join(dist, 'run/postern.js');
  const [command = '', ...rest] = [
    ...asRoot,
    ...asUser(user),
    ...asThatUser,
    ...[process.execPath, main, 'doctor', ...args],
  ];
  return spawnSync(command, rest, {
    cwd: '/',
    encoding: 'utf8',
    timeout: 60_000 * PATIENCE,
    env: { ...HOME, ...env },
  });
}

/** The lines of one check: its result and its fix. */
function lines(stdout: string, name: string): string {
  const all = stdout.split('\n');
  const at = all.findIndex((line) => line.slice('degraded  '.length).startsWith(`${name}  `));
  assert.notEqual(at, -1, `${name} in ${stdout}`);
  const end = all.findIndex((line, index) => index > at && !line.startsWith('          '));
  return all.slice(at, end).join('\n');
}

function isMissing(told: Told, name: string, expected: RegExp): void {
  assert.equal(told.status, 1, told.stdout + told.stderr);
  assert.equal(told.stderr, '');
  assert.match(lines(told.stdout, name), /^missing /);
  assert.match(lines(told.stdout, name), expected);
  assert.match(lines(told.stdout, 'sandbox'), /^missing .*\n +Fix what is missing above/);
  assert.match(told.stdout, /\nThis host cannot run postern yet: 1 requirement is missing\n$/);
}

const shell = (script: string): readonly string[] => ['sh', '-c', `${script} && exec "$@"`, 'sh'];
const inMounts = (script: string): readonly string[] => ['unshare', '--mount', ...shell(script)];
const inUserNamespace = (ids: string, script = 'true'): readonly string[] => [
  ...['unshare', '--user', `--map-users=${ids}`, `--map-groups=${ids}`],
  ...['--setuid=0', '--setgid=0', '--keep-caps', ...shell(script)],
];
const library = (name: string): string =>
  realpathSync(join('/usr/lib', `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`, name));

/** Loads a filter that refuses calls with EPERM, as a container's filter does. Then it executes the rest of the words. */
function underFilter(user: User, calls: readonly string[]): readonly string[] {
  const url = (module: string): string => pathToFileURL(join(distFor(user), 'shared/sys', module)).href;
  const script = `
    const { compileFilters } = await import('${url('compile-filters.js')}');
    const { loadProgram } = await import('${url('filter-program.js')}');
    const { setNoNewPrivileges } = await import('${url('process-control.js')}');
    const { execve } = await import('${url('process-control.js')}');
    const { duplicate, duplicateOnto } = await import('${url('fcntl.js')}');
    setNoNewPrivileges();
    loadProgram(compileFilters([{ otherwise: 'allow', rules: [{ calls: ${JSON.stringify(calls)}, action: 'EPERM' }] }]));
    for (const fd of [0, 1, 2]) duplicateOnto(duplicate(fd).release(), fd);
    execve(process.argv[1], process.argv.slice(1), Object.entries(process.env).map((pair) => pair.join('=')));
    process.exit(70);`;
  return [process.execPath, '--input-type=module', '-e', script, '--'];
}

for (const user of users) {
  test(`doctor finds nothing missing on this host, line by line (${user})`, () => {
    const { status, stdout, stderr } = doctor(user, []);
    assert.equal(status, 0, stdout + stderr);
    assert.equal(stderr, '');
    for (const name of NAMES) assert.match(lines(stdout, name), /^(ok|degraded) /);
    const checks = stdout.split('\n').filter((line) => /^\S/.test(line));
    assert.equal(checks.length, NAMES.length + 1, 'no line for anything else');
    assert.equal(checks.at(-1), 'This host can run postern');
    const own = user === 'root' ? 1000 : process.geteuid?.() || 65_534;
    assert.match(
      lines(stdout, 'sandbox'),
      new RegExp(`^ok +sandbox +made in \\d+ ms, uid ${own} gid \\d+ inside$`),
    );
    assert.match(
      lines(stdout, 'connection'),
      /^ok +connection +allowed: good day, refused: EACCES \w+; the listener that no rule allows heard nothing$/,
    );
    assert.doesNotMatch(stdout, /\u001b/);
  });
}

for (const user of userInTurn(0)) {
  test(`doctor --json is one object with the same checks (${user})`, () => {
    const { status, stdout } = doctor(user, ['--json']);
    assert.equal(status, 0);
    const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: Record<string, unknown>[] };
    assert.equal(ok, true);
    assert.deepEqual(
      checks.map(({ name }) => name),
      NAMES,
    );
    for (const entry of checks)
      assert.deepEqual(Object.keys(entry), ['name', 'state', 'found', 'needed', 'fix']);
  });

  test(`doctor ends with 2 for wrong usage (${user})`, () => {
    for (const args of [['now'], ['--now']]) {
      const { status, stdout, stderr } = doctor(user, args);
      assert.equal(status, 2);
      assert.equal(stdout, '');
      assert.match(stderr, /^postern: [^\n]+\n$/);
    }
  });

  test(`doctor names the setting that allows no user namespace (${user})`, { skip: needsRoot }, () => {
    const asRoot = inUserNamespace('0,0,2147483647', 'echo 0 >/proc/sys/user/max_user_namespaces');
    const told = doctor(user, [], { asRoot });
    isMissing(
      told,
      'user namespaces',
      /user\.max_user_namespaces = 0 .*\n +Allow them, as root:\n +sysctl -w /,
    );
  });
}

for (const user of userInTurn(1)) {
  test(`doctor names the package of unshare(1) and of libseccomp (${user})`, { skip: needsRoot }, () => {
    const hiding = (path: string, as = user): Told =>
      doctor(as, [], { asRoot: inMounts(`mount --bind /dev/null ${path}`) });
    const unshare = hiding('/usr/bin/unshare');
    assert.equal(unshare.status, 1, unshare.stdout);
    assert.match(lines(unshare.stdout, 'unshare(1)'), /^missing .*\n +Install it: \S+.* util-linux$/);
    assert.match(lines(unshare.stdout, 'user namespaces'), /not tried: unshare\(1\) is missing/);
    isMissing(
      hiding(library('libseccomp.so.2')),
      'libseccomp',
      /libseccomp\.so\.2: .*\n +Install it: .*libseccomp/,
    );
    // As root: a test becomes another user by setpriv(1), which needs libcap-ng itself.
    isMissing(
      hiding(library('libcap-ng.so.0'), 'root'),
      'libcap-ng',
      /libcap-ng\.so\.0: .*\n +Install it: .*libcap-ng/,
    );
  });

  test(`doctor names what is mounted over /proc, and unmounting it is the fix (${user})`, {
    skip: needsRoot,
  }, () => {
    const mask = 'mount --bind /dev/null /proc/version';
    const told = doctor(user, [], { asRoot: inMounts(mask) });
    isMissing(told, 'fresh /proc', /masked by mounts on \/proc\/version .*\n.*\n +umount \/proc\/version$/);
    assert.equal(doctor(user, [], { asRoot: inMounts(`${mask} && umount /proc/version`) }).status, 0);
  });
}

for (const user of userInTurn(0)) {
  test(`doctor tells a filter that refuses namespaces from a setting that does (${user})`, () => {
    const told = doctor(user, [], { asThatUser: underFilter(user, ['unshare', 'mount', 'pivot_root']) });
    isMissing(
      told,
      'user namespaces',
      /Seccomp: 2 in .*not permitted .*\n +Start postern without the seccomp filter/,
    );
  });

  test(`doctor recognises a filter that refuses a later call of broker and launcher (${user})`, () => {
    const { status, stdout } = doctor(user, [], { asThatUser: underFilter(user, ['pivot_root']) });
    assert.equal(status, 1);
    assert.match(lines(stdout, 'user namespaces'), /^ok /);
    assert.match(lines(stdout, 'sandbox'), /Seccomp: 2 in .*pivot_root: EPERM .*\n +Start postern without/);
  });
}

test('doctor recognises a filter that keeps a user from entering a namespace', {
  skip: users.includes('user') ? false : 'is about a user',
}, () => {
  const { status, stdout } = doctor('user', [], { asThatUser: underFilter('user', ['setns']) });
  assert.equal(status, 1);
  assert.match(lines(stdout, 'user namespaces'), /^ok /);
  assert.match(
    lines(stdout, 'sandbox'),
    /Seccomp: 2 in .*nsenter: .*not permitted .*\n +Start postern without/,
  );
});

for (const user of userInTurn(1)) {
  test(`doctor names the options of a container whose defaults forbid sandboxes (${user})`, {
    skip: needsRoot,
  }, () => {
    const asRoot = inMounts(
      'mount -t tmpfs none /run && touch /run/.containerenv && mount --bind /dev/null /proc/version',
    );
    const asThatUser = underFilter(user, ['unshare', 'mount']);
    const { status, stdout } = doctor(user, [], { asRoot, asThatUser });
    assert.equal(status, 1);
    const options =
      /\n +podman run --security-opt seccomp=postern-seccomp\.json --security-opt unmask=ALL …\n/;
    assert.match(lines(stdout, 'user namespaces'), options);
    const env = { KUBERNETES_SERVICE_HOST: '192.0.2.1' };
    const pod = doctor(user, [], { asRoot, asThatUser, env }).stdout;
    assert.match(lines(pod, 'user namespaces'), /hostUsers: false\n(.*\n)+.*procMount: Unmasked/);
  });
}

for (const user of users) {
  test(`doctor names a limit of descriptors below a plugin's (${user})`, () => {
    const { status, stdout } = doctor(user, [], { asThatUser: ['prlimit', '--nofile=512:512'] });
    assert.equal(status, 0);
    const told = /^degraded .*hard: 512 .*\n +A plugin gets 512, not 1024\. Raise it; /;
    assert.match(lines(stdout, 'descriptors'), told);
    assert.match(lines(stdout, 'sandbox'), /^ok /);
  });
}

for (const user of userInTurn(0)) {
  test(`doctor names the kernel that is too old (${user})`, () => {
    isMissing(
      doctor(user, [], { asThatUser: ['setarch', '--uname-2.6'] }),
      'kernel',
      /linux 2\.6\..*\n +Boot Linux/,
    );
  });

  test(`doctor has colours on a terminal alone, and not with NO_COLOR (${user})`, () => {
    const asThatUser = ['/usr/bin/python3', '-c', 'import pty, sys; pty.spawn(sys.argv[1:])'];
    assert.match(doctor(user, [], { asThatUser }).stdout, /\u001b\[32mok {8}\u001b\[0mkernel/);
    assert.doesNotMatch(doctor(user, [], { asThatUser, env: { NO_COLOR: '1' } }).stdout, /\u001b/);
  });
}

test('doctor reports that a root with few ids cannot give plugins theirs', { skip: needsRoot }, () => {
  const told = doctor('root', [], { asRoot: inUserNamespace('0,0,65536') });
  isMissing(told, 'id range', /ids 0 to 65535 are mapped .*\n +Start postern as an ordinary user/);
  const user = doctor('user', [], { asRoot: inUserNamespace('0,0,65536') });
  assert.equal(user.status, 0, `the fix: ${user.stdout}`);
});

test('doctor names the ids of /etc/subuid that a small map has room for', { skip: needsRoot }, () => {
  const ids = '0,0,400000';
  const told = doctor('root', [], { asRoot: inUserNamespace(ids) });
  isMissing(told, 'id range', /Name ids that are mapped:\n +echo 'postern:65536:327680' >>\/etc\/subuid$/);
  const entry = readableFile('subuid', 'postern:65536:327680\n');
  const fixed = doctor('root', [], {
    asRoot: [...inMounts(`mount --bind ${entry} /etc/subuid`), ...inUserNamespace(ids)],
  });
  assert.equal(fixed.status, 0, `the fix: ${fixed.stdout}`);
});

test("doctor finds postern's own folder closed to the launcher as root", { skip: needsRoot }, () => {
  const folder = join(readableFolder(), 'own');
  const top = join(distFor('root'), '..');
  const script = (mode: string): string =>
    [
      `mkdir -p ${folder}/dist ${folder}/node_modules`,
      `cp ${top}/package.json ${folder}`,
      ...['dist', 'node_modules'].map((name) => `mount --bind ${top}/${name} ${folder}/${name}`),
      `chmod ${mode} ${folder}`,
    ].join(' && ');
  const dist = join(folder, 'dist');
  const told = doctor('root', [], { asRoot: inMounts(script('700')), dist });
  isMissing(told, 'own code', new RegExp(`"${folder}" has mode 700 .*\\n.*\\n +chmod -R o\\+rX ${folder}$`));
  const fixed = doctor('root', [], { asRoot: inMounts(script('705')), dist });
  assert.equal(fixed.status, 0, fixed.stdout);
});

test('doctor names lo where it is down, and the fix brings it up', { skip: needsRoot }, () => {
  const told = doctor('root', [], { asRoot: ['unshare', '--net'] });
  assert.equal(told.status, 1, told.stderr);
  assert.match(lines(told.stdout, 'sandbox'), /^ok /);
  assert.match(
    lines(told.stdout, 'connection'),
    /^missing .*lo is not up; allowed: ENETUNREACH unreachable, .*\n.*\n +ip link set lo up$/,
  );
  const fixed = doctor('root', [], { asRoot: ['unshare', '--net', ...shell('ip link set lo up')] });
  assert.equal(fixed.status, 0, fixed.stdout);
});

const without = (addresses: string): readonly string[] => [
  ...['unshare', '--net', '--', 'sh', '-c', `ip link set lo up; ${addresses}; exec "$@"`, 'sh'],
];

for (const user of userInTurn(0)) {
  test(`doctor tries its connections on a host with IPv6 alone (${user})`, { skip: needsRoot }, () => {
    const { status, stdout } = doctor(user, [], { asRoot: without('ip addr del 127.0.0.1/8 dev lo') });
    assert.match(lines(stdout, 'connection'), /^ok/);
    assert.match(lines(stdout, 'own connect(2)'), /^ok/);
    assert.equal(status, 0, stdout);
  });
}

for (const user of userInTurn(1)) {
  test(`doctor says that lo has no address (${user})`, { skip: needsRoot }, () => {
    const { status, stdout } = doctor(user, [], { asRoot: without('ip addr flush dev lo') });
    assert.match(
      lines(stdout, 'connection'),
      /^missing.*the interface lo has neither 127\.0\.0\.1 nor ::1.*ip addr add 127\.0\.0\.1\/8 dev lo/s,
    );
    assert.equal(status, 1);
  });
}
