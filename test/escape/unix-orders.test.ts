// The supervisor connects AF_UNIX sockets with a plugin's ids. A broker that was taken over sends sockets that are not the sandbox's. A plugin
// makes and interrupts calls faster than they are carried out.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { test } from 'node:test';
import { ConnectsAsPlugin } from '../../sandbox/supervisor/unix/connects-as-plugin.js';
import { UNIX_ORDERS } from '../../shared/limits.js';
import type { UnixTarget } from '../../shared/sys/connect-inside.js';
import { receiveMessage } from '../../shared/sys/message.js';
import { openFolder } from '../../shared/sys/open-folder.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { AF_INET, AF_UNIX } from '../../shared/sys/sockaddr.js';
import { packetSocketPair } from '../../shared/sys/socket.js';
import { socket } from '../../shared/sys/socket-calls.js';
import { SOCK_CLOEXEC, SOCK_STREAM } from '../../shared/sys/socket-constants.js';
import { users } from '../harness/users.js';

const PLUGIN_ID = 65_534;
const NAME = `postern-orders-${process.pid}`;
const ABSTRACT: UnixTarget = { kind: 'abstract', address: Buffer.from(`\x01\0\0${NAME}`, 'latin1') };
const LISTEN: UnixTarget = { kind: 'listen', backlog: 1 };
/** Sends a question socket and an AF_UNIX socket of a new network namespace. */
const OTHER_NETWORK = `
import array, socket
made = [socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4), socket.socket(socket.AF_UNIX)]
socket.socket(fileno=3).sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [one.fileno() for one in made]))])
`;

async function sandboxSockets(): Promise<{ readonly unixDiag: OwnedFd; readonly own: OwnedFd }> {
  const [ours, theirs] = packetSocketPair();
  const child = spawn('unshare', ['--net', 'python3', '-c', OTHER_NETWORK], {
    stdio: ['ignore', 'ignore', 'inherit', theirs.number],
  });
  theirs.close();
  await once(child, 'exit');
  const message = receiveMessage(ours.number);
  ours.close();
  assert.ok(typeof message === 'object');
  const [unixDiag, own] = message.descriptors;
  assert.ok(unixDiag !== undefined && own !== undefined);
  return { unixDiag, own };
}

async function hostListener(heard: () => void): Promise<Server> {
  const server = createServer((one) => {
    heard();
    one.destroy();
  });
  server.listen(`\0${NAME}`);
  await once(server, 'listening');
  return server;
}

const made = (domain: number): OwnedFd => new OwnedFd(socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0));

for (const user of users.filter((one) => one === 'root'))
  test(`the supervisor connects no socket of another network with a plugin's ids (${user})`, async () => {
    const { unixDiag, own } = await sandboxSockets();
    let heard = 0;
    const server = await hostListener(() => {
      heard += 1;
    });
    using root = openFolder('/');
    const connects = new ConnectsAsPlugin();
    const sandbox = { session: 1, root, unixDiag, scratch: [], pluginId: PLUGIN_ID, kill: () => {} };
    const order = (one: OwnedFd, target: UnixTarget): Promise<number | 'host'> =>
      new Promise((resolve) => connects.connect(sandbox, one, target, resolve));
    try {
      // The server keeps the process alive meanwhile: the thread does not.
      assert.equal(await order(made(AF_UNIX), ABSTRACT), -13);
      assert.equal(await order(made(AF_UNIX), LISTEN), -13);
      assert.equal(await order(made(AF_INET), LISTEN), -13);
      // The sandbox's own socket finds no such name there.
      assert.equal(await order(own, ABSTRACT), -111);
    } finally {
      unixDiag.close();
      server.close();
    }
    await once(server, 'close');
    assert.equal(heard, 0);
  });

for (const user of users.filter((one) => one === 'root'))
  test(`past a bound, the supervisor answers a sandbox at once, and others have their turn (${user})`, async () => {
    const alive = setInterval(() => {}, 1000);
    const before = readdirSync('/proc/self/fd').length;
    const { unixDiag, own } = await sandboxSockets();
    own.close();
    const root = openFolder('/');
    const connects = new ConnectsAsPlugin();
    const kept = { root, unixDiag, scratch: [], pluginId: PLUGIN_ID, kill: () => {} };
    const ends: string[] = [];
    const order = (session: number, name: string): Promise<void> =>
      new Promise((resolve) =>
        connects.connect({ ...kept, session }, made(AF_UNIX), ABSTRACT, (result) => {
          ends.push(`${name} ${result}`);
          resolve();
        }),
      );
    try {
      const orders = Array.from({ length: UNIX_ORDERS }, (_, at) => order(1, `greedy ${at}`));
      const late = order(1, 'late');
      assert.deepEqual(ends, ['late -11']);
      const other = order(2, 'other');
      connects.end(1, [root, unixDiag]);
      // Its orders still use them.
      assert.equal(root.open && unixDiag.open, true);
      await Promise.all([...orders, late, other]);
      assert.equal(ends.length, UNIX_ORDERS + 2);
      assert.ok(ends.indexOf('other -13') < 6, ends.join());
      assert.equal(root.open || unixDiag.open, false);
      // The thread has its own descriptors.
      assert.ok(readdirSync('/proc/self/fd').length < before + UNIX_ORDERS / 2);
    } finally {
      clearInterval(alive);
    }
  });
