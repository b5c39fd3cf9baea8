// proves: G6
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { constants } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { RequestLife } from '../../../broker/limit/request-life.js';
import { SOMEBODY } from '../../../broker/record/audit.js';
import { connectHostSocket } from '../../../broker/request/host-sockets.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { encodeSocketPath } from '../../../shared/sys/sockaddr.js';
import { bindTo, listenOn, SOCK_SEQPACKET, socketKind, unixSocket } from '../../../shared/sys/socket.js';
import { PATIENCE } from '../../harness/patience.js';
import { until } from '../../harness/until.js';
import { readableFolder } from '../../harness/users.js';
import { startDnsServer, type TestDnsServer } from '../start-dns-server.js';
import { openSocket, readUntilEnd } from '../use-socket.js';

const { EACCES, ECANCELED, ECONNREFUSED, ENOENT, EPROTOTYPE, ETIMEDOUT } = constants.errno;
const folder = readableFolder();
/** Below /run, which has a second path by a link of root's. */
const run = process.geteuid?.() === 0 ? mkdtempSync('/run/postern-test-') : undefined;
const varRun = (name: string): string => `/var/run/${basename(run ?? '')}/${name}`;
const path = (name: string): string => join(folder, name);
const heard: string[] = [];
const servers: Server[] = [];
let dns: TestDnsServer;

async function serve(name: string): Promise<void> {
  const server = createServer((socket: Socket) => {
    heard.push(name);
    socket.on('error', () => {});
    socket.end(name);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(name.startsWith('/') ? name : path(name), resolve));
}

function ask(
  name: string | Uint8Array,
  more: { type?: 'seqpacket'; life?: RequestLife } = {},
): Promise<OwnedFd | number> {
  const asked = typeof name === 'string' ? path(name) : name;
  return connectHostSocket(dns.services, dns.plugin, {
    path: asked,
    type: 'stream',
    origin: SOMEBODY,
    ...more,
  });
}

before(async () => {
  for (const name of ['open', 'closed', 'denied']) await serve(name);
  if (run !== undefined) {
    chmodSync(run, 0o755);
    for (const name of ['open', 'denied']) await serve(join(run, name));
  }
  dns = await startDnsServer({
    allow: [
      ...(run === undefined ? [] : ['open', 'denied']).map((name) => `unix:${varRun(name)}`),
      ...['open', 'denied', 'gone', 'dead', 'full', 'alias', 'packets'].map((name) => `unix:${path(name)}`),
    ],
    deny: [path('denied'), ...(run === undefined ? [] : [join(run, 'denied')])].map((one) => `unix:${one}`),
  });
});
after(async () => {
  for (const server of servers) server.close();
  await dns.close();
  if (run !== undefined) rmSync(run, { recursive: true });
});

// proves: sockets: a deny rule wins
test('exactly the permitted path hears, and the socket works', async () => {
  const bytes = new TextEncoder().encode(path('open'));
  for (const asked of ['open', bytes] as const) {
    const socket = await ask(asked);
    assert.ok(typeof socket !== 'number', String(socket));
    assert.equal(await readUntilEnd(openSocket(socket)), 'open');
  }
  for (const name of ['closed', 'denied', 'open/', './open', 'open\0']) {
    const asked = new TextEncoder().encode(`${folder}/${name}`);
    assert.equal(await ask(asked), -EACCES, name);
  }
  assert.equal(await ask(Uint8Array.of(...bytes, 0xff)), -EACCES);
  assert.deepEqual(heard, ['open', 'open']);
});

test('a seqpacket socket is connected for a seqpacket socket, and for no stream', async () => {
  const server = unixSocket('seqpacket');
  assert.ok(typeof server !== 'number');
  assert.equal(bindTo(server.number, encodeSocketPath(path('packets'))), 0);
  assert.equal(listenOn(server.number, 1), 0);
  const socket = await ask('packets', { type: 'seqpacket' });
  assert.ok(typeof socket !== 'number', String(socket));
  assert.equal(socketKind(socket.number)?.type, SOCK_SEQPACKET);
  socket.close();
  assert.equal(await ask('packets'), -EPROTOTYPE);
  server.close();
});

test('what fails has its errno, and leaves no descriptor', async () => {
  const dead = unixSocket('stream');
  assert.ok(typeof dead !== 'number');
  assert.equal(bindTo(dead.number, encodeSocketPath(path('dead'))), 0);
  dead.close();
  const descriptors = readdirSync('/proc/self/fd').length;
  assert.equal(await ask('gone'), -ENOENT);
  assert.equal(await ask('dead'), -ECONNREFUSED);
  assert.equal(await ask('open', { type: 'seqpacket' }), -EPROTOTYPE);
  assert.equal(readdirSync('/proc/self/fd').length, descriptors);
});

test('a full queue is tried again until the request ends, and the loop is never blocked', async () => {
  const full = unixSocket('stream');
  assert.ok(typeof full !== 'number');
  assert.equal(bindTo(full.number, encodeSocketPath(path('full'))), 0);
  assert.equal(listenOn(full.number, 0), 0);
  const first = await ask('full');
  assert.ok(typeof first !== 'number');
  assert.equal(await ask('full', { life: new RequestLife(150) }), -ETIMEDOUT);
  const life = new RequestLife(5_000 * PATIENCE);
  let turns = 0;
  const ticking = setInterval(() => {
    turns += 1;
    if (turns === 6) life.end('canceled');
  }, 5);
  assert.equal(await ask('full', { life }), -ECANCELED);
  clearInterval(ticking);
  full.close();
  first.close();
});

// proves: a deny rule holds for the path without links
test('a link of the system is followed, and a deny rule holds for the path without links', {
  skip: run === undefined && 'needs root',
}, async () => {
  const bytes = (name: string): Uint8Array => new TextEncoder().encode(varRun(name));
  const socket = await ask(bytes('open'));
  assert.ok(typeof socket !== 'number', String(socket));
  assert.equal(await readUntilEnd(openSocket(socket)), `${run}/open`);
  const before = heard.length;
  assert.equal(await ask(bytes('denied')), -EACCES);
  assert.equal(heard.length, before);
});

test('a path that is replaced by a link, or by a denied socket, reaches nobody', async () => {
  const before = heard.length;
  symlinkSync(path('denied'), path('alias'));
  assert.equal(await ask('alias'), -constants.errno.ELOOP);
  renameSync(path('alias'), path('unused'));
  writeFileSync(path('alias'), '');
  assert.equal(await ask('alias'), -constants.errno.ENOTSOCK);
  assert.equal(heard.length, before);
});

test('each connect is counted and logged, with the path without links', async () => {
  const connected = 'connects_total{plugin="probe",outcome="connected"}';
  const refused = 'decisions_total{plugin="probe",decision="deny",reason="no_rule"}';
  const [before, denials] = [await dns.count(connected), await dns.count(refused)];
  const socket = await ask('open');
  assert.ok(typeof socket !== 'number');
  socket.close();
  await ask('closed');
  assert.equal(await dns.count(connected), before + 1);
  assert.equal(await dns.count(refused), denials + 1);
  const events = await until(() =>
    dns.events.at(-1)?.['host'] === `unix:${path('closed')}` ? dns.events.slice(-2) : undefined,
  );
  assert.deepEqual(
    events.map(({ event, door, host, port, decision, dialed, outcome }) => [
      event,
      door,
      host,
      port,
      decision,
      dialed,
      outcome,
    ]),
    [
      ['decision', 'trap', `unix:${path('open')}`, 0, 'allow', path('open'), 'connected'],
      ['decision', 'trap', `unix:${path('closed')}`, 0, 'deny', null, null],
    ],
  );
});

test('a full queue of the plugin is EAGAIN, and without rules everything is EACCES', async () => {
  const { policy, limits } = dns.plugin;
  assert.ok(policy !== undefined);
  const full = unixSocket('stream');
  assert.ok(typeof full !== 'number');
  assert.equal(bindTo(full.number, encodeSocketPath(path('gone'))), 0);
  assert.equal(listenOn(full.number, 0), 0);
  const first = await ask('gone');
  assert.ok(typeof first !== 'number');
  dns.plugin.configure(policy, { ...limits, concurrentRequests: 1, queuedRequests: 0 });
  const life = new RequestLife(5_000);
  const waits = ask('gone', { life });
  assert.equal(await ask('open'), -constants.errno.EAGAIN);
  life.end('canceled');
  assert.equal(await waits, -ECANCELED);
  dns.plugin.configure(policy, limits);
  dns.plugin.policy = undefined;
  assert.equal(await ask('open'), -EACCES);
  dns.plugin.policy = policy;
  first.close();
  full.close();
});
