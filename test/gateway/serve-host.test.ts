// needs: openssl
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, ServerResponse } from 'node:http';
import {
  constants,
  type Http2ServerResponse,
  connect as http2Connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { Duplex, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { makeCertificates } from '../../sandbox/gateway/certificates.js';
import { until } from '../harness/until.js';
import { HOST, SECRET, startWorld, TOKEN, type World, type WorldOptions } from './worlds.js';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: NodeJS.Dict<string>;
}

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
  /** Called when the headers of the answer are there. */
  readonly onHead?: () => void;
}

async function inWorld(options: WorldOptions, scene: (world: World) => Promise<void>): Promise<void> {
  const world = await startWorld(options);
  try {
    await scene(world);
  } finally {
    await world.close();
  }
}

async function byHttp1(
  world: World,
  { method = 'GET', path = '/', headers = {}, body, onHead }: Sent = {},
): Promise<Answer> {
  const socket = await world.open(['http/1.1']);
  const sent = httpRequest({
    ...{ method, path, headers: { host: HOST, ...headers }, setHost: false },
    createConnection: () => socket,
  });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  onHead?.();
  const read = await text(answer);
  socket.destroy();
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: read, trailers: answer.trailers };
}

async function byHttp2(
  world: World,
  { method = 'GET', path = '/', headers = {}, body, onHead }: Sent = {},
): Promise<Answer> {
  const socket = await world.open(['h2']);
  const session = http2Connect(`https://${HOST}`, { createConnection: () => socket });
  const stream = session.request(
    { ':method': method, ':path': path, ':authority': HOST, ...headers },
    { endStream: body === undefined },
  );
  if (body !== undefined) stream.end(body);
  let trailers: NodeJS.Dict<string> = {};
  stream.once('trailers', (received: NodeJS.Dict<string>) => {
    trailers = received;
  });
  const [received] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status'?: number }];
  onHead?.();
  const read = await text(stream);
  session.destroy();
  return { status: received[':status'] ?? 0, headers: received, body: read, trailers };
}

const WAYS = { 'HTTP/1.1': byHttp1, 'HTTP/2': byHttp2 } as const;
const SECRETS = { secrets: new Map([['github', SECRET]]) };

for (const [name, ask] of Object.entries(WAYS)) {
  test(`${name}: a request reaches the upstream with the header that is set, and not with the program's`, () =>
    inWorld({ ...SECRETS, set: [['authorization', `Bearer ${SECRET}`]] }, async (world) => {
      const headers = { authorization: 'Bearer of-the-program', 'x-own': 'kept' };
      const { status, body } = await ask(world, { method: 'POST', path: '/a?b=c', headers, body: 'hello' });
      assert.deepEqual([status, body], [200, 'hello']);
      const [seen] = world.seen;
      assert.equal(seen?.headers.authorization, `Bearer ${SECRET}`);
      assert.equal(seen?.headers['x-own'], 'kept');
      assert.equal(seen?.path, '/a?b=c');
      assert.equal(seen?.version, name === 'HTTP/2' ? '2.0' : '1.1');
    }));

  test(`${name}: a placeholder is swapped in its header`, () =>
    inWorld(
      { ...SECRETS, placeholders: [{ token: TOKEN, secret: 'github', headers: ['authorization'] }] },
      async (world) => {
        await ask(world, { headers: { authorization: `Bearer ${TOKEN}`, 'x-other': TOKEN } });
        assert.equal(world.seen[0]?.headers.authorization, `Bearer ${SECRET}`);
        assert.equal(world.seen[0]?.headers['x-other'], TOKEN);
        assert.equal(world.events[0]?.injected, 1);
      },
    ));

  // proves: gateway: a request that the rules refuse does not go out
  test(`${name}: what the rules refuse gets 403 with the rule that would allow it, and the upstream sees nothing`, () =>
    inWorld({ allow: ['GET /repos/**'], deny: ['* /repos/x/**'] }, async (world) => {
      const refused = await ask(world, { method: 'POST', path: '/repos/a', body: 'x' });
      assert.equal(refused.status, 403);
      const { error, reason, suggestion, rule } = JSON.parse(refused.body);
      assert.deepEqual(
        [error, reason, suggestion, rule],
        ['postern', 'method_not_allowed', 'POST /repos/a', null],
      );
      const denied = await ask(world, { path: '/repos/x/y' });
      assert.equal(JSON.parse(denied.body).rule, '* /repos/x/**');
      assert.equal((await ask(world, { path: '/repos/../x' })).status, 403);
      assert.equal((await ask(world, { path: '/%zz' })).status, 400);
      assert.deepEqual([world.seen, world.connections()], [[], 0]);
      assert.deepEqual(
        world.events.map(({ status, decision, reason }) => [status, decision, reason]),
        [
          [403, 'deny', 'method_not_allowed'],
          [403, 'deny', 'path_not_allowed'],
          [403, 'deny', 'path_not_allowed'],
          [400, 'deny', 'bad_request'],
        ],
      );
    }));

  // proves: gateway: a deny rule holds in mode audit
  test(`${name}: in mode audit it goes out, and the event says so; what a deny rule covers does not`, () =>
    inWorld({ allow: ['GET /repos/**'], deny: ['* /admin/**'], mode: 'audit' }, async (world) => {
      assert.equal((await ask(world, { path: '/x' })).status, 200);
      assert.equal(world.events[0]?.decision, 'would_deny');
      assert.equal(world.events[0]?.suggestion, 'GET /x');
      assert.equal((await ask(world, { path: '/admin/x' })).status, 403);
      assert.equal(world.events[1]?.decision, 'deny');
      assert.equal(world.seen.length, 1);
    }));

  test(`${name}: a secret that comes back is masked, in headers and body`, () =>
    inWorld(
      {
        ...SECRETS,
        answer: (_, response) => {
          response.writeHead(200, { 'x-echo': `a ${SECRET}`, 'content-length': String(SECRET.length + 4) });
          response.write(`b ${SECRET.slice(0, 5)}`);
          setImmediate(() => response.end(`${SECRET.slice(5)} c`));
        },
      },
      async (world) => {
        const { headers, body } = await ask(world);
        const mask = '*'.repeat(SECRET.length);
        assert.deepEqual([headers['x-echo'], body], [`a ${mask}`, `b ${mask} c`]);
        assert.equal(world.events[0]?.masked, 2);
        assert.equal(world.seen[0]?.headers['accept-encoding'], 'identity');
      },
    ));

  // proves: gateway: no event has a secret
  test(`${name}: no event has a secret, and none has a query`, () =>
    inWorld(SECRETS, async (world) => {
      await ask(world, { path: `/a/${SECRET}/b?token=${SECRET}` });
      assert.ok(!JSON.stringify(world.events).includes(SECRET));
      assert.equal(world.events[0]?.path, `/a/${'*'.repeat(SECRET.length)}/b`);
    }));

  // proves: gateway: Host and :authority name the host of the connection
  test(`${name}: another host is 421`, () =>
    inWorld({}, async (world) => {
      const headers =
        name === 'HTTP/2' ? { ':authority': 'other.example.com' } : { host: 'other.example.com' };
      const { status, body } = await ask(world, { headers });
      assert.deepEqual([status, JSON.parse(body).reason], [421, 'host_mismatch']);
      assert.equal(world.connections(), 0);
    }));

  // proves: gateway: no header makes another method or path of a request
  // proves: gateway: a header that is set takes the place of the program's
  test(`${name}: what belongs to the connection, or would undo a rule, does not go on`, () =>
    inWorld(
      {
        ...SECRETS,
        allow: ['GET /**'],
        set: [['x-key', SECRET]],
        answer: (_, response) => response.writeHead(200, { 'alt-svc': 'h3=":443"', 'x-own': '1' }).end(),
      },
      async (world) => {
        const headers = { 'x-http-method-override': 'DELETE', 'X-Original-URL': '/admin', 'x-key': 'mine' };
        const more =
          name === 'HTTP/2' ? {} : { connection: 'x-dropped, x-key', 'x-dropped': '1', te: 'gzip' };
        const answer = await ask(world, { headers: { ...headers, ...more, cookie: ['a=1', 'b=2'] } });
        assert.deepEqual([answer.headers['alt-svc'], answer.headers['x-own']], [undefined, '1']);
        const seen = world.seen[0]?.headers ?? {};
        for (const gone of ['x-http-method-override', 'x-original-url', 'x-dropped'])
          assert.equal(seen[gone], undefined);
        assert.equal(seen['x-key'], SECRET);
        assert.equal(seen.cookie, 'a=1; b=2');
        assert.ok(seen['te'] === undefined || seen['te'] === 'trailers');
      },
    ));

  // proves: gateway: with rules no header names a second path
  test(`${name}: with rules, a request with a header that names a second path is refused`, async () => {
    const headers = [
      ...['x-amz-copy-source', 'X-Goog-Copy-Source', 'x-amz-rename-source', 'x-copy-from'],
      'x-ms-file-rename-source',
      ...['x-object-manifest', 'x-oss-symlink-target', 'Destination'],
    ];
    await inWorld({ allow: ['PUT /mine/**'], mode: 'audit' }, async (world) => {
      for (const header of headers) {
        const sent = { method: 'PUT', path: '/mine/a', headers: { [header]: '/other/b' } };
        const { status, body } = await ask(world, sent);
        assert.deepEqual([status, JSON.parse(body).reason], [403, 'path_not_allowed'], header);
      }
      assert.deepEqual([world.seen, world.connections()], [[], 0]);
      const known = { 'x-amz-copy-source-if-match': '"a"', 'x-destination': 'b' };
      assert.equal((await ask(world, { method: 'PUT', path: '/mine/a', headers: known })).status, 200);
    });
    await inWorld({}, async (world) => {
      assert.equal((await ask(world, { headers: { 'x-amz-copy-source': '/b' } })).status, 200);
    });
  });

  test(`${name}: trailers come through`, () =>
    inWorld(
      {
        answer: (_, response) => {
          response.writeHead(200, { trailer: 'x-sum' });
          response.write('a');
          response.addTrailers({ 'x-sum': '1' });
          response.end();
        },
      },
      async (world) => {
        const { body, trailers } = await ask(world);
        assert.deepEqual([body, trailers['x-sum']], ['a', '1']);
      },
    ));

  test(`${name}: the headers of an answer come before its body`, () => {
    const head = promiseOf<void>();
    const answer: WorldOptions['answer'] = (_, response) => {
      response.writeHead(200, { 'x-first': 'yes' });
      if (response instanceof ServerResponse) response.flushHeaders();
      void head.promise.then(() => response.end('later'));
    };
    return inWorld({ answer }, async (world) => {
      const { headers, body } = await ask(world, { onHead: head.resolve });
      assert.deepEqual([headers['x-first'], body], ['yes', 'later']);
    });
  });

  // proves: gateway: the certificate of the upstream is verified
  test(`${name}: an upstream with another certificate gets nothing, and no secret counts as sent`, () => {
    const upstreamCertificates = makeCertificates('evil', [HOST], new Date());
    const set = [['authorization', SECRET]] as const;
    return inWorld({ ...SECRETS, set, upstreamCertificates }, async (world) => {
      const { status, body } = await ask(world);
      assert.deepEqual([status, JSON.parse(body).reason], [502, 'upstream_failed']);
      assert.deepEqual([world.seen, world.events.map(({ injected }) => injected)], [[], [0]]);
    });
  });

  // proves: gateway: the certificate of the upstream is verified
  test(`${name}: an upstream whose certificate has expired gets nothing`, () => {
    const expired = makeCertificates('old', [HOST], new Date('2010-01-01T00:00:00Z'));
    return inWorld({ upstreamCertificates: expired, roots: expired.authority }, async (world) => {
      const { status, body } = await ask(world);
      assert.equal(status, 502);
      assert.match(body, /CERT_HAS_EXPIRED/);
      assert.deepEqual(world.seen, []);
    });
  });

  // proves: gateway: the certificate of the upstream is verified
  test(`${name}: an upstream of another name gets nothing`, () => {
    const other = makeCertificates('other', ['other.example.com'], new Date());
    const leaf = other.leaves.get('other.example.com');
    assert.ok(leaf !== undefined);
    const certificates = { ...other, leaves: new Map([[HOST, leaf]]) };
    return inWorld({ upstreamCertificates: certificates, roots: other.authority }, async (world) => {
      assert.match((await ask(world)).body, /ERR_TLS_CERT_ALTNAME_INVALID/);
      assert.deepEqual(world.seen, []);
    });
  });

  test(`${name}: an upstream that breaks off is 502, and its answer is none`, () =>
    inWorld({ answer: (request) => request.socket.destroy() }, async (world) => {
      assert.equal((await ask(world)).status, 502);
      await world.told(1);
    }));

  test(`${name}: an upstream with too many headers is 502`, () =>
    inWorld(
      { answer: (_, response) => response.writeHead(200, { 'x-flood': 'a'.repeat(70_000) }).end() },
      async (world) => {
        assert.equal((await ask(world)).status, 502);
      },
    ));

  test(`${name}: a connection that the rules refuse is 403`, () =>
    inWorld(
      {
        connect: async () =>
          Promise.reject(Object.assign(new Error('no'), { code: 'EACCES', reason: 'no_rule' })),
      },
      async (world) => {
        const { status, body } = await ask(world);
        assert.deepEqual([status, JSON.parse(body).reason], [403, 'connect_refused']);
      },
    ));

  test(`${name}: many requests share connections, and a large body comes whole both ways`, () =>
    inWorld({}, async (world) => {
      const body = 'x'.repeat(1_000_000);
      for (let round = 0; round < 3; round += 1) {
        const answer = await ask(world, { method: 'PUT', body });
        assert.equal(answer.body.length, body.length);
      }
      for (let round = 0; round < 3; round += 1) await ask(world);
      // By HTTP/1.1, a connection that had a body is not used again.
      assert.equal(world.connections(), name === 'HTTP/2' ? 1 : 4);
      assert.deepEqual(
        [world.events[0]?.sentBytes, world.events[0]?.receivedBytes],
        [body.length, body.length],
      );
    }));
}

test('HTTP/2 goes on by HTTP/1.1 if the upstream speaks no other', () =>
  inWorld({ upstreamHttp2: false }, async (world) => {
    for (let round = 0; round < 2; round += 1)
      assert.equal((await byHttp2(world, { method: 'POST', body: 'hello' })).body, 'hello');
    assert.deepEqual([world.seen[0]?.version, world.connections()], ['1.1', 2]);
  }));

test('HTTP/2: an answer that ends with its headers does so for the program', () =>
  inWorld(
    { answer: ({ stream }) => stream.respond({ 'grpc-status': '5' }, { endStream: true }) },
    async (world) => {
      const socket = await world.open(['h2']);
      const session = http2Connect(`https://${HOST}`, { createConnection: () => socket });
      const stream = session.request({ ':authority': HOST });
      const [headers, flags] = (await once(stream, 'response')) as [IncomingHttpHeaders, number];
      session.destroy();
      assert.deepEqual([headers['grpc-status'], flags & constants.NGHTTP2_FLAG_END_STREAM], ['5', 1]);
    },
  ));

test('requests at once keep their connections for the next ones', () => {
  const waiting: (() => void)[] = [];
  const answer: WorldOptions['answer'] = (_, response) => {
    waiting.push(() => response.end());
    // Together: each needs its own connection.
    if (waiting.length === 20) for (const go of waiting.splice(0)) go();
  };
  return inWorld({ answer }, async (world) => {
    for (let round = 0; round < 2; round += 1)
      await Promise.all(Array.from({ length: 20 }, () => byHttp1(world)));
    assert.equal(world.connections(), 20);
  });
});

// proves: gateway: behind a body no request follows
test('a body that the upstream leaves unread is no request', () =>
  inWorld(
    {
      upstreamHttp2: false,
      server: (server) =>
        server.removeAllListeners('secureConnection').on('secureConnection', (socket: TLSSocket) => {
          socket.on('error', () => {});
          // It reads heads alone, as if no request had a body.
          socket.on('data', (chunk: Buffer) => {
            for (const [, line = ''] of String(chunk).matchAll(/([A-Z]+ \/\S*) HTTP\/1\.1\r\n/g)) {
              unread.push(line);
              socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
            }
          });
        }),
    },
    async (world) => {
      await byHttp1(world, { method: 'PUT', path: '/a', body: 'DELETE /' });
      await byHttp1(world, { path: '/b' });
      assert.equal(world.connections(), 2);
      assert.deepEqual(unread, ['PUT /a', 'GET /b']);
    },
  ));

const unread: string[] = [];

// proves: gateway: the name of the TLS handshake is the host of the connection
test('another name in the TLS handshake is 421, and none is too', () =>
  inWorld({}, async (world) => {
    for (const name of ['other.example.com', '']) {
      const socket = await world.open(['http/1.1'], name);
      socket.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
      assert.match(await text(socket), /^HTTP\/1\.1 421 /);
    }
    assert.equal(world.connections(), 0);
  }));

test('a program that does not take the certificate ends there, and the event says why', () =>
  inWorld({}, async (world) => {
    for (const version of ['-tls1_2', '-tls1_3']) {
      const words = ['s_client', '-connect', `127.0.0.1:${world.port}`, '-servername', HOST, version];
      const client = spawn('openssl', [...words, '-verify_return_error'], { stdio: 'ignore' });
      assert.notEqual((await once(client, 'close'))[0], 0);
    }
    await world.told(2);
    assert.deepEqual(
      world.events.map(({ reason }) => reason),
      ['certificate_refused', 'certificate_refused'],
    );
    assert.equal(world.connections(), 0);
  }));

test('a request without TLS is refused', () =>
  inWorld(SECRETS, async (world) => {
    const socket = world.dial();
    socket.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
    const answer = await text(socket);
    assert.match(answer, /^HTTP\/1\.1 403 [\s\S]*"reason":"https_only"/);
    assert.equal(world.connections(), 0);
  }));

test('a connection that the upstream closed while it waited is not used for a request', () => {
  const used = new WeakSet<object>();
  return inWorld(
    {
      upstreamHttp2: false,
      answer: (request, response) => {
        if (used.has(request.socket)) request.socket.destroy();
        else response.end('fresh');
        used.add(request.socket);
      },
    },
    async (world) => {
      for (let round = 0; round < 3; round += 1) assert.equal((await byHttp1(world)).body, 'fresh');
      assert.equal(world.connections(), 3);
      assert.equal((await byHttp1(world, { method: 'POST', body: 'x' })).status, 502);
    },
  );
});

test('100 Continue comes from the upstream, and a refusal comes instead of it', () =>
  inWorld({ allow: ['POST /yes'], upstreamHttp2: false }, async (world) => {
    const ask = async (path: string): Promise<readonly [boolean, number]> => {
      const socket = await world.open(['http/1.1']);
      const sent = httpRequest({
        ...{ method: 'POST', path, setHost: false, createConnection: () => socket },
        headers: { host: HOST, expect: '100-continue', 'content-length': '5' },
      });
      let continued = false;
      sent.on('continue', () => {
        continued = true;
        sent.end('hello');
      });
      sent.flushHeaders();
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      answer.resume();
      socket.destroy();
      sent.on('error', () => {});
      return [continued, answer.statusCode ?? 0];
    };
    assert.deepEqual(await ask('/yes'), [true, 200]);
    assert.deepEqual(await ask('/no'), [false, 403]);
  }));

test('server-sent events come one by one', () =>
  inWorld(
    {
      ...SECRETS,
      answer: (request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('data: 1\n\n');
        // The second one comes when the program has asked for it, having read the first one.
        if (request.url === '/more') response.end();
        else waiting.push(() => response.end('data: 2\n\n'));
      },
    },
    async (world) => {
      const socket = await world.open(['http/1.1']);
      const sent = httpRequest({ setHost: false, headers: { host: HOST }, createConnection: () => socket });
      sent.end();
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      const [first] = (await once(answer, 'data')) as [Buffer];
      assert.equal(first.toString(), 'data: 1\n\n');
      waiting.pop()?.();
      assert.equal(await text(answer), 'data: 2\n\n');
      socket.destroy();
    },
  ));

const waiting: (() => void)[] = [];

// proves: gateway: a slow program slows the upstream down
test('a program that does not read makes the upstream wait', () => {
  let written = 0;
  return inWorld(
    {
      answer: (_, response) => {
        const more = (): void => {
          while (written < 200_000_000 && response.write(Buffer.alloc(65_536))) written += 65_536;
          if (written < 200_000_000) response.once('drain', more);
          else response.end();
        };
        more();
      },
    },
    async (world) => {
      const socket = await world.open(['http/1.1']);
      socket.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
      await once(socket, 'readable');
      let before = -1;
      while (before !== written) {
        before = written;
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      assert.ok(written < 100_000_000, `${written} bytes`);
    },
  );
});

test('a program that leaves ends its request to the upstream', () => {
  const { promise, resolve } = promiseOf<void>();
  return inWorld(
    {
      answer: (request, response) => {
        response.writeHead(200);
        response.write('a');
        request.once('close', () => resolve());
      },
    },
    async (world) => {
      const socket = await world.open(['http/1.1']);
      socket.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
      await once(socket, 'data');
      socket.destroy();
      await promise;
      await world.told(1);
    },
  );
});

function promiseOf<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

// proves: gateway: connections of a program are bounded
test('a program has so many connections to all hosts, and no more, and the event says so', () => {
  const shared = { connections: 380, requests: 0, answers: 0, heldBytes: 0, onBegun: () => {} };
  return inWorld({ shared }, async (world) => {
    const sockets = Array.from({ length: 20 }, () => world.dial());
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    await assert.rejects(world.open(['http/1.1']));
    assert.ok(sockets.every(({ destroyed }) => !destroyed));
    assert.deepEqual(
      world.events.map(({ reason, decision }) => [reason, decision]),
      [['too_many_requests', 'deny']],
    );
    for (const socket of sockets) socket.destroy();
    await until(() => (shared.connections === 380 ? true : undefined));
  });
});

// proves: gateway: requests of a program are bounded
test('a program has so many requests to all hosts, WebSockets too, and no more', () => {
  const shared = { connections: 0, requests: 399, answers: 0, heldBytes: 0, onBegun: () => {} };
  return inWorld({ shared, server: (server) => server.on('upgrade', () => {}) }, async (world) => {
    const socket = await world.open(['http/1.1']);
    socket.write(`GET /ws HTTP/1.1\r\nhost: ${HOST}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n`);
    await until(() => (shared.requests === 400 ? true : undefined));
    const { status, body } = await byHttp2(world);
    assert.deepEqual([status, JSON.parse(body).reason], [503, 'too_many_requests']);
    socket.destroy();
    await until(() => (shared.requests === 399 ? true : undefined));
    assert.equal((await byHttp2(world)).status, 200);
    assert.equal(shared.requests, 399);
  });
});

// proves: gateway: streams whose answers a program does not take are bounded
test('streams of HTTP/2 count until the program has taken the answer, and there are so many and no more', () => {
  const shared = { connections: 0, requests: 0, answers: 799, heldBytes: 0, onBegun: () => {} };
  return inWorld({ shared, allow: ['GET /a'] }, async (world) => {
    const socket = await world.open(['h2']);
    // No byte of a body goes to it.
    const settings = { initialWindowSize: 0 };
    const session = http2Connect(`https://${HOST}`, { createConnection: () => socket, settings });
    const refused = session.request({ ':path': '/b', ':authority': HOST });
    await once(refused, 'response');
    assert.deepEqual([shared.requests, shared.answers], [0, 800]);
    const next = session.request({ ':path': '/a', ':authority': HOST });
    await assert.rejects(once(next, 'response'), /NGHTTP2_REFUSED_STREAM/);
    assert.deepEqual(
      world.events.map(({ path, reason }) => [path, reason]),
      [
        ['/b', 'path_not_allowed'],
        ['/a', 'too_many_requests'],
      ],
    );
    assert.deepEqual(world.seen, []);
    refused.on('error', () => {});
    session.destroy();
    await until(() => (shared.answers === 799 ? true : undefined));
    assert.equal((await byHttp2(world, { path: '/a' })).status, 200);
  });
});

// proves: gateway: answers by HTTP/1.1 that a program does not take are bounded
test('answers that wait behind another one on a connection by HTTP/1.1 count, and there are so many and no more', () => {
  const shared = { connections: 0, requests: 0, answers: 797, heldBytes: 0, onBegun: () => {} };
  const held: Http2ServerResponse[] = [];
  const answer = (_: unknown, response: Http2ServerResponse): void => void held.push(response);
  return inWorld({ shared, allow: ['GET /a'], answer }, async (world) => {
    const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;
    const socket = await world.open(['http/1.1']);
    let taken = '';
    socket.on('data', (chunk: Buffer) => {
      taken += chunk.toString();
    });
    socket.write(ask('/a'));
    await until(() => (held.length === 1 ? true : undefined));
    // The answers to these are ready, and wait for the first one.
    socket.write(ask('/b') + ask('/c'));
    await until(() => (shared.answers === 800 ? true : undefined));
    socket.write(ask('/d') + ask('/e'));
    await once(socket, 'close');
    await until(() => (shared.answers === 797 ? true : undefined));
    const told = world.events.map(({ path, reason }) => `${path} ${reason}`).sort();
    assert.deepEqual(told, [
      '/a undefined',
      '/b path_not_allowed',
      '/c path_not_allowed',
      '/d too_many_requests',
    ]);
    assert.equal(taken, '');
    // One that is taken counts no longer, while its connection goes on.
    const other = await world.open(['http/1.1']);
    for (const path of ['/f', '/g', '/h', '/i']) {
      other.write(ask(path));
      await once(other, 'data');
      await until(() => (shared.answers === 797 ? true : undefined));
    }
    assert.equal(other.destroyed, false);
  });
});

// proves: gateway: answers by HTTP/1.1 that a program does not take are bounded
test('requests behind a refused head count, too, although nobody reads them', () => {
  const shared = { connections: 0, requests: 0, answers: 790, heldBytes: 0, onBegun: () => {} };
  const held: Http2ServerResponse[] = [];
  const answer = (_: unknown, response: Http2ServerResponse): void => void held.push(response);
  return inWorld({ shared, allow: ['GET /a'], answer }, async (world) => {
    const ask = (path: string, host = HOST): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    const socket = await world.open(['http/1.1']);
    socket.write(ask('/a'));
    await until(() => (held.length === 1 ? true : undefined));
    // Its answer would end the connection, and waits for the first one.
    socket.write(ask('/b', 'other.example.com') + ask('/c').repeat(8));
    await until(() => (shared.answers === 800 ? true : undefined));
    socket.write(ask('/c').repeat(100));
    await once(socket, 'close');
    await until(() => (shared.answers === 790 ? true : undefined));
    assert.deepEqual(world.events.map(({ path }) => path).sort(), ['/a', '/b']);
  });
});

// proves: gateway: a request that a gateway's end breaks off has its event
test('requests that the end of the gateway breaks off have their events, once', () => {
  const taken: string[] = [];
  return inWorld(
    {
      answer: (request) => taken.push(request.url),
      server: (server) =>
        server.on('upgrade', (_: IncomingMessage, socket: Duplex) => {
          taken.push('upgrade');
          socket.write(
            'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n',
          );
        }),
    },
    async (world) => {
      const socket = await world.open(['http/1.1']);
      socket.write(`GET /slow HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
      const other = await world.open(['http/1.1']);
      other.write(`GET /ws HTTP/1.1\r\nhost: ${HOST}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n`);
      await once(other, 'data');
      await until(() => (taken.length === 2 ? true : undefined));
      world.endGateway();
      const told = (): readonly string[] =>
        world.events.map(({ path, status }) => `${path} ${status}`).sort();
      assert.deepEqual(told(), ['/slow 0', '/ws 101']);
      await Promise.all([socket, other].map((one) => one.closed || once(one, 'close')));
      assert.equal(told().length, 2);
    },
  );
});

// proves: gateway: the bytes of headers are bounded, by HTTP/2 too
test('streams that are reset at once, and too many headers, cost their sender alone', () =>
  inWorld({}, async (world) => {
    const socket = await world.open(['h2']);
    const session = http2Connect(`https://${HOST}`, { createConnection: () => socket });
    session.on('error', () => {});
    for (let count = 0; count < 1000 && !session.destroyed; count += 1) {
      const stream = session.request({ ':path': '/reset', ':authority': HOST });
      stream.on('error', () => {});
      stream.close();
    }
    await new Promise((resolve) => setImmediate(resolve));
    session.destroy();
    const flood = byHttp2(world, { headers: { 'x-flood': 'a'.repeat(60_000) } });
    assert.notEqual(
      await flood.then(
        ({ status }) => status,
        () => 0,
      ),
      200,
    );
    assert.equal((await byHttp2(world, { path: '/after' })).status, 200);
    assert.ok(!world.seen.some(({ headers }) => headers['x-flood'] !== undefined));
  }));

test('an answer that is under way is not mixed with a refusal', () => {
  let end: () => void = () => {};
  return inWorld(
    {
      answer: (_, response) => {
        response.writeHead(200, { 'content-length': '10' });
        response.write('hello');
        end = () => response.end('world');
      },
    },
    async (world) => {
      const socket = await world.open(['http/1.1']);
      socket.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`);
      let read = '';
      while (!read.includes('hello')) read += String((await once(socket, 'data'))[0]);
      socket.write('no request\r\n\r\n');
      read += await text(socket).catch(() => '');
      end();
      assert.ok(!read.slice(10).includes('HTTP/1.1'), read);
    },
  );
});

test('an upstream that does not switch answers as usual', () =>
  inWorld({ ...SECRETS, upstreamHttp2: false }, async (world) => {
    const socket = await world.open(['http/1.1']);
    socket.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n`);
    assert.match(await text(socket), /^HTTP\/1\.1 200 OK\r\n/);
    await world.told(1);
  }));

test('an answer in the place of a WebSocket that breaks off is no whole one, and has no other in it', () =>
  inWorld(
    {
      server: (server) =>
        server.on('upgrade', (_: IncomingMessage, socket: Duplex) => {
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nhello');
          setImmediate(() => socket.destroy());
        }),
    },
    async (world) => {
      const socket = await world.open(['http/1.1']);
      socket.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n`);
      const read = await text(socket).catch(() => '');
      assert.ok(!read.includes('502'), read);
      await world.told(1);
      assert.equal(world.events[0]?.reason, 'upstream_failed');
    },
  ));

test('a WebSocket goes through, with the secret, and one that the rules refuse does not', () =>
  inWorld(
    {
      ...SECRETS,
      set: [['authorization', `Bearer ${SECRET}`]],
      allow: ['GET /socket'],
      server: (server) =>
        server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
          upgraded.push(String(request.headers.authorization));
          socket.write(
            'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\nfirst ',
          );
          socket.pipe(socket);
        }),
    },
    async (world) => {
      const ask = async (path: string): Promise<[import('node:tls').TLSSocket, string]> => {
        const socket = await world.open(['http/1.1']);
        socket.write(
          `GET ${path} HTTP/1.1\r\nhost: ${HOST}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n`,
        );
        const [first] = (await once(socket, 'data')) as [Buffer];
        return [socket, first.toString()];
      };
      const [socket, head] = await ask('/socket');
      assert.match(head, /^HTTP\/1\.1 101 [\s\S]*sec-websocket-accept: x\r\n/);
      socket.write('echo');
      let read = head.split('\r\n\r\n')[1] ?? '';
      while (read !== 'first echo') read += String((await once(socket, 'data'))[0]);
      socket.destroy();
      await world.told(1);
      assert.match((await ask('/other'))[1], /^HTTP\/1\.1 403 /);
      assert.deepEqual(upgraded, [`Bearer ${SECRET}`]);
      assert.deepEqual(
        world.events.map(({ status, sentBytes, receivedBytes }) => [status, sentBytes, receivedBytes]),
        [
          [101, 4, 10],
          [403, 0, 0],
        ],
      );
    },
  ));

const upgraded: string[] = [];

// proves: gateway: without TLS the host has another name
test('plain HTTP is served under the name for it, and goes on by TLS to the host', () =>
  inWorld(
    { ...SECRETS, plainName: `${HOST}.gateway.internal`, set: [['x-key', SECRET]], allow: ['POST /a'] },
    async (world) => {
      const ask = async (host: string, path: string, socket = world.dial()): Promise<string> => {
        const more =
          'connection: Upgrade, HTTP2-Settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n';
        socket.write(`POST ${path} HTTP/1.1\r\nhost: ${host}\r\n${more}content-length: 5\r\n\r\nhello`);
        return text(socket);
      };
      const name = `${HOST}.gateway.internal`;
      assert.match(await ask(name, '/a'), /^HTTP\/1\.1 200 [\s\S]*hello/);
      assert.deepEqual([world.seen[0]?.headers.host, world.seen[0]?.headers['x-key']], [HOST, SECRET]);
      assert.match(await ask(name, '/b'), /^HTTP\/1\.1 403 [\s\S]*"path_not_allowed"/);
      assert.match(await ask(HOST, '/a'), /^HTTP\/1\.1 421 /);
      assert.match(await ask(`${name}:443`, '/a'), /^HTTP\/1\.1 421 /);
      const secure = await world.open(['http/1.1']);
      secure.write(`GET /a HTTP/1.1\r\nhost: ${name}\r\n\r\n`);
      assert.match(await text(secure), /^HTTP\/1\.1 421 /);
      assert.equal(world.seen.length, 1);
      assert.match(await ask(`${name}:80`, '/a'), /^HTTP\/1\.1 200 /);
      assert.ok(world.events.every(({ host, port }) => host === HOST && port === 443));
    },
  ));

test('an upstream that asks for a certificate gets the one of its host', () => {
  const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const { stdout: pem } = spawnSync('openssl', [...words, '-subj', '/CN=gateway', '-keyout', '-'], {
    encoding: 'utf8',
  });
  const upstreamTls = { requestCert: true, rejectUnauthorized: true, ca: pem };
  return inWorld({ upstreamTls, client: { cert: pem, key: pem } }, async (world) => {
    assert.equal((await byHttp1(world)).status, 200);
    assert.equal((await byHttp2(world)).status, 200);
    const none = await startWorld({ upstreamTls });
    assert.equal((await byHttp1(none)).status, 502);
    assert.deepEqual(none.seen, []);
    await none.close();
  });
});

// proves: gateway: a part of an answer that nobody asked for is refused
test('a part of an answer that the upstream sends unasked is 502, unless it is not searched', async () => {
  const answer: WorldOptions['answer'] = (_, response) =>
    response.writeHead(206, { 'content-range': 'bytes 0-3/9' }).end(SECRET.slice(0, 4));
  await inWorld({ ...SECRETS, answer }, async (world) => {
    for (const ask of [byHttp1, byHttp2]) {
      const { status, body } = await ask(world);
      assert.equal(status, 502);
      assert.ok(!body.includes(SECRET.slice(0, 4)));
    }
  });
  await inWorld({ ...SECRETS, masks: false, answer }, async (world) => {
    assert.equal((await byHttp1(world)).status, 206);
  });
});

// proves: gateway: a compressed answer, which cannot be searched, is refused
test('an answer that is compressed all the same is 502, unless it is not searched', async () => {
  const answer: WorldOptions['answer'] = ({ method }, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(method === 'HEAD' ? '' : gzipSync(SECRET));
  await inWorld({ ...SECRETS, answer }, async (world) => {
    for (const ask of [byHttp1, byHttp2]) {
      const { status, body } = await ask(world);
      assert.deepEqual([status, JSON.parse(body).reason], [502, 'answer_compressed']);
      assert.equal((await ask(world, { method: 'HEAD' })).status, 200);
    }
  });
  await inWorld({ ...SECRETS, masks: false, answer }, async (world) => {
    assert.equal((await byHttp1(world)).headers['content-encoding'], 'gzip');
  });
});

// proves: gateway: an answer that is compressed on the way is refused
test('an answer that is compressed on the way, or that hides how it is, is 502', async () => {
  for (const head of [
    'transfer-encoding: gzip, chunked',
    'transfer-encoding: chunked\r\nconnection: content-encoding\r\ncontent-encoding: gzip',
  ])
    await inWorld(
      {
        ...SECRETS,
        upstreamHttp2: false,
        server: (server) =>
          server.removeAllListeners('secureConnection').on('secureConnection', (socket: Duplex) =>
            socket.once('data', () => {
              const bytes = gzipSync(SECRET);
              socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n${bytes.length.toString(16)}\r\n`);
              socket.write(Buffer.concat([bytes, Buffer.from('\r\n0\r\n\r\n')]));
            }),
          ),
      },
      async (world) => {
        const { status, body } = await byHttp1(world);
        assert.deepEqual([status, JSON.parse(body).reason], [502, 'answer_compressed'], head);
      },
    );
});

// proves: gateway: a secret in a message of a WebSocket is masked
test('a secret in a message of a WebSocket is masked, and messages are not compressed', () =>
  inWorld(
    {
      ...SECRETS,
      server: (server) =>
        server.on('upgrade', ({ headers }: IncomingMessage, socket: Duplex) => {
          socket.write(
            'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n',
          );
          const message = Buffer.from(`${headers['sec-websocket-extensions'] ?? 'none'} ${SECRET} ghs_`);
          socket.write(Buffer.concat([Buffer.of(0x81, message.length), message]));
          socket.end();
        }),
    },
    async (world) => {
      const socket = await world.open(['http/1.1']);
      socket.write(
        `GET / HTTP/1.1\r\nhost: ${HOST}\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n`,
      );
      const read = await text(socket);
      assert.ok(read.endsWith(`none ${'*'.repeat(SECRET.length)} ghs_`), read);
      await world.told(1);
      assert.equal(world.events[0]?.masked, 1);
    },
  ));

/** Each piece ends within a secret: wherever a program pauses, a part of one has come. */
async function writePieces(output: Writable, count: number, onPiece: () => void): Promise<void> {
  const piece = `${SECRET.slice(9)}${'\n'.repeat(8000)}${SECRET.slice(0, 9)}`;
  for (let left = count; left > 0; left -= 1) {
    await new Promise((resolve) => output.write(piece, resolve));
    onPiece();
  }
  output.end();
}

/** Resolves when no piece has come for longer than a gateway holds anything back. */
async function paused(pieces: () => number): Promise<void> {
  for (let before = 0; before === 0 || before !== pieces(); ) {
    before = pieces();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

// proves: gateway: a program that pauses sees no part of a secret
test('a program that pauses an answer gets no part of a secret', () => {
  let pieces = 0;
  const answer: WorldOptions['answer'] = (_, response) =>
    void writePieces(response, 40, () => {
      pieces += 1;
    });
  return inWorld({ ...SECRETS, upstreamHttp2: false, answer }, async (world) => {
    const socket = await world.open(['h2']);
    const session = http2Connect(`https://${HOST}`, {
      createConnection: () => socket,
      settings: { initialWindowSize: 0 },
    });
    const stream = session.request({});
    await paused(() => pieces);
    session.settings({ initialWindowSize: 1_000_000 });
    const read = await text(stream);
    session.destroy();
    assert.equal(read.split('*'.repeat(SECRET.length)).length, 40);
    assert.ok(!read.includes(SECRET));
  });
});

// proves: gateway: a program that pauses sees no part of a secret in a message
test('a program that pauses a WebSocket gets no part of a secret', () => {
  let pieces = 0;
  return inWorld(
    {
      ...SECRETS,
      server: (server) =>
        server.on('upgrade', (_: IncomingMessage, socket: Duplex) => {
          socket.write(
            'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n',
          );
          void writePieces(socket, 4000, () => {
            pieces += 1;
          });
        }),
    },
    async (world) => {
      const socket = await world.open(['http/1.1']);
      socket.write(`GET / HTTP/1.1\r\nhost: ${HOST}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n`);
      await once(socket, 'readable');
      await paused(() => pieces);
      assert.ok(pieces < 4000);
      const read = await text(socket);
      assert.equal(read.split('*'.repeat(SECRET.length)).length, 4000);
      assert.ok(!read.includes(SECRET));
    },
  );
});

// proves: gateway: an answer with a length waits for its end
test('an upstream that pauses in an answer with a length gives no part of a secret away', () =>
  inWorld(
    {
      ...SECRETS,
      answer: (_, response) => {
        response.writeHead(200, { 'content-length': SECRET.length });
        response.write(SECRET.slice(0, 9));
        setTimeout(() => response.end(SECRET.slice(9)), 500);
      },
    },
    async (world) => {
      for (const ask of [byHttp1, byHttp2]) assert.equal((await ask(world)).body, '*'.repeat(SECRET.length));
    },
  ));
