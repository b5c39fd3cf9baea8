// Hostile code inside a broker's process gains nothing. The same attempts succeed before the broker is in its sandbox.
// As root a broker gets a mount namespace.
// needs: namespaces
import assert from 'node:assert/strict';
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startBroker } from '../broker/start-broker.js';
import { openSocket, readUntilEnd } from '../broker/use-socket.js';
import { listen } from '../harness/listener.js';
import { until } from '../harness/until.js';

const isRoot = process.geteuid?.() === 0;
const VISITOR = new URL('broker-visitor.js', import.meta.url).href;
type Report = { readonly when: string; readonly results: Readonly<Record<string, string>> };

async function visit(
  becomeIds: { uid: number; gid: number } | undefined,
): Promise<ReadonlyMap<string, Report['results']>> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-sandbox-'));
  chmodSync(folder, 0o777);
  for (const name of ['there', 'spare']) {
    writeFileSync(join(folder, name), 'as it was');
    chmodSync(join(folder, name), 0o666);
  }
  const words = join(folder, 'words');
  const stderr = openSync(words, 'w');
  const server = await listen((socket) => socket.end('hello'));
  try {
    const broker = await startBroker(becomeIds === undefined ? {} : { becomeIds }, {
      options: ['--import', `${VISITOR}?folder=${folder}`],
      stderr,
    });
    const reports = (): Report[] =>
      readFileSync(words, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Report);
    await until(() => (reports().some(({ when }) => when === 'thread') ? true : undefined));
    assert.deepEqual(
      broker.lines.filter(({ type }) => type === 'failed'),
      [],
    );
    assert.match(readFileSync(`/proc/${broker.pid}/limits`, 'latin1'), /^Max core file size +0 +0 /m);
    const mounts = becomeIds === undefined ? '' : readFileSync(`/proc/${broker.pid}/mountinfo`, 'utf8');
    // The broker still serves.
    await broker.plugin('p', { allow: [`127.0.0.1:${server.port}`] });
    const channel = await broker.channel('p');
    const { descriptor } = await channel.connect('127.0.0.1', server.port);
    assert.equal(await readUntilEnd(openSocket(descriptor)), 'hello');
    assert.equal(await broker.stop(), 0);
    assertSealed(mounts);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name === 'by-thread'),
      [],
    );
    // A Node that starts again to lose its io_uring runs the visitor twice before its sandbox. The first visit counts.
    return new Map(
      reports()
        .reverse()
        .map(({ when, results }) => [when, results]),
    );
  } finally {
    closeSync(stderr);
    await server.close();
    rmSync(folder, { recursive: true });
  }
}

/** The broker's seccomp filter would hide that a mount is writable. */
function assertSealed(mounts: string): void {
  for (const mount of mounts.split('\n').filter(Boolean))
    assert.match(mount, /^(?:\S+ ){5}ro,nosuid,nodev\b/);
}

const REFUSED = {
  spawn: 'EPERM',
  fork: 'EPERM',
  create: 'EACCES',
  overwrite: 'EACCES',
  append: 'EACCES',
  open_for_both: 'EACCES',
  truncate: 'EACCES',
  change_attributes: 'EPERM',
  set_modes_of_a_terminal: 'EPERM',
  set_size_of_a_terminal: 'EPERM',
  set_line_discipline: 'EPERM',
  make_socket_file: 'EPERM',
  make_folder: 'EPERM',
  change_mode: 'EPERM',
  rename: 'EPERM',
  remove: 'EPERM',
  unshare: 'EPERM',
  mount: 'EPERM',
  change_a_mount: 'EPERM',
  attach_a_mount: 'EPERM',
  signal_parent: 'EPERM',
  signal_parent_by_handle: 'EPERM',
  signal_parent_by_descriptor: 'EPERM',
  choose_that_signal: 'EPERM',
  signal_by_terminal: 'EPERM',
  outlive_parent: 'EPERM',
  leave_a_core_file: 'EPERM',
  set_a_limit: 'EPERM',
  renice_parent: 'EPERM',
  pin_parent: 'EPERM',
  lock_a_file: 'EPERM',
  wait_for_disks: 'EPERM',
  share_memory: 'EPERM',
  take_a_semaphore: 'EPERM',
  take_a_queue: 'EPERM',
  take_a_named_queue: 'EPERM',
  another_family: 'EPERM',
  another_protocol: 'EPERM',
  another_pair: 'EPERM',
  signal_parent_thread: 'EPERM',
  trace_parent: 'EPERM',
  ask_personality: 'EPERM',
  asynchronous_io: 'EPERM',
  kernel_surface: 'EPERM',
  attach_a_filter: 'EPERM',
};

// proves: broker sandbox: the broker starts no program and no process, only threads
// proves: broker sandbox: the broker opens no file for writing
// proves: broker sandbox: the broker changes no file system
// proves: broker sandbox: the broker reads the memory of plugins, but changes none, and controls no other process
// proves: broker sandbox: the user's programs wait for no lock and no disk of the broker, and share no memory and no queue with it
// proves: broker sandbox: requests of ioctl(2) that it does not need change the modes of terminals, the attributes of files, and who gets a signal
// proves: broker sandbox: the broker makes sockets of connections, and those that ask the kernel about them
// proves: broker sandbox: the namespaces, ids, filters and limits of the broker stay as they are, and so does its end with the supervisor's
// proves: broker sandbox: attackers have often taken over kernels through these calls
// proves: broker sandbox: it makes no pair of sockets but of packets
// proves: broker sandbox: it sends no signal by a handle of a process
// proves: broker sandbox: it has the kernel send no signal for it
// proves: broker sandbox: no terminal sends a signal for it
// proves: broker sandbox: its memory stays out of files, and it ends with its supervisor
// proves: broker: it leaves no core file
// proves: broker sandbox: it attaches no filter to a socket
test('hostile code inside a broker starts nothing, writes nothing and steers nobody', async () => {
  const reports = await visit(undefined);
  const { read_parent_memory: _read, become_root: _root, ...after } = reports.get('after') ?? {};
  assert.deepEqual(after, REFUSED);
  assert.deepEqual(reports.get('thread'), { create: 'EACCES' });
  const before = reports.get('before') ?? {};
  for (const name of [
    'spawn',
    'fork',
    'create',
    'append',
    'change_mode',
    'rename',
    'remove',
    'signal_parent',
    'signal_parent_by_handle',
    'signal_parent_by_descriptor',
    'choose_that_signal',
    'signal_by_terminal',
    'outlive_parent',
    'leave_a_core_file',
    'set_a_limit',
    'lock_a_file',
    'wait_for_disks',
    'share_memory',
    'take_a_semaphore',
    'take_a_queue',
    'take_a_named_queue',
    'another_family',
    'another_protocol',
    'another_pair',
    'attach_a_filter',
    'change_attributes',
    'set_modes_of_a_terminal',
    'set_size_of_a_terminal',
    'set_line_discipline',
    'asynchronous_io',
  ])
    assert.equal(before[name], 'ok', `${name} is refused without a sandbox of its own too`);
});

// proves: broker: all that it sees of the host is read-only
test('as root it cannot read the supervisor or become root again either', {
  skip: isRoot ? false : 'needs root',
}, async () => {
  const reports = await visit({ uid: 64_321, gid: 64_321 });
  assert.deepEqual(reports.get('after'), { ...REFUSED, read_parent_memory: 'EACCES', become_root: 'EPERM' });
  const before = reports.get('before') ?? {};
  // Before the broker changes its ids it is root, and everything succeeds.
  for (const name of Object.keys(REFUSED))
    assert.equal(before[name], 'ok', `${name} is refused without a sandbox of its own too`);
});
