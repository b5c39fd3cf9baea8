import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestLife } from '../../../broker/limit/request-life.js';
import { LogGate, LogRoom } from '../../../broker/record/log-gate.js';
import { AUDIT_BACKLOG_BYTES } from '../../../shared/limits.js';
import { TokenBucket } from '../../../shared/token-bucket.js';

const never = (): number => 0;

test('a log that loses events holds back nothing', () => {
  const room = new LogRoom(undefined, () => Number.POSITIVE_INFINITY);
  assert.equal(new LogGate(room, () => 1_000).isOpen, true);
});

test('requests wait while the supervisor does not read the events, although its log has room', () => {
  let unread = 0;
  const room = new LogRoom(true, () => unread);
  const gate = new LogGate(room, never);
  assert.equal(gate.isOpen, true);
  unread = AUDIT_BACKLOG_BYTES;
  assert.equal(gate.isOpen, false);
  let opened = 0;
  gate.whenOpen(() => {
    opened += 1;
  });
  room.look();
  assert.equal(opened, 0);
  unread = 0;
  room.look();
  assert.deepEqual([opened, gate.isOpen], [1, true]);
});

test('pass() resolves when the log has room, or when the request ends', async () => {
  const room = new LogRoom(false, never);
  const gate = new LogGate(room, never);
  const [canceled, late, passes] = [new RequestLife(60_000), new RequestLife(1), new RequestLife(60_000)];
  const all = [canceled, late, passes].map((life) => gate.pass(life));
  canceled.end('canceled');
  await Promise.all(all.slice(0, 2));
  assert.deepEqual([canceled.ended, late.ended, passes.ended], ['canceled', 'timeout', undefined]);
  room.set(true);
  await all[2];
  assert.equal(passes.ended, undefined);
  passes.settle();
});

test('a gate that opens for a plugin past its lines stays shut until they are paid', () => {
  let now = 0;
  const bucket = new TokenBucket(10, 10, () => now);
  const gate = new LogGate(new LogRoom(true, never), () => bucket.owedMs);
  for (let line = 0; line < 10; line += 1) bucket.spend();
  assert.equal(gate.isOpen, false);
  bucket.spend();
  now = 150;
  assert.equal(gate.isOpen, false);
  assert.equal(bucket.owedMs, 50);
  now = 200;
  assert.equal(gate.isOpen, true);
});
