// Aborts and time limits of connect(), over a fake broker.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { startConnect, tcpSocket, writableNow } from '../../shared/sys/socket.js';
import { until } from '../harness/until.js';
import { withBroker } from './with-broker.js';

test('connect() asks nothing when its signal is aborted already', () =>
  withBroker(async ({ broker, connect }) => {
    const signal = AbortSignal.abort(new Error('enough'));
    await assert.rejects(connect({ signal }), (error: Error & { code: string }) => {
      assert.equal(error.name, 'AbortError');
      assert.equal(error.code, 'ABORT_ERR');
      assert.equal((error.cause as Error).message, 'enough');
      return true;
    });
    assert.deepEqual(broker.connects(), []);
  }));

test('an abort during connect() rejects it and cancels the request in the broker', () =>
  withBroker(async ({ broker, connect, serve }) => {
    const controller = new AbortController();
    const connecting = connect({ host: 'silent.example', signal: controller.signal });
    await until(() => broker.connects()[0]);
    controller.abort();
    await assert.rejects(connecting, { name: 'AbortError', code: 'ABORT_ERR' });
    const cancel = await until(() => broker.requests.find((request) => request.op === 'cancel'));
    assert.deepEqual(cancel, { op: 'cancel', id: broker.connects()[0]?.id });
    const port = await serve((socket) => socket.end('still there'));
    const [bytes] = await once(await connect({ port }), 'data');
    assert.equal(String(bytes), 'still there');
  }));

test('a socket that comes after the abort is closed', () =>
  withBroker(
    async ({ broker, connect, serve }) => {
      const closed = new Promise<void>((resolve) => {
        void serve((socket) => socket.resume().on('close', () => resolve())).then((port) => {
          const controller = new AbortController();
          const connecting = connect({ port, signal: controller.signal });
          connecting.catch(() => undefined);
          void until(() => broker.connects()[0]).then(({ id }) => {
            controller.abort();
            broker.dial(id, port);
          });
        });
      });
      await closed;
    },
    ({ op }) => op === 'connect' || op === 'cancel',
  ));

test('an abort between the socket and the caller closes the socket', () =>
  withBroker(
    async ({ broker, channel, connect, serve }) => {
      const port = await serve((socket) => socket.resume());
      const controller = new AbortController();
      const connecting = connect({ port, signal: controller.signal });
      // Its answer is taken in the same turn as the socket, before the caller of connect() goes on.
      channel.ask({
        id: -1,
        request() {
          return { op: 'explain', id: this.id, host: 'a.example', port: 1 };
        },
        take() {
          controller.abort();
          return 'over';
        },
        fail: assert.fail,
      });
      const [, connection, explanation] = await until(() =>
        broker.requests.length === 3 ? broker.requests : undefined,
      );
      const idOf = (request: unknown): number => (request as { id: number }).id;
      const socket = tcpSocket(4);
      assert.ok(typeof socket === 'object');
      startConnect(socket.number, { bytes: new Uint8Array([127, 0, 0, 1]), port });
      await until(() => writableNow(socket.number) || undefined);
      broker.reply({ id: idOf(connection), ok: true }, [socket]);
      broker.reply({ id: idOf(explanation), ok: true, decision: 'allow', reason: 'rule' });
      await assert.rejects(connecting, { code: 'ABORT_ERR' });
    },
    ({ op }) => op !== 'hello',
  ));

test('an abort after connect() does not touch the socket', () =>
  withBroker(async ({ broker, connect, serve }) => {
    const port = await serve((socket) => socket.pipe(socket));
    const controller = new AbortController();
    const socket = await connect({ port, signal: controller.signal });
    controller.abort();
    socket.write('alive');
    const [bytes] = await once(socket, 'data');
    assert.equal(String(bytes), 'alive');
    assert.equal(
      broker.requests.some(({ op }) => op === 'cancel'),
      false,
    );
  }));

test('an abort removes a request that waits for room in the pipe, and the broker never sees it', () =>
  withBroker(async ({ broker, connect, serve }) => {
    broker.pause();
    const port = await serve((socket) => socket.end('x'));
    const earlier = Array.from({ length: 40 }, () => connect({ port }));
    const controller = new AbortController();
    const late = connect({ host: 'late.example', signal: controller.signal });
    late.catch(() => undefined);
    controller.abort();
    await assert.rejects(late, { code: 'ABORT_ERR' });
    broker.goOn();
    await Promise.all(earlier);
    assert.equal(
      broker.requests.some((request) => 'host' in request && request.host === 'late.example'),
      false,
    );
    assert.equal(broker.requests.length, 41);
  }));

test('connect() passes its timeout on, and the broker keeps it', () =>
  withBroker(
    async ({ broker, connect }) => {
      const message = 'Cannot connect to "slow.example:443": no answer within 2000 ms';
      const connecting = connect({ host: 'slow.example', port: 443, timeout: 2000 });
      const { id, timeout_ms } = await until(() => broker.connects()[0]);
      // Of what was asked for, the rest.
      assert.ok(Number(timeout_ms) > 1000 && Number(timeout_ms) <= 2000, String(timeout_ms));
      broker.reply({ id, ok: false, errno: 'ETIMEDOUT', reason: 'timeout', message });
      await assert.rejects(connecting, { code: 'ETIMEDOUT', errno: -110, reason: 'timeout', message });
    },
    ({ op }) => op === 'connect',
  ));

test('connect() enforces its timeout itself where the broker does not, and cancels', () =>
  withBroker(async ({ broker, connect }) => {
    const start = performance.now();
    await assert.rejects(connect({ host: 'silent.example', port: 443, timeout: 100 }), {
      code: 'ETIMEDOUT',
      reason: 'timeout',
      message: 'Cannot connect to "silent.example:443": no answer within 100 ms',
    });
    const took = performance.now() - start;
    assert.ok(took >= 100, `took ${took} ms`);
    await until(() => broker.requests.find(({ op }) => op === 'cancel'));
  }));
