// The supervisor writes the answers of trapped requests into the memory of callers. A broker that was taken over names callers that wait for no
// answer, or that are not the sandbox's.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { after, before, test } from 'node:test';
import { answerCaller } from '../../sandbox/supervisor/orders/answer-caller.js';
import { PluginLanes } from '../../sandbox/supervisor/orders/plugin-lanes.js';
import { WAITING_ORDERS } from '../../shared/limits.js';
import { readMemory } from '../../shared/sys/process-memory.js';
import { pidNamespaceOf } from '../../shared/sys/waiting-thread.js';
import { compile } from '../harness/compile.js';
import { until } from '../harness/until.js';

const IOCTL = process.arch === 'arm64' ? 29 : 16;
const SOCKETPAIR = process.arch === 'arm64' ? 199 : 53;
const [SOCK_STREAM, SOCK_DGRAM, SOCK_NONBLOCK] = [1, 2, 0o4000];
const GETSOCKNAME = process.arch === 'arm64' ? 204 : 51;
const SIOCGIFINDEX = 0x8933;
const SIOCGIFCONF = 0x8912;
const HIGH_BYTES = 0x10000;
const SIOCATMARK = 0x8905;
const EFAULT = -constants.errno.EFAULT;
const EPERM = -constants.errno.EPERM;
const EAGAIN = -constants.errno.EAGAIN;
const MEMORY_BYTES = 256;

interface Waiting {
  readonly pid: number;
  readonly memory: () => Uint8Array;
}

let program = '';
const started: ChildProcess[] = [];

/** A process of this user that waits in a call. */
async function waiting(call: number, request: number, ...how: readonly 'held'[]): Promise<Waiting> {
  const child = spawn(program, [String(call), String(request), ...how], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(child);
  const address = BigInt(String((await once(child.stdout, 'data'))[0]));
  const pid = child.pid ?? 0;
  await until(() => readFileSync(`/proc/${pid}/syscall`, 'latin1').startsWith(`${call} `) || undefined);
  const memory = (): Uint8Array => {
    const bytes = new Uint8Array(MEMORY_BYTES);
    assert.equal(readMemory(pid, address, bytes, bytes.length), bytes.length);
    return bytes;
  };
  return { pid, memory };
}

const ANSWER = Buffer.alloc(40, 'answer');
const NOTHING = new Uint8Array(MEMORY_BYTES);
const own = pidNamespaceOf(process.pid);
const reply = (tid: number, bytes: Uint8Array, pidNamespace = own): number =>
  answerCaller({ tid, pidNamespace, bytes });

before(() => {
  program = compile(new URL('wait-in-call.c', import.meta.url));
});
after(() => {
  for (const child of started) child.kill('SIGKILL');
});

test('the supervisor writes an answer where the call wants it, and nothing else', async () => {
  const caller = await waiting(IOCTL, SIOCGIFINDEX);
  assert.equal(reply(caller.pid, ANSWER), 0);
  assert.deepEqual(caller.memory(), Uint8Array.from([...ANSWER, ...NOTHING.subarray(ANSWER.length)]));
});

// proves: the numbers of a pair are written only for a call that waits for them
test('the supervisor writes the two numbers of a pair of datagram sockets, and nothing else', async () => {
  const numbers = new Uint8Array(Int32Array.of(7, 8).buffer);
  const caller = await waiting(SOCKETPAIR, SOCK_DGRAM + SOCK_NONBLOCK);
  for (const wrong of [new Uint8Array(7), new Uint8Array(12), ANSWER])
    assert.equal(reply(caller.pid, wrong), EPERM);
  assert.deepEqual(caller.memory(), NOTHING);
  assert.equal(reply(caller.pid, numbers), 0);
  assert.deepEqual(caller.memory(), Uint8Array.from([...numbers, ...NOTHING.subarray(numbers.length)]));
  const other = await waiting(SOCKETPAIR, SOCK_STREAM);
  assert.equal(reply(other.pid, numbers), EPERM);
  assert.deepEqual(other.memory(), NOTHING);
});

// proves: an answer is written into the sandbox's processes alone
test('the supervisor writes into no process that is not of the named sandbox', async () => {
  const caller = await waiting(IOCTL, SIOCGIFINDEX);
  for (const pidNamespace of ['pid:[1]', '', undefined])
    assert.equal(answerCaller({ tid: caller.pid, pidNamespace, bytes: ANSWER }), EPERM, pidNamespace);
  assert.deepEqual(caller.memory(), NOTHING);
});

// proves: an answer is written only for a call that waits for one
test('the supervisor writes into no process that waits for no answer', async () => {
  const calls = [
    [IOCTL, SIOCGIFINDEX + HIGH_BYTES],
    [IOCTL, SIOCATMARK],
    [GETSOCKNAME, SIOCGIFINDEX],
  ] as const;
  for (const [call, request] of calls) {
    const other = await waiting(call, request);
    assert.equal(reply(other.pid, ANSWER), EPERM, `${call} ${request}`);
    assert.deepEqual(other.memory(), NOTHING);
  }
  assert.equal(reply(process.pid, ANSWER), EPERM, 'it waits in another call');
  const ended = started[0];
  ended?.kill('SIGKILL');
  if (ended !== undefined) await once(ended, 'exit');
  assert.equal(reply(ended?.pid ?? 0, ANSWER), EPERM, 'it has ended');
});

// proves: an answer to a thread that still runs is asked for again
test('an answer for a thread that runs is asked for again: it may be on its way into the wait', async () => {
  const busy = spawn('/bin/sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' });
  started.push(busy);
  try {
    // Its execve comes first. From then on it runs.
    const result = await until(() => (reply(busy.pid ?? 0, ANSWER) === EAGAIN ? EAGAIN : undefined));
    assert.equal(result, EAGAIN);
  } finally {
    busy.kill('SIGKILL');
  }
});

// proves: an answer has the size that the call wants
test('the supervisor writes no answer that is no struct ifreq', async () => {
  const caller = await waiting(IOCTL, SIOCGIFINDEX);
  for (const length of [0, 39, 41, 80])
    assert.equal(reply(caller.pid, Buffer.alloc(length, 1)), EPERM, `${length}`);
  assert.deepEqual(caller.memory(), NOTHING);
});

// proves: a list of interfaces fits the room of the caller
test('the supervisor writes no more of a list than the caller has room for', async () => {
  const caller = await waiting(IOCTL, SIOCGIFCONF);
  const before = caller.memory();
  assert.equal(reply(caller.pid, Buffer.alloc(400, 'list')), 0);
  const now = caller.memory();
  assert.equal(new DataView(now.buffer).getInt32(0, true), 80, 'two whole entries are in 100 bytes');
  assert.deepEqual(now.subarray(4, 64), before.subarray(4, 64));
  assert.deepEqual(now.subarray(64), Uint8Array.from([...Buffer.alloc(80, 'list'), ...new Uint8Array(112)]));
});

test('a sandbox has a bounded number of answers that wait, and others have their turn', async () => {
  const caller = await waiting(IOCTL, SIOCGIFINDEX);
  const orders = new PluginLanes();
  const order = (session: number): Promise<number> =>
    new Promise((resolve) => {
      const answer = { tid: caller.pid, pidNamespace: own, bytes: ANSWER };
      orders.answer(session, answer, resolve);
    });
  const alive = setInterval(() => {}, 1000);
  try {
    const many = Array.from({ length: WAITING_ORDERS }, () => order(1));
    assert.equal(await order(1), EAGAIN);
    assert.equal(await order(2), 0);
    assert.deepEqual(new Set(await Promise.all(many)), new Set([0]));
  } finally {
    clearInterval(alive);
  }
});

test('memory whose faults go to a descriptor of its process keeps no supervisor waiting', {
  skip: process.geteuid?.() === 0 ? false : 'userfaultfd(2) holds up root alone',
}, async () => {
  const holder = await waiting(IOCTL, SIOCGIFINDEX, 'held');
  assert.equal(reply(holder.pid, ANSWER), EFAULT);
});
