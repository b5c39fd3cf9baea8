// Exchanges that end in another way than with a whole answer: what breaks off on one side looks broken on the other, and nothing waits for good.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import {
  type ClientHttp2Stream,
  constants,
  connect as http2Connect,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { until } from '../harness/until.js';
import { HOST, startWorld, type World, type WorldOptions } from './worlds.js';

async function inWorld(options: WorldOptions, scene: (world: World) => Promise<void>): Promise<void> {
  const world = await startWorld(options);
  try {
    await scene(world);
  } finally {
    await world.close();
  }
}

/** An upstream that answers by HTTP/1.1 with these bytes, and ends there if it should. */
function saying(bytes: string, then: 'stay' | 'end' = 'stay'): WorldOptions {
  return {
    upstreamHttp2: false,
    server: (server) =>
      server.removeAllListeners('secureConnection').on('secureConnection', (socket: TLSSocket) => {
        socket.on('error', () => {});
        socket.once('data', () => {
          socket.write(bytes);
          if (then === 'end') socket.end();
        });
      }),
  };
}

interface Head {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** @throws Error if it breaks off */
  readonly body: () => Promise<string>;
}

async function byHttp1(world: World, method: string): Promise<Head> {
  const socket = await world.open(['http/1.1']);
  const sent = httpRequest({
    ...{ method, setHost: false, headers: { host: HOST } },
    createConnection: () => socket,
  });
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: () => text(answer) };
}

async function streamOf(world: World, method: string, endStream = true): Promise<ClientHttp2Stream> {
  const socket = await world.open(['h2']);
  const session = http2Connect(`https://${HOST}`, { createConnection: () => socket });
  return session.request({ ':method': method, ':path': '/', ':authority': HOST }, { endStream });
}

async function byHttp2(world: World, method: string): Promise<Head> {
  const stream = await streamOf(world, method);
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status'?: number }];
  return { status: headers[':status'] ?? 0, headers, body: () => text(stream) };
}

for (const [name, ask] of Object.entries({ 'HTTP/1.1': byHttp1, 'HTTP/2': byHttp2 })) {
  // proves: gateway: an answer that breaks off looks broken
  test(`${name}: an answer that breaks off is no whole one`, () =>
    inWorld(
      saying('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n', 'end'),
      async (world) => {
        const { status, body } = await ask(world, 'GET');
        assert.equal(status, 200);
        await assert.rejects(body());
        await world.told(1);
        assert.equal(world.events[0]?.reason, 'upstream_failed');
      },
    ));

  // proves: gateway: an upstream that switches unasked is no answer
  test(`${name}: an upstream that switches to another protocol unasked is 502`, () =>
    inWorld(
      saying('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
      async (world) => {
        assert.equal((await ask(world, 'GET')).status, 502);
      },
    ));

  // proves: gateway: an answer that cannot be passed on is refused
  test(`${name}: an answer that cannot be passed on is 502, and the next one passes`, () =>
    inWorld(
      saying('HTTP/1.1 099 x\r\nage: 1\r\nage: 2\r\nx-own: 1\r\ncontent-length: 0\r\n\r\n'),
      async (world) => {
        for (const _ of [1, 2]) {
          const { status, headers } = await ask(world, 'GET');
          assert.deepEqual([status, headers['x-own']], [502, undefined]);
        }
        assert.equal(world.events[0]?.status, 502);
      },
    ));

  test(`${name}: headers that come twice pass`, () =>
    inWorld(
      saying(
        'HTTP/1.1 200 OK\r\nx-content-type-options: nosniff\r\nX-Content-Type-Options: nosniff\r\nset-cookie: a\r\nset-cookie: b\r\ncontent-length: 0\r\n\r\n',
      ),
      async (world) => {
        const { status, headers } = await ask(world, 'GET');
        assert.deepEqual([status, headers['x-content-type-options']], [200, 'nosniff']);
        assert.deepEqual(headers['set-cookie'], ['a', 'b']);
      },
    ));

  test(`${name}: the head of an answer comes before its body`, () =>
    inWorld(saying('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n'), async (world) => {
      assert.equal((await ask(world, 'GET')).status, 200);
    }));

  for (const upstreamHttp2 of [false, true])
    test(`${name}: an answer without a body has none (upstream by ${upstreamHttp2 ? 'HTTP/2' : 'HTTP/1.1'})`, async () => {
      const answers = [
        ['HEAD', 200, { 'content-length': '5' }],
        ['HEAD', 200, {}],
        ['GET', 204, {}],
        ['GET', 304, { etag: '"a"' }],
      ] as const;
      for (const [method, status, headers] of answers)
        await inWorld(
          { upstreamHttp2, answer: (_, response) => response.writeHead(status, headers).end() },
          async (world) => {
            for (const _ of [1, 2]) {
              const got = await ask(world, method);
              assert.deepEqual([got.status, await got.body()], [status, '']);
              if ('content-length' in headers) assert.equal(got.headers['content-length'], '5');
            }
          },
        );
    });
}

type Breaking = (socket: Socket, stream: ServerHttp2Stream) => void;
const BREAKING_OFF: Readonly<Record<string, Breaking>> = {
  'ends its connection': (socket) => socket.end(),
  'closes its connection': (socket) => socket.destroy(),
  'takes no more streams, and ends its connection': (socket, { session }) => {
    session?.goaway(constants.NGHTTP2_NO_ERROR);
    setImmediate(() => socket.end());
  },
  'resets the stream': (_, stream) => stream.close(constants.NGHTTP2_CANCEL),
};

// A program by HTTP/1.1 has an upstream by HTTP/1.1.
// proves: gateway: an answer that an upstream breaks off by HTTP/2 looks broken
for (const [what, breakOff] of Object.entries(BREAKING_OFF))
  test(`an answer whose upstream ${what}, by HTTP/2, is no whole one`, async () => {
    const sockets: Socket[] = [];
    const streams: ServerHttp2Stream[] = [];
    await inWorld(
      {
        server: (server) => server.on('connection', (socket: Socket) => sockets.push(socket)),
        answer: (_, response) => {
          response.on('error', () => {});
          streams.push(response.stream.on('error', () => {}));
          response.write('hello');
        },
      },
      async (world) => {
        const { status, body } = await byHttp2(world, 'GET');
        assert.equal(status, 200);
        const [socket] = sockets;
        const [stream] = streams;
        assert.ok(socket !== undefined && stream !== undefined);
        const broken = assert.rejects(body());
        breakOff(socket, stream);
        await broken;
        await world.told(1);
        assert.equal(world.events[0]?.reason, 'upstream_failed');
      },
    );
  });

for (const upstreamHttp2 of [false, true]) {
  const by = upstreamHttp2 ? 'HTTP/2' : 'HTTP/1.1';
  // proves: gateway: a body that breaks off looks broken
  test(`a body that the program breaks off is no whole one (upstream by ${by})`, async () => {
    const ways: readonly ((world: World) => Promise<() => void>)[] = [breakOffHttp1, breakOffHttp2];
    for (const send of ways) {
      let whole = false;
      let closed = false;
      await inWorld(
        {
          upstreamHttp2,
          answer: (request) => {
            request.resume().on('error', () => {});
            request.on('end', () => {
              whole = !request.stream?.aborted;
            });
            request.once('close', () => {
              closed = true;
            });
          },
        },
        async (world) => {
          const breakOff = await send(world);
          await until(() => (world.seen.length > 0 ? true : undefined));
          breakOff();
          await until(() => (closed ? true : undefined));
          assert.equal(whole, false);
          await world.told(1);
          assert.deepEqual(
            world.events.map(({ path, status, sentBytes }) => [path, status, sentBytes]),
            [['/', 0, 5]],
          );
        },
      );
    }
  });

  test(`an answer before the end of the body comes through, and the rest is not waited for (upstream by ${by})`, () =>
    inWorld(
      { upstreamHttp2, answer: (_, response) => response.writeHead(413).end('too large') },
      async (world) => {
        const size = 20_000_000;
        const socket = await world.open(['http/1.1']);
        // It reads when it has sent all.
        const answer = text(socket);
        socket.write(
          `PUT / HTTP/1.1\r\nhost: ${HOST}\r\nconnection: close\r\ncontent-length: ${size}\r\n\r\n`,
        );
        socket.write(Buffer.alloc(size));
        assert.match(await answer, /^HTTP\/1\.1 413 [\s\S]*too large\r\n0/);
        const stream = await streamOf(world, 'PUT', false);
        stream.write(Buffer.alloc(size / 4));
        // The stream closes with the answer.
        const [chunk] = (await once(stream, 'data')) as [Buffer];
        assert.equal(chunk.toString(), 'too large');
        assert.deepEqual(
          world.events.map(({ status }) => status),
          [413, 413],
        );
      },
    ));
}

for (const upstreamHttp2 of [false, true]) {
  // proves: gateway: no request announces what does not follow
  test(`a request that announces trailers comes through without them (upstream by ${upstreamHttp2 ? 'HTTP/2' : 'HTTP/1.1'})`, () =>
    inWorld(
      {
        upstreamHttp2,
        answer: (request, response) => void text(request).then((body) => response.end(`got ${body}`)),
      },
      async (world) => {
        for (const framing of [
          'content-length: 5\r\n\r\nhello',
          'transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: 1\r\n\r\n',
        ]) {
          const socket = await world.open(['http/1.1']);
          const answer = text(socket);
          socket.write(`POST / HTTP/1.1\r\nhost: ${HOST}\r\nconnection: close\r\ntrailer: X\r\n${framing}`);
          assert.match(await answer, /^HTTP\/1\.1 200 [\s\S]*got hello/);
        }
        assert.deepEqual(
          world.seen.map(({ headers }) => headers['trailer']),
          [undefined, undefined],
        );
      },
    ));
}

// proves: gateway: an answer that has no trailers announces none
for (const [status, method, head] of [
  [200, 'GET', 'content-length: 2\r\n\r\nok'],
  [200, 'HEAD', 'content-length: 2\r\n\r\n'],
  [304, 'GET', '\r\n'],
  [204, 'GET', '\r\n'],
] as const)
  test(`an answer to ${method} with status ${status} that announces trailers comes through without them`, () =>
    inWorld(saying(`HTTP/1.1 ${status} Fine\r\ntrailer: X\r\n${head}`), async (world) => {
      const answer = await byHttp1(world, method);
      const body = method === 'GET' && status === 200 ? 'ok' : '';
      assert.deepEqual(
        [answer.status, answer.headers.trailer, await answer.body()],
        [status, undefined, body],
      );
    }));

test('a program that sends all of a refused body gets to read why, and goes on with its connection', () =>
  inWorld({ allow: ['GET /a'] }, async (world) => {
    const size = 20_000_000;
    const socket = await world.open(['http/1.1']);
    const answers = text(socket);
    socket.write(`PUT /b HTTP/1.1\r\nhost: ${HOST}\r\ncontent-length: ${size}\r\n\r\n`);
    socket.write(Buffer.alloc(size));
    socket.write(`GET /a HTTP/1.1\r\nhost: ${HOST}\r\nconnection: close\r\n\r\n`);
    assert.match(await answers, /^HTTP\/1\.1 403 [\s\S]*HTTP\/1\.1 200 /);
    assert.deepEqual(
      world.seen.map(({ path }) => path),
      ['/a'],
    );
  }));

async function breakOffHttp1(world: World): Promise<() => void> {
  const socket = await world.open(['http/1.1']);
  socket.write(`PUT / HTTP/1.1\r\nhost: ${HOST}\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n`);
  return () => socket.destroy();
}

/** Node's own client would end the body before it resets the stream. */
async function breakOffHttp2(world: World): Promise<() => void> {
  const socket = await world.open(['h2']);
  const fields = { ':method': 'PUT', ':path': '/', ':scheme': 'https', ':authority': HOST };
  const head = Object.entries(fields).flatMap(([name, value]) => [
    ...[Buffer.of(0, name.length), Buffer.from(name)],
    ...[Buffer.of(value.length), Buffer.from(value)],
  ]);
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  socket.write(frame(SETTINGS, 0, Buffer.alloc(0), 0));
  socket.write(frame(HEADERS, END_HEADERS, Buffer.concat(head)));
  socket.write(frame(DATA, 0, Buffer.from('hello')));
  return () => socket.write(frame(RST_STREAM, 0, Buffer.of(0, 0, 0, CANCEL)));
}

const [DATA, HEADERS, RST_STREAM, SETTINGS] = [0, 1, 3, 4] as const;
const END_HEADERS = 4;
const CANCEL = 8;

function frame(type: number, flags: number, body: Buffer, stream = 1): Buffer {
  return Buffer.concat([Buffer.of(0, 0, body.length, type, flags, 0, 0, 0, stream), body]);
}

test('a request that waits behind another one on its connection ends with it', () =>
  inWorld(
    {
      answer: (request, response) => {
        response.writeHead(200);
        if (request.url === '/long') response.end(Buffer.alloc(1_000_000));
        else response.write('a');
      },
    },
    async (world) => {
      const socket = await world.open(['http/1.1']);
      for (const path of ['/slow', '/long']) socket.write(`GET ${path} HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
      await until(() => (world.seen.length === 2 ? true : undefined));
      socket.destroy();
      await world.told(2);
    },
  ));

test('a stream that the upstream has not looked at is tried again, once', () => {
  let refused = 1;
  return inWorld(
    {
      answer: (request, response) => {
        refused -= 1;
        if (refused >= 0) request.stream.close(REFUSED_STREAM);
        else response.end('served');
      },
    },
    async (world) => {
      assert.equal(await (await byHttp2(world, 'POST')).body(), 'served');
      refused = 2;
      assert.equal((await byHttp2(world, 'GET')).status, 502);
    },
  );
});

const REFUSED_STREAM = 7;

test('a program that leaves an idle connection is no refusal, and one without TLS is', () =>
  inWorld({}, async (world) => {
    const idle = await world.open(['http/1.1']);
    idle.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\n\r\nGET /half`);
    await once(idle, 'data');
    idle.destroy();
    const plain = world.dial();
    plain.write(`GET /plain HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
    await text(plain);
    await world.told(2);
    assert.deepEqual(
      world.events.map(({ path, reason }) => [path, reason]),
      [
        ['/', undefined],
        ['/plain', 'https_only'],
      ],
    );
  }));

test('a refused request has an event, however long it is', () =>
  inWorld({ allow: ['GET /a'] }, async (world) => {
    const socket = await world.open(['http/1.1']);
    const path = `/${'b'.repeat(20_000)}`;
    socket.write(`GET ${path} HTTP/1.1\r\nhost: ${HOST}\r\nconnection: close\r\n\r\n`);
    assert.match(await text(socket), /^HTTP\/1\.1 403 /);
    const [event] = world.events;
    assert.deepEqual([event?.path, event?.suggestion], [`/${'b'.repeat(1020)}...`, undefined]);
  }));

// Node says of no HEAD that it broke off. What the upstream says afterwards must not reach a stream that is gone: that would end the gateway, and with it what
// is under way, without an event.
// proves: gateway: by HTTP/2 a program that leaves a HEAD is noticed
test('HTTP/2: a program that leaves a HEAD ends the exchange with the upstream', async () => {
  const left: TLSSocket[] = [];
  const options: WorldOptions = {
    upstreamHttp2: false,
    server: (server) =>
      server.removeAllListeners('secureConnection').on('secureConnection', (socket: TLSSocket) => {
        socket.on('error', () => {});
        socket.once('data', (head: Buffer) => {
          if (head.includes('HEAD ')) left.push(socket);
          else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
        });
      }),
  };
  await inWorld(options, async (world) => {
    const socket = await world.open(['h2']);
    const session = http2Connect(`https://${HOST}`, { createConnection: () => socket });
    const head = { ':method': 'HEAD', ':path': '/left', ':authority': HOST, expect: '100-continue' };
    const stream = session.request(head, { endStream: false });
    stream.on('error', () => {});
    const upstream = await until(() => left[0]);
    stream.close(constants.NGHTTP2_CANCEL);
    // The gateway reads this after the reset.
    const next = session.request({ ':method': 'GET', ':path': '/next', ':authority': HOST });
    assert.equal((await once(next, 'response'))[0][':status'], 200);
    upstream.write('HTTP/1.1 100 Continue\r\n\r\n');
    await until(() => upstream.destroyed || undefined);
    await world.told(2);
    const [event] = world.events.filter(({ path }) => path === '/left');
    assert.deepEqual([event?.status, event?.reason], [0, undefined]);
    session.destroy();
  });
});
