import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { ThreadOrder } from '../../../sandbox/supervisor/orders/connect-thread.js';
import { SentDescriptors } from '../../../sandbox/supervisor/orders/sent-descriptors.js';
import { sendMessage } from '../../../shared/sys/message.js';
import { nameForGood, packetSocketPair } from '../../../shared/sys/socket.js';
import { until } from '../../harness/until.js';
import { readableFolder } from '../../harness/users.js';

// proves: no connection of a broker lingers when it is closed
test('connections of a broker that linger hold up neither the supervisor nor what the broker sends next', async (t) => {
  const { pathname } = new URL('takes-lingering.js', import.meta.url);
  const child = spawn(process.execPath, [pathname], {
    cwd: readableFolder(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  child.stdout.on('data', (text: Buffer) => {
    said += text.toString();
  });
  await until(() => child.exitCode ?? undefined);
  assert.deepEqual([said, child.exitCode], ['ended unread\ntaken\nlast\nended\n', 0]);
});

// proves: what a broker sent is closed once
test('what is closed as soon as it is taken is closed once: its number may be another descriptor by then', async (t) => {
  const closed: number[] = [];
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (order: ThreadOrder): void {
    if (order.kind === 'close') closed.push(order.descriptor);
    post.call(this, order);
  };
  const [broker, supervisor] = packetSocketPair();
  nameForGood(broker.number);
  const taken: number[] = [];
  const sent = new SentDescriptors(supervisor, ({ socket }) => {
    taken.push(socket?.number ?? -1);
    socket?.close();
    socket?.close();
  });
  t.after(() => {
    Worker.prototype.postMessage = post;
    sent.end();
    broker.close();
  });
  for (let count = 0; count < 3; count += 1) sendMessage(broker.number, Buffer.from('x'), [broker.number]);
  await until(() => closed.length >= 3 || undefined);
  // What was sent again would come now.
  sendMessage(broker.number, Buffer.from('x'));
  await until(() => taken.length === 4 || undefined);
  assert.deepEqual(closed, taken.slice(0, 3));
});
