// Each limit that is tried is short, and the others are long. What must not end is compared with what ended meanwhile, and no clock is read.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type Http2ServerRequest,
  type Http2ServerResponse,
  connect as http2Connect,
  type IncomingHttpHeaders,
} from 'node:http2';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { TIME_LIMITS, type TimeLimits } from '../../sandbox/gateway/time-limits.js';
import { PATIENCE } from '../harness/patience.js';
import { until } from '../harness/until.js';
import { HOST, startWorld, type World, type WorldOptions } from './worlds.js';

const SHORT_MS = 200 * PATIENCE;
const HEAD = `PUT /a HTTP/1.1\r\nhost: ${HOST}\r\ncontent-length: 10\r\n`;
const LAST = `GET /last HTTP/1.1\r\nhost: ${HOST}\r\nconnection: close\r\n\r\n`;

function inWorld(
  limits: Partial<TimeLimits>,
  options: WorldOptions,
  scene: (world: World) => Promise<void>,
): Promise<void> {
  return startWorld({ ...options, limits: { ...TIME_LIMITS, ...limits } }).then(async (world) => {
    try {
      await scene(world);
    } finally {
      await world.close();
    }
  });
}

async function sessionOf(world: World): Promise<ClientHttp2Session> {
  const socket = await world.open(['h2']);
  return http2Connect(`https://${HOST}`, { createConnection: () => socket }).on('error', () => {});
}

/** Writes, and reads until the connection ends. */
async function say(socket: Socket, words: string): Promise<string> {
  socket.write(words);
  return text(socket);
}

/** Reads until these words have come. */
async function heard(socket: Socket, words: RegExp): Promise<string> {
  let read = '';
  while (!words.test(read)) read += String((await once(socket, 'data'))[0]);
  return read;
}

// proves: gateway: a connection on which nothing comes ends
test('a connection on which nothing comes ends', () =>
  inWorld({ idleMs: SHORT_MS }, {}, async (world) => {
    const silent = world.dial();
    await once(silent.resume(), 'close');
    const secure = await world.open(['http/1.1']);
    await once(secure.resume(), 'close');
    assert.deepEqual(world.events, []);
  }));

// proves: gateway: a head that stays unfinished ends
test('a head that stays unfinished is 408, and a connection that waits for its next request stays', () =>
  inWorld({ headMs: SHORT_MS }, { allow: ['GET /**'] }, async (world) => {
    const waiting = await world.open(['http/1.1']);
    waiting.write(`GET /first HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
    await heard(waiting, /\r\n0\r\n\r\n/);
    // The rest of a body that is refused is no head.
    const refused = await world.open(['http/1.1']);
    refused.write(`${HEAD}\r\nhello`);
    await heard(refused, /"method_not_allowed"/);
    refused.write('wo');
    for (const words of ['G', `GET / HTTP/1.1\r\nhost: ${HOST}\r\nx-a: b`]) {
      const answer = await say(await world.open(['http/1.1']), words);
      assert.match(answer, /^HTTP\/1\.1 408 [\s\S]*"error":"postern","reason":"request_timeout"/);
    }
    const event = world.events.find(({ reason }) => reason === 'request_timeout');
    assert.deepEqual([event?.status, event?.decision], [408, 'deny']);
    assert.match(await say(waiting, LAST), /^HTTP\/1\.1 200 /);
    assert.match(await say(refused, `rld${LAST}`), /^HTTP\/1\.1 200 /);
    assert.deepEqual(
      world.seen.map(({ path }) => path),
      ['/first', '/last', '/last'],
    );
  }));

// proves: gateway: a head that stays unfinished ends
test('a head that comes byte by byte, behind another request, is 408', () =>
  inWorld({ headMs: SHORT_MS }, {}, async (world) => {
    const socket = await world.open(['http/1.1']);
    socket.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
    await heard(socket, /\r\n0\r\n\r\n/);
    socket.write('GET / HTTP/1.1\r\nx-a: ');
    const timer = setInterval(() => socket.write('a'), 5);
    assert.match(await heard(socket, /}/), /^HTTP\/1\.1 408 /);
    clearInterval(timer);
  }));

test('a connection that the gateway has ended goes, even if its program keeps it open', () => {
  const shared = { connections: 0, requests: 0, answers: 0, heldBytes: 0, onBegun: () => {} };
  return inWorld({ headMs: SHORT_MS }, { shared }, async (world) => {
    const socket = connect({ port: world.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => {}).write('GET / HT');
    assert.match(await text(socket), /^HTTP\/1\.1 408 /);
    await until(() => (shared.connections === 0 ? true : undefined));
    socket.destroy();
  });
});

// proves: gateway: a connection by HTTP/2 without a stream ends
test('HTTP/2: a connection that only pings ends, and one with a stream stays', () =>
  inWorld({ idleMs: SHORT_MS }, { answer: (_, response) => void slow.push(response) }, async (world) => {
    const serving = await sessionOf(world);
    const stream = serving.request({ ':authority': HOST });
    await until(() => slow[0]);
    const pinging = await sessionOf(world);
    const timer = setInterval(() => !pinging.destroyed && pinging.ping(() => {}), 5);
    await once(pinging, 'close');
    clearInterval(timer);
    slow.pop()?.end('served');
    assert.equal(await text(stream), 'served');
    await once(serving, 'close');
  }));

const slow: Http2ServerResponse[] = [];

for (const signed of [false, true]) {
  const options: WorldOptions = signed
    ? { sign: { accessKeyId: 'id', secretAccessKey: 'key', region: 'r', service: 'service' } }
    : {};
  const way = signed ? ' for its signature' : '';

  // proves: gateway: a body of which nothing comes ends
  test(`HTTP/1.1: a body that stalls${way} is 408, and its connection ends`, () =>
    inWorld({ bodyMs: SHORT_MS }, options, async (world) => {
      const answer = await say(await world.open(['http/1.1']), `${HEAD}\r\nhello`);
      assert.match(answer, /^HTTP\/1\.1 408 [\s\S]*"reason":"request_timeout"/);
      assert.deepEqual(
        world.events.map(({ status, path, sentBytes }) => [status, path, sentBytes]),
        [[408, '/a', 5]],
      );
    }));

  // proves: gateway: a body of which nothing comes ends
  test(`HTTP/2: a body that stalls${way} is 408, and its connection serves the next request`, () =>
    inWorld({ bodyMs: SHORT_MS }, options, async (world) => {
      const session = await sessionOf(world);
      const stream = session.request({ ':method': 'PUT', ':authority': HOST });
      stream.write('hello');
      const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status'?: number }];
      assert.equal(headers[':status'], 408);
      const next = session.request({ ':authority': HOST });
      const [served] = (await once(next, 'response')) as [IncomingHttpHeaders & { ':status'?: number }];
      assert.equal(served[':status'], 200);
      session.destroy();
    }));
}

test('a body that goes on is not late, nor one for which the upstream or the program waits', () => {
  const reading = promiseOf();
  const answer = (request: Http2ServerRequest, response: Http2ServerResponse): void => {
    const end = (): void => void request.resume().on('end', () => response.end());
    // It answers first, and waits for what the program says to that.
    if (request.url === '/answered') response.write('first');
    if (request.url === '/unread') void reading.promise.then(end);
    else end();
  };
  const server: WorldOptions['server'] = (one) =>
    one.on('checkContinue', (request: Http2ServerRequest, response: Http2ServerResponse) => {
      void reading.promise.then(() => {
        response.writeContinue();
        request.resume().on('end', () => response.end());
      });
    });
  return inWorld({ bodyMs: SHORT_MS }, { answer, server, upstreamHttp2: false }, async (world) => {
    const size = 50_000_000;
    const begin = async (path: string, length: number, more = ''): Promise<Socket> => {
      const socket = await world.open(['http/1.1']);
      const lines = `host: ${HOST}\r\nconnection: close\r\ncontent-length: ${length}\r\n${more}`;
      socket.write(`PUT ${path} HTTP/1.1\r\n${lines}\r\n`);
      return socket;
    };
    const unread = await begin('/unread', size);
    unread.write(Buffer.alloc(size));
    const asking = await begin('/asking', 5, 'expect: 100-continue\r\n');
    const answered = await begin('/answered', 6);
    answered.write('1');
    await heard(answered, /first/);
    const going = await begin('/going', 1_000_000);
    let left = 1_000_000;
    const timer = setInterval(() => {
      going.write('a');
      left -= 1;
    }, 5);
    assert.match(await text(await begin('/late', 5)), /^HTTP\/1\.1 408 /);
    clearInterval(timer);
    going.write('a'.repeat(left));
    assert.match(await text(going), /^HTTP\/1\.1 200 /);
    answered.write('hello');
    assert.match(await text(answered), /0\r\n\r\n$/);
    reading.resolve();
    await heard(asking, /^HTTP\/1\.1 100 Continue\r\n\r\n/);
    assert.match(await say(asking, 'hello'), /^HTTP\/1\.1 200 /);
    assert.match(await text(unread), /^HTTP\/1\.1 200 /);
  });
});

function promiseOf(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
