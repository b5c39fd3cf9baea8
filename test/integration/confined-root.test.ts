// Root without CAP_SYS_ADMIN, as container engines start it. Here setpriv(1) takes the capability away.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { listen } from '../harness/listener.js';
import { postern, startPostern } from '../harness/postern.js';
import { brokerOf, childrenOf, commandOf, ofThreads } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { readableFolder } from '../harness/users.js';

const isRoot = process.geteuid?.() === 0;
const needsRoot = { skip: isRoot ? false : 'needs root, to take capabilities from' };
/** The capabilities that podman and docker leave to root in a container. */
const ENGINE =
  'chown,dac_override,fowner,fsetid,kill,net_bind_service,setfcap,setgid,setpcap,setuid,sys_chroot';
const withCapabilities = (
  ...names: string[]
): { readonly as: 'root'; readonly through: readonly string[] } => ({
  as: 'root',
  through: ['setpriv', `--bounding-set=-all,${names.map((name) => `+${name}`).join(',')}`, '--'],
});
const CONFINED = withCapabilities(...ENGINE.split(','));

test('root without CAP_SYS_ADMIN runs a program with its own ids and network', needsRoot, async () => {
  const allowed = await listen((socket) => socket.end('hello'));
  const forbidden = await listen();
  const program = `
import os, socket
print(os.getuid(), os.getgid(), os.getgroups())
print(socket.create_connection(("127.0.0.1", ${allowed.port})).recv(9).decode())
try: socket.create_connection(("127.0.0.1", ${forbidden.port}))
except OSError as error: print(error.errno)
try: open("/proc/sys/kernel/hostname", "w")
except OSError as error: print(type(error).__name__)
`;
  const { status, stdout, stderr } = await postern(
    ['run', '--allow', `127.0.0.1:${allowed.port}`, '--', '/usr/bin/python3', '-c', program],
    CONFINED,
  );
  assert.equal(await forbidden.allConnections(), 0);
  await Promise.all([allowed.close(), forbidden.close()]);
  assert.equal(stdout, '1000 1000 []\nhello\n111\nOSError\n', stderr);
  assert.equal(status, 0);
});

// proves: broker: capabilities that it does not need are given up
test(
  'without CAP_SYS_ADMIN the broker keeps no capability, and the plugin no id of root',
  needsRoot,
  async () => {
    const { child, result, stdout } = startPostern(['run', '--', 'sh', '-c', 'echo up; read line'], {
      ...CONFINED,
      keepInput: true,
    });
    await until(() => stdout().includes('up') || undefined);
    const pid = child.pid ?? 0;
    const broker = brokerOf(pid) ?? 0;
    for (const status of ofThreads(broker, 'status')) {
      assert.deepEqual(
        [...status.matchAll(/^Cap(Inh|Prm|Eff|Amb):\s*(\S+)$/gm)].map(([, , set]) => Number(`0x${set}`)),
        [0, 0, 0, 0],
      );
      assert.match(status, /^NoNewPrivs:\s*1$/m);
    }
    const plugin = childrenOf(pid).find((one) => commandOf(one).startsWith('sh -c echo up'));
    const uids = /^Uid:\s*(.*)$/m
      .exec(readFileSync(`/proc/${plugin}/status`, 'latin1'))?.[1]
      ?.split('\t')
      .map(Number);
    assert.ok(
      uids?.every((uid) => uid >= 0x7000_0000),
      `the plugin's uids are ${uids}`,
    );
    child.stdin?.end('\n');
    assert.equal((await result).status, 0);
  },
);

test(
  'without CAP_SYS_ADMIN a folder of root that the plugin cannot use is told in one line',
  needsRoot,
  async () => {
    const folder = readableFolder();
    mkdirSync(join(folder, 'closed'));
    writeFileSync(join(folder, 'closed/file'), 'seen');
    chmodSync(join(folder, 'closed'), 0o700);
    mkdirSync(join(folder, 'open'));
    chmodSync(join(folder, 'open'), 0o777);
    const { stdout, stderr, status } = await postern(
      [
        'run',
        '--visible',
        'closed',
        '--writable',
        'open',
        '--',
        'sh',
        '-c',
        'echo x > open/file; cat closed/file',
      ],
      { ...CONFINED, cwd: folder },
    );
    assert.equal(stdout, '');
    assert.equal(status, 1);
    const lines = stderr.split('\n').filter((line) => line.startsWith('postern: '));
    assert.equal(lines.length, 1, stderr);
    assert.match(lines[0] ?? '', /may not read "[^"]*\/closed".*CAP_SYS_ADMIN.*chmod -R o\+rX/);
    assert.ok(statSync(join(folder, 'open/file')).uid >= 0x7000_0000);
  },
);

test('root without CAP_SETUID is refused with the fix, and nothing is started', needsRoot, async () => {
  const { status, stdout, stderr } = await postern(
    ['run', '--', 'echo', 'started'],
    withCapabilities('setgid', 'chown'),
  );
  assert.equal(status, 125);
  assert.equal(stdout, '');
  assert.match(stderr, /^postern: [^\n]*CAP_SETUID and CAP_SETGID[^\n]*--user 1000:1000[^\n]*\n$/);
});

test('root with CAP_SYS_ADMIN needs no CAP_SYS_PTRACE', needsRoot, async () => {
  const { status, stdout, stderr } = await postern(
    ['run', '--', 'sh', '-c', 'id -u'],
    withCapabilities(...ENGINE.split(','), 'sys_admin'),
  );
  assert.equal(stdout, '1000\n', stderr);
  assert.equal(status, 0);
});
