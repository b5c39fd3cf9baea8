import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect as http2Connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { until } from '../harness/until.js';
import { HOST, startWorld, type World, type WorldOptions } from './worlds.js';

const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'key-that-nobody-sees', region: 'eu-central-1' };
const MIB = 1024 * 1024;

async function inWorld(options: WorldOptions, scene: (world: World) => Promise<void>): Promise<void> {
  const world = await startWorld({
    sign: { ...KEYS, service: 'service' },
    secrets: new Map([['key', KEYS.secretAccessKey]]),
    ...options,
  });
  try {
    await scene(world);
  } finally {
    await world.close();
  }
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** By HTTP/1.1, in chunks. */
async function byHttp1(
  world: World,
  body: Buffer,
  path = '/',
  headers: OutgoingHttpHeaders = {},
): Promise<Answer> {
  const socket = await world.open(['http/1.1']);
  const sent = httpRequest({
    ...{ method: 'POST', path, headers: { host: HOST, 'transfer-encoding': 'chunked', ...headers } },
    createConnection: () => socket,
  });
  if (headers['expect'] === undefined) sent.end(body);
  else sent.once('continue', () => sent.end(body)).flushHeaders();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const read = await text(answer);
  socket.destroy();
  return { status: answer.statusCode ?? 0, body: read };
}

async function byHttp2(world: World, body: Buffer, path = '/'): Promise<Answer> {
  const secure = await world.open(['h2']);
  const session = http2Connect(`https://${HOST}`, { createConnection: () => secure });
  const stream = session.request({ ':method': 'POST', ':path': path, ':authority': HOST });
  stream.end(body);
  const [received] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status'?: number }];
  const read = await text(stream);
  session.destroy();
  return { status: received[':status'] ?? 0, body: read };
}

for (const [name, ask] of Object.entries({ 'HTTP/1.1': byHttp1, 'HTTP/2': byHttp2 })) {
  test(`${name}: a body is held, signed and sent with its length`, () =>
    inWorld({}, async (world) => {
      const body = Buffer.alloc(3 * MIB, 'x');
      const { status, body: echoed } = await ask(world, body);
      assert.equal(status, 200);
      assert.ok(body.equals(Buffer.from(echoed)));
      const [seen] = world.seen;
      assert.match(seen?.headers.authorization ?? '', /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\//);
      assert.equal(seen?.headers['content-length'], String(body.length));
      assert.deepEqual(
        world.events.map(({ injected, sentBytes }) => [injected, sentBytes]),
        [[1, body.length]],
      );
    }));

  // proves: gateway: a body that is held is bounded
  test(`${name}: a body that is too long to be held is refused, and the upstream sees nothing`, () =>
    inWorld({}, async (world) => {
      const { status, body } = await ask(world, Buffer.alloc(10 * MIB + 1));
      assert.deepEqual([status, JSON.parse(body).reason], [413, 'body_too_large']);
      assert.deepEqual([world.seen, world.connections()], [[], 0]);
      assert.deepEqual(
        world.events.map(({ decision, reason }) => [decision, reason]),
        [['deny', 'body_too_large']],
      );
    }));
}

test('S3 gets a body as it comes, of any length', () =>
  inWorld({ sign: { ...KEYS, service: 's3' } }, async (world) => {
    const { status, body } = await byHttp1(world, Buffer.alloc(11 * MIB));
    assert.deepEqual([status, body.length], [200, 11 * MIB]);
    assert.equal(world.seen[0]?.headers['x-amz-content-sha256'], 'UNSIGNED-PAYLOAD');
  }));

// proves: gateway: all bodies that are held are bounded
test('all bodies that are held have a bound together, and what is over counts no more', () => {
  const shared = { connections: 0, requests: 0, answers: 0, heldBytes: 64 * MIB - 100, onBegun: () => {} };
  return inWorld({ shared }, async (world) => {
    const { status, body } = await byHttp1(world, Buffer.alloc(101));
    assert.deepEqual([status, JSON.parse(body).reason], [503, 'too_many_requests']);
    assert.equal(world.connections(), 0);
    assert.equal((await byHttp1(world, Buffer.alloc(100))).status, 200);
    assert.equal(shared.heldBytes, 64 * MIB - 100);
  });
});

test('a body that breaks off is not sent', () => {
  const shared = { connections: 0, requests: 0, answers: 0, heldBytes: 0, onBegun: () => {} };
  return inWorld({ shared }, async (world) => {
    const secure = await world.open(['h2']);
    const session = http2Connect(`https://${HOST}`, { createConnection: () => secure });
    const stream = session.request({ ':method': 'POST', ':path': '/', ':authority': HOST });
    stream.on('error', () => {}).write('begun');
    await until(() => (shared.heldBytes === 5 ? true : undefined));
    stream.close(8);
    await world.told(1);
    assert.deepEqual([world.seen, shared.heldBytes], [[], 0]);
    session.destroy();
  });
});

test('a program that waits for 100 Continue gets it before its body is signed', () =>
  inWorld({}, async (world) => {
    const { status, body } = await byHttp1(world, Buffer.from('body'), '/', { expect: '100-continue' });
    assert.deepEqual([status, body], [200, 'body']);
  }));

test('a request that cannot be signed is 403, and the upstream sees nothing', () =>
  inWorld({}, async (world) => {
    const refused = await byHttp1(world, Buffer.alloc(0), '/?X-Amz-Signature=1');
    const { reason, message } = JSON.parse(refused.body);
    assert.deepEqual([refused.status, reason], [403, 'not_signable']);
    assert.match(message, /send it without a presigned URL/);
    assert.equal(world.connections(), 0);
  }));

test('a WebSocket is signed too', async () => {
  const heard: (string | undefined)[] = [];
  const server: WorldOptions['server'] = (upstream) =>
    upstream.on('upgrade', (request, socket) => {
      heard.push(request.headers.authorization);
      socket.destroy();
    });
  await inWorld({ server }, async (world) => {
    const socket = await world.open(['http/1.1']);
    const own = 'authorization: own\r\nconnection: Upgrade\r\nupgrade: websocket';
    socket.write(`GET /ws HTTP/1.1\r\nhost: ${HOST}\r\n${own}\r\n\r\n`);
    await world.told(1);
    assert.match(heard.join(), /^AWS4-HMAC-SHA256 [^,]*, [^,]*, Signature=[0-9a-f]{64}$/);
  });
});

test('a part of an answer may be asked for where the signature is all that has secrets', () =>
  inWorld({ masks: true }, async (world) => {
    await byHttp1(world, Buffer.alloc(0), '/', { range: 'bytes=0-5', 'accept-encoding': 'gzip' });
    assert.equal(world.seen[0]?.headers.range, 'bytes=0-5');
    assert.equal(world.seen[0]?.headers['accept-encoding'], 'identity');
  }));

test('beside another secret no part of an answer is asked for', () =>
  inWorld({ set: [['x-key', KEYS.secretAccessKey]] }, async (world) => {
    await byHttp1(world, Buffer.alloc(0), '/', { range: 'bytes=0-5' });
    assert.equal(world.seen[0]?.headers.range, undefined);
  }));
