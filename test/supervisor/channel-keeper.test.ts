import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { ChannelKeeper } from '../../sandbox/supervisor/channel-keeper.js';
import { writeOnce } from '../../shared/sys/fcntl.js';
import { sendMessage } from '../../shared/sys/message.js';
import { makePipe } from '../../shared/sys/pipe.js';
import { lingeringSocket } from '../harness/lingering-socket.js';

const LINGER_S = 1;
const EPIPE = -32;
const text = Buffer.from('x');

test('files that a plugin has sent are closed without the supervisor waiting for them', async (context) => {
  const keeper = new ChannelKeeper();
  const { kept, ends } = keeper.open('plugin');
  const socket = await lingeringSocket(context, LINGER_S);
  const { read, write } = makePipe();
  assert.equal(sendMessage(ends.reply.number, text, [socket.number, read.number]), 1);
  socket.close();
  read.close();
  const started = performance.now();
  keeper.drop(kept.session);
  await new Promise((resolve) => setImmediate(resolve));
  const waited = performance.now() - started;
  assert.ok(waited < LINGER_S * 500, `${waited.toFixed(0)} ms`);
  // The files of a message are closed in the order in which they were sent: the pipe's after the connection's.
  while (writeOnce(write.number, text) !== EPIPE) await wait(20);
  const closed = performance.now() - started;
  assert.ok(closed > LINGER_S * 900, `the close did not wait: ${closed.toFixed(0)} ms`);
  assert.equal(keeper.pluginOf(kept.session), undefined);
  write.close();
  ends.request.close();
  ends.reply.close();
});
