import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import {
  type MetricsPages,
  SharedPage,
  serveMetrics,
} from '../../../sandbox/supervisor/record/metrics-endpoint.js';
import { METRICS_ANSWER_MS, METRICS_CONNECTIONS, METRICS_REQUEST_MS } from '../../../shared/limits.js';
import { until } from '../../harness/until.js';

async function serve(t: TestContext, metrics: MetricsPages['metrics']): Promise<Server> {
  const server = await serveMetrics('127.0.0.1:0', { metrics, healthy: () => true });
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return server;
}

function client(t: TestContext, server: Server, request = ''): Socket {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  socket.write(request);
  t.after(() => socket.destroy());
  return socket;
}

async function scrape(server: Server): Promise<string> {
  return (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`)).text();
}

// proves: metrics: a page is made once for all who wait
test('a page is made once for all who wait for it, and anew for those who come later', async () => {
  let made = 0;
  const page = new SharedPage(async () => `${++made}`);
  const pages = await Promise.all(Array.from({ length: 1000 }, () => page.get()));
  assert.equal(made, 1);
  assert.equal(new Set(pages).size, 1);
  assert.equal(`${await page.get()}`, '2');
});

test('a page that could not be made is an error of those who waited, and of nobody later', async () => {
  let fails = true;
  const page = new SharedPage(async () => (fails ? Promise.reject(new Error('no')) : 'page'));
  await assert.rejects(page.get());
  fails = false;
  assert.equal(`${await page.get()}`, 'page');
});

// proves: metrics: connections are bounded
// proves: metrics: a client without a request makes room
test('further connections are closed, and idle ones make room', { concurrency: true }, async (t) => {
  const server = await serve(t, async () => 'page');
  const idle = Array.from({ length: METRICS_CONNECTIONS }, () => client(t, server));
  await Promise.all(idle.map((socket) => once(socket, 'connect')));
  const further = Array.from({ length: 8 }, () => client(t, server));
  await Promise.all(further.map((socket) => once(socket, 'close')));
  assert.equal(idle.filter(({ destroyed }) => destroyed).length, 0);
  await until(() => idle.every(({ closed }) => closed) || undefined, 3 * METRICS_REQUEST_MS);
  assert.equal(await scrape(server), 'page');
});

// proves: metrics: a client that reads slowly is disconnected
test('a client that reads slowly is disconnected', { concurrency: true }, async (t) => {
  const server = await serve(t, async () => 'x'.repeat(64 * 1024 * 1024));
  const slow = client(t, server, 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
  const connections = async (): Promise<number> =>
    new Promise((resolve) => server.getConnections((_, count) => resolve(count)));
  // It reads now and then: a time limit for silence would not end it.
  const reads = setInterval(() => slow.read(1024), 500);
  t.after(() => clearInterval(reads));
  slow.pause();
  await until(async () => (await connections()) === 1 || undefined, METRICS_REQUEST_MS);
  await until(async () => (await connections()) === 0 || undefined, 3 * METRICS_ANSWER_MS);
});
