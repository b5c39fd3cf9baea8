// proves: G6
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as dial, type Socket } from 'node:net';
import { constants } from 'node:os';
import { after, before, test } from 'node:test';
import { CONNECT_TIMEOUT_MS } from '../../../shared/limits.js';
import { socketKind, startConnect } from '../../../shared/sys/socket.js';
import { freePort } from '../../harness/free-port.js';
import { type Listener, listen } from '../../harness/listener.js';
import { startBroker, type TestBroker } from '../start-broker.js';
import { openSocket, readUntilEnd } from '../use-socket.js';

let broker: TestBroker;
let echo: Listener;

before(async () => {
  broker = await startBroker();
  echo = await listen((socket) => socket.pipe(socket));
});
after(async () => {
  assert.equal(await broker.stop(), 0);
  await echo.close();
});

test('an allowed connect yields a socket that works both ways, and is accounted', async () => {
  await broker.plugin('works', { allow: [`127.0.0.1:${echo.port}`] });
  const channel = await broker.channel('works');
  const { reply, descriptor } = await channel.connect('127.0.0.1', echo.port);
  assert.deepEqual(reply, { id: 2, ok: true });
  assert.deepEqual(socketKind(descriptor?.number ?? -1), { family: 2, type: 1 });
  const socket = openSocket(descriptor);
  socket.end('there and back');
  assert.equal(await readUntilEnd(socket), 'there and back');
  await broker.until(() => broker.events.some(({ plugin }) => plugin === 'works'));
  const event = broker.events.find(({ plugin }) => plugin === 'works') ?? {};
  assert.equal(event['event'], 'decision');
  assert.equal(event['decision'], 'allow');
  assert.equal(event['outcome'], 'connected');
  assert.equal(event['dialed'], '127.0.0.1');
  assert.equal(event['rule'], `127.0.0.1:${echo.port}`);
  assert.equal(event['message'], undefined);
  assert.equal(typeof event['connect_ms'], 'number');
  assert.equal(await broker.metric('postern_connects_total{plugin="works",outcome="connected"}'), 1);
  assert.equal(await broker.metric('postern_sockets_passed_total{plugin="works",door="channel"}'), 1);
  assert.equal(
    await broker.metric('postern_decisions_total{plugin="works",decision="allow",reason="rule"}'),
    1,
  );
});

test('a socket that was handed over is connected for the kernel too: a connect on it is EISCONN at once', async () => {
  await broker.plugin('settled', { allow: [`127.0.0.1:${echo.port}`] });
  const channel = await broker.channel('settled');
  const { descriptor } = await channel.connect('127.0.0.1', echo.port);
  assert.ok(descriptor !== undefined);
  const elsewhere = { bytes: new Uint8Array([127, 0, 0, 1]), port: 1 };
  assert.equal(startConnect(descriptor.number, elsewhere), -constants.errno.EISCONN);
  descriptor.close();
  channel.close();
});

test('a server that speaks first loses no byte, and its end is seen', async () => {
  const speaker = await listen((socket) => socket.end('hello before you spoke'));
  await broker.plugin('patient', { allow: [`127.0.0.1:${speaker.port}`] });
  const channel = await broker.channel('patient');
  for (let round = 0; round < 20; round += 1) {
    const { descriptor } = await channel.connect('127.0.0.1', speaker.port);
    const socket = openSocket(descriptor);
    assert.equal(await readUntilEnd(socket), 'hello before you spoke');
    socket.destroy();
  }
  await speaker.close();
});

test('a peer that refuses is ECONNREFUSED with the reason refused', async () => {
  const port = await freePort();
  await broker.plugin('refused', { allow: [`127.0.0.1:${port}`] });
  const channel = await broker.channel('refused');
  const { errno, reason, message } = await channel.refusal('127.0.0.1', port);
  assert.deepEqual({ errno, reason }, { errno: 'ECONNREFUSED', reason: 'refused' });
  assert.equal(message, `Cannot connect to "127.0.0.1:${port}": the peer refused the connection`);
  assert.equal(await broker.metric('postern_connects_total{plugin="refused",outcome="refused"}'), 1);
});

test('a peer that never answers is ETIMEDOUT within the time asked for, and no socket stays', async () => {
  const { port, close } = await deafListener();
  await broker.plugin('deaf', { allow: [`127.0.0.1:${port}`] });
  const channel = await broker.channel('deaf');
  const descriptors = await broker.steadyDescriptors();
  const start = Date.now();
  const { errno, reason } = await channel.refusal('127.0.0.1', port, 300);
  const took = Date.now() - start;
  assert.deepEqual({ errno, reason }, { errno: 'ETIMEDOUT', reason: 'timeout' });
  assert.ok(took >= 290 && took < CONNECT_TIMEOUT_MS / 3, `took ${took} ms`);
  await broker.until(() => broker.events.some(({ plugin }) => plugin === 'deaf'));
  const event = broker.events.find(({ plugin }) => plugin === 'deaf');
  assert.deepEqual([event?.['outcome'], event?.['dialed']], ['timeout', '127.0.0.1']);
  // Long before CONNECT_TIMEOUT_MS.
  await broker.until(() => broker.descriptors() <= descriptors, 5_000);
  close();
});

test('cancel ends a connect under way with ECANCELED, and its id is free again', async () => {
  const { port, close } = await deafListener();
  await broker.plugin('canceler', { allow: [`127.0.0.1:${port}`] });
  const channel = await broker.channel('canceler');
  const descriptors = await broker.steadyDescriptors();
  for (let round = 0; round < 2; round += 1) {
    channel.send({ op: 'connect', id: 7, host: '127.0.0.1', port });
    channel.send({ op: 'cancel', id: 7 });
    const { reply } = await channel.answer(7);
    assert.equal('errno' in reply && reply.errno, 'ECANCELED');
  }
  channel.send({ op: 'cancel', id: 7 });
  // Long before CONNECT_TIMEOUT_MS.
  await broker.until(() => broker.descriptors() <= descriptors, 5_000);
  assert.equal(await broker.metric('postern_connects_total{plugin="canceler",outcome="canceled"}'), 2);
  close();
});

test('a channel that is closed midway cancels its connects; sockets handed over live on', async () => {
  const { port, close } = await deafListener();
  await broker.plugin('leaver', { allow: [`127.0.0.1:${port}`, `127.0.0.1:${echo.port}`] });
  const descriptors = await broker.steadyDescriptors();
  const channel = await broker.channel('leaver');
  const { descriptor } = await channel.connect('127.0.0.1', echo.port);
  channel.send({ op: 'connect', id: 7, host: '127.0.0.1', port });
  await broker.metrics();
  channel.close();
  await broker.until(() => broker.ended(channel.session));
  // Long before CONNECT_TIMEOUT_MS.
  await broker.until(() => broker.descriptors() <= descriptors, 5_000);
  assert.equal(await broker.metric('postern_connects_total{plugin="leaver",outcome="canceled"}'), 1);
  const socket = openSocket(descriptor);
  socket.end('still here');
  assert.equal(await readUntilEnd(socket), 'still here');
  close();
});

test('a plugin that reloads its rules is judged by the new ones; invalid ones leave the old in force', async () => {
  await broker.plugin('reload', { allow: [] });
  const channel = await broker.channel('reload');
  assert.equal((await channel.refusal('127.0.0.1', echo.port)).reason, 'no_rule');
  const refused = await broker.plugin('reload', { allow: ['https://example.com'] });
  assert.equal(refused?.type, 'plugin_refused');
  assert.equal((await channel.refusal('127.0.0.1', echo.port)).reason, 'no_rule');
  await broker.plugin('reload', { allow: [`127.0.0.1:${echo.port}`] });
  const { descriptor } = await channel.connect('127.0.0.1', echo.port);
  openSocket(descriptor).destroy();
});

/** A listener with a full backlog, whose process is stopped: the kernel drops each further SYN. */
async function deafListener(): Promise<{ port: number; close: () => void }> {
  const code = `const s=require('net').createServer();s.listen({port:0,host:'127.0.0.1',backlog:1},()=>{
    require('fs').writeSync(1,s.address().port+'\\n');process.kill(process.pid,'SIGSTOP')})`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(String(line));
  const fillers: Socket[] = [];
  for (let count = 0; count < 4; count += 1) {
    const filler = dial(port, '127.0.0.1').on('error', () => {});
    fillers.push(filler);
    await Promise.race([once(filler, 'connect'), new Promise((resolve) => setTimeout(resolve, 100))]);
  }
  return {
    port,
    close: () => {
      for (const filler of fillers) filler.destroy();
      child.kill('SIGKILL');
    },
  };
}
