// The sockets of connect() over a fake broker behave like any other socket.
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import http from 'node:http';
import { Socket } from 'node:net';
import { test } from 'node:test';
import tls from 'node:tls';
import { connectOver } from '../../sandbox/plugin/connect-over.js';
import { explainOver } from '../../sandbox/plugin/explain.js';
import { PosternError } from '../../sandbox/plugin/index.js';
import { until } from '../harness/until.js';
import { withBroker } from './with-broker.js';

test('connect() returns a connected net.Socket that knows its peer', () =>
  withBroker(async ({ broker, connect, serve }) => {
    const port = await serve((socket) => socket.pipe(socket));
    const socket = await connect({ port });
    assert.ok(socket instanceof Socket);
    assert.equal(socket.remoteAddress, '127.0.0.1');
    assert.equal(socket.remotePort, port);
    assert.equal(socket.remoteFamily, 'IPv4');
    assert.equal(socket.readyState, 'open');
    assert.equal(socket.setNoDelay(true), socket);
    assert.equal(socket.setKeepAlive(true, 1000), socket);
    socket.write('hello');
    const [echo] = await once(socket, 'data');
    assert.equal(String(echo), 'hello');
    assert.deepEqual(broker.requests, [
      { op: 'hello', version: 1 },
      { op: 'connect', id: 0, host: '127.0.0.1', port },
    ]);
  }));

test('connect() and explain() ask for a socket of the host by its path', () =>
  withBroker(
    async ({ broker, channel }) => {
      const path = '/run/x.sock';
      await assert.rejects(
        connectOver(() => channel, { path, timeout: 50 }),
        {
          code: 'ETIMEDOUT',
          message: 'Cannot connect to "unix:/run/x.sock": no answer within 50 ms',
        },
      );
      void explainOver(() => channel, { path }).catch(() => {});
      await until(() => (broker.requests.length >= 4 ? true : undefined));
      assert.deepEqual(
        broker.requests.flatMap((request) =>
          'host' in request ? [[request.op, request.host, request.port]] : [],
        ),
        [
          ['connect', 'unix:/run/x.sock', 0],
          ['explain', 'unix:/run/x.sock', 0],
        ],
      );
      const wrong = { path: 5 } as unknown as { path: string };
      await assert.rejects(
        connectOver(() => channel, wrong),
        { code: 'ERR_INVALID_ARG_TYPE' },
      );
    },
    ({ op }) => op === 'connect' || op === 'explain',
  ));

test('connect() loses no byte of a peer that speaks first', () =>
  withBroker(async ({ connect, serve }) => {
    const greeting = Buffer.alloc(100_000, 'greeting ');
    const port = await serve((socket) => socket.end(greeting));
    const socket = await connect({ port });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const received: Buffer[] = [];
    for await (const chunk of socket) received.push(chunk);
    assert.ok(Buffer.concat(received).equals(greeting));
  }));

test('a socket echoes 8 MiB under backpressure', () =>
  withBroker(async ({ connect, serve }) => {
    const port = await serve((socket) => socket.pipe(socket));
    const socket = await connect({ port });
    const chunk = Buffer.alloc(65_536, 'x');
    let sent = 0;
    let received = 0;
    let waits = 0;
    const write = async (): Promise<void> => {
      for (; sent < 8 * 1024 * 1024; sent += chunk.length) {
        if (socket.write(chunk)) continue;
        waits += 1;
        await once(socket, 'drain');
      }
      socket.end();
    };
    const written = write();
    await new Promise((resolve) => setTimeout(resolve, 50));
    for await (const bytes of socket) received += bytes.length;
    await written;
    assert.equal(received, 8 * 1024 * 1024);
    assert.ok(waits > 0, 'backpressure was felt');
  }));

test('with allowHalfOpen a socket still writes after the peer has ended', () =>
  withBroker(async ({ connect, serve }) => {
    let heard = '';
    const done = new Promise<void>((resolve) => {
      void serve(
        (socket) => {
          socket.end('over');
          socket.on('data', (bytes) => {
            heard += bytes;
          });
          socket.on('end', resolve);
        },
        { allowHalfOpen: true },
      ).then(async (port) => {
        const socket = await connect({ port, allowHalfOpen: true });
        socket.resume();
        await once(socket, 'end');
        assert.equal(socket.writable, true);
        socket.write('and yet ');
        socket.end('more');
      });
    });
    await done;
    assert.equal(heard, 'and yet more');
  }));

test('without allowHalfOpen a socket ends when its peer does, and emits end before close', () =>
  withBroker(async ({ connect, serve }) => {
    const port = await serve((socket) => socket.end('bye'));
    const socket = await connect({ port });
    const events: string[] = [];
    socket.on('end', () => events.push('end'));
    socket.on('close', (hadError) => events.push(`close ${hadError}`));
    socket.resume();
    await once(socket, 'close');
    assert.deepEqual(events, ['end', 'close false']);
    assert.equal(socket.destroyed, true);
  }));

test('a reset socket fails with ECONNRESET', () =>
  withBroker(async ({ connect, serve }) => {
    const port = await serve((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const socket = await connect({ port });
    socket.resume();
    socket.write('x');
    const [error] = await once(socket, 'error').catch((thrown) => [thrown]);
    assert.equal(error.code, 'ECONNRESET');
  }));

test('connect() rejects a refusal with EACCES, its reason and the rule that would allow it', () =>
  withBroker(async ({ connect }) => {
    const error = await connect({ host: 'denied.example', port: 443 }).then(
      () => assert.fail('connected'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof PosternError);
    assert.ok(error instanceof Error);
    assert.equal(error.name, 'PosternError');
    assert.equal(error.code, 'EACCES');
    assert.equal(error.errno, -13);
    assert.equal(error.reason, 'no_rule');
    assert.equal(error.suggestion, 'denied.example:443');
    assert.equal(error.message, 'Cannot connect to "denied.example:443": no rule allows "denied.example"');
  }));

test('connect() rejects with ECONNREFUSED where nobody listens', () =>
  withBroker(async ({ connect }) => {
    await assert.rejects(connect({ port: 1 }), { code: 'ECONNREFUSED', errno: -111, reason: 'refused' });
  }));

test('connect() rejects wrong arguments and asks the broker nothing', () =>
  withBroker(async ({ broker, connect }) => {
    const wrong: [object, string][] = [
      [{ host: 5 }, 'ERR_INVALID_ARG_TYPE'],
      [{ host: 'x'.repeat(1025) }, 'ERR_INVALID_ARG_VALUE'],
      [{ host: 'a\ud800' }, 'ERR_INVALID_ARG_VALUE'],
      [{ port: '80' }, 'ERR_INVALID_ARG_TYPE'],
      [{ port: 80.5 }, 'ERR_SOCKET_BAD_PORT'],
      [{ port: 65_536 }, 'ERR_SOCKET_BAD_PORT'],
      [{ port: -1 }, 'ERR_SOCKET_BAD_PORT'],
      [{ timeout: '5' }, 'ERR_INVALID_ARG_TYPE'],
      [{ timeout: 0 }, 'ERR_OUT_OF_RANGE'],
      [{ timeout: 120_001 }, 'ERR_OUT_OF_RANGE'],
      [{ signal: {} }, 'ERR_INVALID_ARG_TYPE'],
      [{ allowHalfOpen: 1 }, 'ERR_INVALID_ARG_TYPE'],
    ];
    for (const [options, code] of wrong) await assert.rejects(connect(options), { code }, code);
    assert.deepEqual(broker.connects(), []);
  }));

test("a socket's events find the caller's AsyncLocalStorage", () =>
  withBroker(async ({ connect, serve }) => {
    const port = await serve((socket) => socket.pipe(socket));
    const storage = new AsyncLocalStorage<string>();
    const found = await storage.run('mine', async () => {
      const socket = await connect({ port });
      socket.write('x');
      return new Promise((resolve) => socket.once('data', () => resolve(storage.getStore())));
    });
    assert.equal(found, 'mine');
  }));

test('http.request works over connect()', () =>
  withBroker(async ({ connect }) => {
    const server = http.createServer((request, response) => response.end(`you asked ${request.url}`));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const body = await new Promise<string>((resolve, reject) => {
      const request = http.get({
        host: '127.0.0.1',
        port,
        path: '/page',
        agent: false,
        createConnection: (options, done) => {
          connect({ host: String(options.host), port: Number(options.port) }).then(
            (socket) => done(null, socket),
            (error) => done(error, new Socket()),
          );
          return undefined;
        },
      });
      request.on('error', reject);
      request.on('response', (response) => {
        let text = '';
        response.on('data', (bytes) => {
          text += bytes;
        });
        response.on('end', () => resolve(text));
      });
    });
    assert.equal(body, 'you asked /page');
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }));

test('tls.connect works over connect()', () =>
  withBroker(async ({ connect }) => {
    // A shared key: TLS without a certificate to keep.
    const psk = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
    const common = { ciphers: 'PSK', maxVersion: 'TLSv1.2' } as const;
    const server = tls.createServer({ ...common, pskCallback: () => psk }, (socket) => socket.end('secret'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const secure = tls.connect({
      ...common,
      socket: await connect({ port }),
      pskCallback: () => ({ psk, identity: 'test' }),
      checkServerIdentity: () => undefined,
    });
    let text = '';
    for await (const bytes of secure) text += bytes;
    assert.equal(text, 'secret');
    await new Promise((resolve) => server.close(resolve));
  }));
