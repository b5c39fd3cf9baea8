// Frames without end, by HTTP/2, as raw bytes: Node's own client would not send them. What they cost is their sender's connection, and the gateway goes on.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as http2Connect, type IncomingHttpHeaders } from 'node:http2';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { TIME_LIMITS } from '../../sandbox/gateway/time-limits.js';
import { PATIENCE } from '../harness/patience.js';
import { until } from '../harness/until.js';
import { HOST, startWorld, type World } from './worlds.js';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const TYPES = { HEADERS: 1, SETTINGS: 4, PING: 6, CONTINUATION: 9 } as const;
const ACK = 1;
const END_STREAM = 1;
const END_HEADERS = 4;
/** Of frames, while the gateway takes them. */
const MOST_BYTES = 50_000_000;
const MEMORY_BYTES = 200_000_000;
/** By then the floods have filled what the kernel holds of answers that nobody reads. */
const IDLE_MS = 1_000 * PATIENCE;

function frame(type: keyof typeof TYPES, flags: number, body: Buffer, stream: number): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head.set([TYPES[type], flags], 3);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

/** Literals without a name in the table, and without Huffman. */
function block(fields: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    Object.entries(fields).flatMap(([name, value]) => [
      ...[Buffer.of(0, name.length), Buffer.from(name)],
      ...[Buffer.of(value.length), Buffer.from(value)],
    ]),
  );
}

const GET = block({ ':method': 'GET', ':path': '/', ':scheme': 'https', ':authority': HOST });

async function open(world: World): Promise<TLSSocket> {
  const socket = await world.open(['h2']);
  socket.write(PREFACE);
  socket.write(frame('SETTINGS', 0, Buffer.alloc(0), 0));
  return socket;
}

async function statusOf(world: World): Promise<number | undefined> {
  const socket = await world.open(['h2']);
  const session = http2Connect(`https://${HOST}`, { createConnection: () => socket });
  const stream = session.request({ ':authority': HOST });
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status'?: number }];
  session.destroy();
  return headers[':status'];
}

/** @returns how many bytes the gateway took before it ended the connection. One that is not read from any more ends by its time limit */
async function flood(socket: TLSSocket, first: Buffer, frames: Buffer): Promise<number> {
  socket.write(first);
  let sent = 0;
  while (!socket.destroyed && sent < MOST_BYTES) {
    sent += frames.length;
    if (socket.write(frames)) continue;
    const ended = new AbortController();
    const { signal } = ended;
    await Promise.race([once(socket, 'drain', { signal }), once(socket, 'close', { signal })]).catch(
      () => {},
    );
    ended.abort();
  }
  return sent;
}

const NONE = Buffer.alloc(0);
const many = (one: Buffer): Buffer => Buffer.concat(Array.from({ length: 1000 }, () => one));
const FLOODS: Readonly<Record<string, readonly [Buffer, Buffer]>> = {
  'CONTINUATION frames without end': [
    frame('HEADERS', 0, GET, 1),
    many(frame('CONTINUATION', 0, block({ 'x-a': 'b'.repeat(100) }), 1)),
  ],
  'empty CONTINUATION frames without end': [
    frame('HEADERS', 0, GET, 1),
    many(frame('CONTINUATION', 0, NONE, 1)),
  ],
  'PING frames whose answers nobody reads': [NONE, many(frame('PING', 0, Buffer.alloc(8), 0))],
  'SETTINGS frames whose answers nobody reads': [NONE, many(frame('SETTINGS', 0, NONE, 0))],
};

// proves: gateway: a connection by HTTP/2 that its program does not read ends
for (const [name, [first, frames]] of Object.entries(FLOODS))
  test(`${name} end their connection, within bounds of memory, and the next request is served`, async () => {
    const world = await startWorld({ limits: { ...TIME_LIMITS, idleMs: IDLE_MS } });
    try {
      const socket = await open(world);
      socket.on('error', () => {});
      const before = process.memoryUsage().rss;
      const taken = await flood(socket, first, frames);
      const grown = process.memoryUsage().rss - before;
      assert.ok(socket.destroyed, `${taken} bytes`);
      assert.ok(grown < MEMORY_BYTES, `${grown} bytes`);
      assert.equal(await statusOf(world), 200);
      assert.equal(world.seen.length, 1);
    } finally {
      await world.close();
    }
  });

// proves: gateway: streams of a connection are bounded
test('a program that opens more streams than it was told loses its connection', async () => {
  const world = await startWorld({ answer: () => {} });
  try {
    const socket = await open(world);
    socket.on('error', () => {});
    await once(socket, 'data');
    // The bound holds once the program has heard it.
    socket.write(frame('SETTINGS', ACK, NONE, 0));
    const heads = Array.from({ length: 150 }, (_, one) =>
      frame('HEADERS', END_STREAM | END_HEADERS, GET, 2 * one + 1),
    );
    socket.write(Buffer.concat(heads));
    await until(() => socket.destroyed || world.seen.length > 100 || undefined);
    assert.ok(world.seen.length <= 100, `${world.seen.length} requests`);
    await world.told(100);
    assert.equal(world.events.length, 100);
  } finally {
    await world.close();
  }
});
