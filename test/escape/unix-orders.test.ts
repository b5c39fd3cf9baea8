// The supervisor connects AF_UNIX sockets with a plugin's ids. A broker that was taken over sends sockets that are not the sandbox's. A plugin
// makes and interrupts calls faster than they are carried out.
// proves: G13
// proves: G16
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { ConnectsAsPlugin, type OwnIdsSandbox } from '../../sandbox/supervisor/orders/connects-as-plugin.js';
import { WAITING_ORDERS } from '../../shared/limits.js';
import { connectNow, type UnixTarget } from '../../shared/sys/connect-inside.js';
import { duplicate } from '../../shared/sys/fcntl.js';
import { bind } from '../../shared/sys/libc.js';
import { receiveMessage } from '../../shared/sys/message.js';
import { openFolder } from '../../shared/sys/open-folder.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { openUnixDiag } from '../../shared/sys/sandbox-listeners.js';
import { AF_UNIX } from '../../shared/sys/sockaddr.js';
import { packetSocketPair, SOCK_CLOEXEC, SOCK_STREAM, socket } from '../../shared/sys/socket.js';
import { FULL_QUEUE, holdFullQueue } from '../harness/full-queue.js';
import { PATIENCE } from '../harness/patience.js';
import { readableFolder, users } from '../harness/users.js';

const setgroups = bind('int setgroups(size_t count, const void *groups)');
/** process.setgroups() refuses where libuv may use io_uring. */
const haveGroups = (groups: readonly number[]): void =>
  assert.equal(setgroups(groups.length, new Uint8Array(new Uint32Array(groups).buffer)), 0);

const PLUGIN_ID = 65_534;
const OWN_GROUP = 12_345;
const GIVE_UP_MS = 20_000 * PATIENCE;
const NAME = `postern-orders-${process.pid}`;
const ABSTRACT: UnixTarget = { kind: 'abstract', address: Buffer.from(`\x01\0\0${NAME}`, 'latin1') };
const LISTEN: UnixTarget = { kind: 'listen', backlog: 1 };
/** Sends a question socket, an AF_UNIX socket and a TCP socket of a new network namespace. */
const OTHER_NETWORK = `
import array, socket
made = [socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4), socket.socket(socket.AF_UNIX), socket.socket(socket.AF_INET)]
socket.socket(fileno=3).sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [one.fileno() for one in made]))])
`;

interface SandboxSockets {
  readonly unixDiag: OwnedFd;
  readonly unix: OwnedFd;
  readonly tcp: OwnedFd;
}

async function sandboxSockets(): Promise<SandboxSockets> {
  const [ours, theirs] = packetSocketPair();
  const child = spawn('unshare', ['--net', 'python3', '-c', OTHER_NETWORK], {
    stdio: ['ignore', 'ignore', 'inherit', theirs.number],
  });
  theirs.close();
  await once(child, 'exit');
  const message = receiveMessage(ours.number);
  ours.close();
  assert.ok(typeof message === 'object');
  const [unixDiag, unix, tcp] = message.descriptors;
  assert.ok(unixDiag !== undefined && unix !== undefined && tcp !== undefined);
  return { unixDiag, unix, tcp };
}

/** Counts connections. */
async function hostListener(at: string): Promise<{ readonly server: Server; readonly heard: () => number }> {
  let heard = 0;
  const server = createServer((one) => {
    heard += 1;
    one.destroy();
  });
  server.listen(at);
  await once(server, 'listening');
  return { server, heard: () => heard };
}

/** The name as it was bound: Node 20 fills it up with NULs, which /proc/net/unix shows as `@`. */
function boundAddress(): Uint8Array {
  const [, more = ''] = new RegExp(`@${NAME}(@*)$`, 'm').exec(readFileSync('/proc/net/unix', 'latin1')) ?? [];
  return Buffer.from(`\x01\0\0${NAME}${'\0'.repeat(more.length)}`, 'latin1');
}

const made = (): OwnedFd => new OwnedFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));

type Order = (one: OwnedFd, target: UnixTarget) => Promise<number | 'host'>;

/** Of one sandbox. The thread does not keep the process alive meanwhile. */
function ordersOf(sandbox: OwnIdsSandbox): Order {
  const connects = new ConnectsAsPlugin();
  return async (one, target) => {
    const alive = setInterval(() => {}, 1000);
    const result = await new Promise<number | 'host'>((resolve) =>
      connects.connect(sandbox, one, target, resolve),
    );
    clearInterval(alive);
    return result;
  };
}

/** Connects to a socket file of the sandbox's. */
async function connectTo(file: {
  readonly owner: number;
  readonly group?: number;
  readonly mode: number;
}): Promise<number | 'host'> {
  const folder = readableFolder();
  const path = join(folder, 'socket');
  const { server, heard } = await hostListener(path);
  chownSync(path, file.owner, file.group ?? 0);
  chmodSync(path, file.mode);
  const unixDiag = openUnixDiag();
  using root = openFolder('/');
  const scratch = [statSync(folder, { bigint: true }).dev];
  const order = ordersOf({ number: 1, root, unixDiag, scratch, pluginId: PLUGIN_ID, kill: () => {} });
  const result = await order(made(), { kind: 'path', path: Buffer.from(path), self: undefined });
  unixDiag.close();
  if (result === 0 && heard() === 0) await once(server, 'connection');
  server.close();
  return result;
}

interface Busy {
  readonly connects: ConnectsAsPlugin;
  readonly kept: SandboxSockets & { readonly root: OwnedFd };
  /** The orders that have ended, with their results. */
  readonly ends: readonly string[];
  readonly order: (trap: number, name: string) => Promise<void>;
  /** Of the first sandbox, as many as may wait. */
  readonly greedy: readonly Promise<void>[];
}

async function busySandbox(): Promise<Busy> {
  const sockets = await sandboxSockets();
  sockets.unix.close();
  sockets.tcp.close();
  const kept = { ...sockets, root: openFolder('/') };
  const connects = new ConnectsAsPlugin();
  const ends: string[] = [];
  const order = (trap: number, name: string): Promise<void> =>
    new Promise((resolve) => {
      const sandbox = { ...kept, number: trap, scratch: [], pluginId: PLUGIN_ID, kill: () => {} };
      const alive = setInterval(() => {}, 1000);
      connects.connect(sandbox, made(), ABSTRACT, (result) => {
        clearInterval(alive);
        ends.push(`${name} ${result}`);
        resolve();
      });
    });
  const greedy = Array.from({ length: WAITING_ORDERS }, (_, at) => order(1, `greedy ${at}`));
  return { connects, kept, ends, order, greedy };
}

for (const user of users.filter((one) => one === 'root')) {
  // proves: unix orders: the thread takes sockets of the sandbox's network alone
  test(`the supervisor connects no socket of another network with a plugin's ids (${user})`, async () => {
    const { unixDiag, unix, tcp } = await sandboxSockets();
    tcp.close();
    const { server, heard } = await hostListener(`\0${NAME}`);
    const address = boundAddress();
    using root = openFolder('/');
    const order = ordersOf({ number: 1, root, unixDiag, scratch: [], pluginId: PLUGIN_ID, kill: () => {} });
    try {
      // The name is the listener's.
      const reached = once(server, 'connection');
      using caller = made();
      assert.equal(connectNow(caller.number, address), 0);
      await reached;
      assert.equal(await order(made(), { kind: 'abstract', address }), -13);
      assert.equal(await order(made(), LISTEN), -13);
      // The sandbox's own socket finds no such name there.
      assert.equal(await order(unix, { kind: 'abstract', address }), -111);
    } finally {
      unixDiag.close();
      server.close();
    }
    await once(server, 'close');
    assert.equal(heard(), 1);
  });

  // proves: unix orders: the thread takes AF_UNIX sockets alone
  test(`the supervisor makes no socket of another family listen (${user})`, async () => {
    const { unixDiag, unix, tcp } = await sandboxSockets();
    unix.close();
    using root = openFolder('/');
    const order = ordersOf({ number: 1, root, unixDiag, scratch: [], pluginId: PLUGIN_ID, kill: () => {} });
    assert.equal(await order(tcp, LISTEN), -13);
    unixDiag.close();
  });

  // proves: unix orders: the thread connects with the plugin's ids
  test(`the supervisor connects with the ids of the plugin (${user})`, async () => {
    assert.equal(await connectTo({ owner: 0, mode: 0o600 }), -13);
    assert.equal(await connectTo({ owner: PLUGIN_ID, mode: 0o600 }), 0);
  });

  // proves: unix orders: the thread has none of the supervisor's groups
  test(`the supervisor connects with none of its own groups (${user})`, async () => {
    const groups = process.getgroups?.() ?? [];
    haveGroups([OWN_GROUP]);
    try {
      assert.equal(await connectTo({ owner: 0, group: OWN_GROUP, mode: 0o060 }), -13);
      assert.equal(await connectTo({ owner: 0, group: PLUGIN_ID, mode: 0o060 }), 0);
    } finally {
      haveGroups(groups);
    }
  });

  // proves: unix orders: those of a sandbox are bounded
  test(`past a bound, the supervisor answers a sandbox at once (${user})`, async () => {
    const { connects, kept, ends, order, greedy } = await busySandbox();
    const late = order(1, 'late');
    assert.deepEqual(ends, ['late -11']);
    await Promise.all([...greedy, late]);
    connects.end(1, [kept.root, kept.unixDiag]);
  });

  // proves: unix orders: sandboxes take turns
  test(`a busy sandbox does not keep another one from its turn (${user})`, async () => {
    const { connects, kept, ends, order, greedy } = await busySandbox();
    await Promise.all([...greedy, order(2, 'other')]);
    assert.ok(ends.indexOf('other -13') < 6, ends.join());
    connects.end(1, [kept.root, kept.unixDiag]);
  });

  // proves: unix orders: an ended sandbox's descriptors stay open for them
  test(`an ended sandbox's descriptors are closed after its last order (${user})`, async () => {
    const before = readdirSync('/proc/self/fd').length;
    const { connects, kept, ends, greedy } = await busySandbox();
    connects.end(1, [kept.root, kept.unixDiag]);
    // Its orders still use them.
    assert.equal(kept.root.open && kept.unixDiag.open, true);
    await Promise.all(greedy);
    assert.equal(ends.length, WAITING_ORDERS);
    assert.equal(kept.root.open || kept.unixDiag.open, false);
    // The thread has its own descriptors.
    assert.ok(readdirSync('/proc/self/fd').length < before + WAITING_ORDERS / 2);
  });

  // proves: unix orders: a plugin that makes the thread wait is ended
  test(`a plugin that makes the supervisor's thread wait is ended (${user})`, async () => {
    const unixDiag = openUnixDiag();
    using root = openFolder('/');
    using shared = made();
    const holder = await holdFullQueue(shared);
    let killed = 0;
    const kill = (): void => {
      killed += 1;
      holder.kill('SIGKILL');
    };
    const order = ordersOf({ number: 1, root, unixDiag, scratch: [], pluginId: PLUGIN_ID, kill });
    let over = false;
    const giveUp = setTimeout(() => {
      over = true;
      holder.kill('SIGKILL');
    }, GIVE_UP_MS);
    // Most connects find that the queue is full, and do not wait.
    while (killed === 0 && !over) await order(duplicate(shared.number), FULL_QUEUE);
    clearTimeout(giveUp);
    unixDiag.close();
    assert.deepEqual([killed, over], [1, false]);
  });
}
