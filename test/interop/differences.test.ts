// proves: G5
// proves: who reads the error queue alone takes the error
// proves: who reads the error queue alone finds it empty the next time
// proves: an AF_UNIX socket's data is not taken for an error queue
// proves: a connection keeps the error that ended it
// proves: a socket of a pair that the caller does not learn of is dead
// proves: UDP to the outside is refused
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { LANDLOCK_UNIX, landlockVersion } from '../../shared/sys/landlock.js';
import { freePort } from '../harness/free-port.js';
import { listen } from '../harness/listener.js';
import { postern } from '../harness/postern.js';
import { readableFolder, users } from '../harness/users.js';

const program = readFileSync(new URL('semantics/differences.py', import.meta.url), 'utf8');
const folder = readableFolder();

function listenOnPath(path: string): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.listen(path, () => resolve(server));
  });
}

for (const user of users) {
  test(`what a program can notice of the trap is what docs/differences.md says of it (${user})`, async (t) => {
    const open = await listen();
    const udp = createSocket('udp4');
    let datagrams = 0;
    udp.on('message', () => {
      datagrams += 1;
    });
    await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
    // The plugin does not see it: it has its own /tmp.
    const path = join(mkdtempSync(join(folder, 'host-')), 'socket');
    const name = `postern-test-${process.pid}-${user}`;
    const servers = [await listenOnPath(path), await listenOnPath(`\0${name}`)];
    t.after(async () => {
      for (const server of servers) server.close();
      udp.close();
      await open.close();
    });
    const words = [open.port, await freePort(), udp.address().port, path, name].map(String);
    const { stdout, stderr } = await postern(
      [
        ...['run', '--name', 'differences', '--allow', `127.0.0.1:${open.port}`, '--audit', '-'],
        ...['--listen', 'web=127.0.0.1:0', '--', '/usr/bin/python3', '-c', program, ...words],
      ],
      // The page says of some that they are so before Linux 7.1.
      { as: user, ...(landlockVersion() >= LANDLOCK_UNIX ? { without: ['own_datagrams'] } : {}) },
    );
    assert.deepEqual(stdout.split('\n'), EXPECTED, stderr);
    assert.equal(datagrams, 0, 'no datagram came to the host');
    const events = stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
    const refused = events.filter(({ reason }) => reason === 'udp_refused');
    assert.equal(
      refused.reduce((sum, { count }) => sum + count, 0),
      3,
    );
    assert.ok(refused.length < 3, 'refusals within a second are one line');
    assert.ok(refused.every(({ host, door }) => host === '192.0.2.7' && door === 'trap'));
    const foreign = events.filter(({ event }) => event === 'socket');
    const told = (call: string): number =>
      foreign.filter((event) => event.call === call).reduce((sum, { count }) => sum + count, 0);
    assert.deepEqual({ bind: told('bind'), listen: told('listen') }, { bind: 2, listen: 1 });
    assert.deepEqual(
      new Set(foreign.map(({ reason, program, message }) => [reason, program, message].join(', '))),
      new Set([
        `foreign_netns, python3, Cannot bind to "127.0.0.1:0": ${STAYS}`,
        `foreign_netns, python3, Cannot listen: ${STAYS}`,
      ]),
    );
  });
}

const STAYS = "the socket belongs to the host's network, and keeps its peer or its address";
const EXPECTED = [
  'epoll before connect: []',
  'the watch is gone: ENOENT',
  "a new one: ['out']",
  'here: ok in another process: ENOTCONN',
  'a large table, here: ok a duplicate: ENOTCONN',
  'bound before: 127.0.0.1',
  'own loopback on it: EISCONN',
  'bind on it: EACCES listen: EACCES',
  'what no rule allows: EACCES EACCES',
  'UDP outside: EACCES ENETUNREACH',
  "UDP to the host's loopback: True",
  'IP_RECVERR: ok it is 0',
  'not connected: [] EAGAIN',
  'recv: ECONNREFUSED poll: nothing the error queue: EAGAIN',
  'poll: err the error queue: ECONNREFUSED poll: nothing recv: EAGAIN',
  'wakes by one refused datagram: 1 ECONNREFUSED',
  'wakes by three time stamps: 1 EAGAIN',
  'wakes by one on a connection: 1 EAGAIN',
  'a reset connection, the error queue: EAGAIN recv: ECONNRESET',
  "AF_UNIX, the error queue: EAGAIN recv: b'x'",
  'no socket: ENOTSOCK',
  "the host's path: ENOENT abstract: ECONNREFUSED",
  'datagrams: EPERM',
  "a pair of them: b'one' b'two' SO_TYPE: 5 named: True",
  "its peer has left, recv: b'' send: EPIPE",
  'a pair, and room for one: EMFILE left behind: a dead socket',
  'numbers that cannot be written, left behind: dead sockets',
  "the server's pid as its client sees it: 0 uid: ok",
  "the client's pid as its server sees it: 0 uid: ok",
  'SO_LINGER with a time: EPERM',
  'the inherited listener, listen: ok again: ok',
  'connect: EISCONN bind: EACCES',
  '',
];
