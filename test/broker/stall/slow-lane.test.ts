import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { before, test } from 'node:test';
import { passedAddress } from '../../../broker/caller/caller-memory.js';
import { TrappedCall } from '../../../broker/caller/trapped-call.js';
import type { SlowLane } from '../../../broker/stall/slow-lane.js';
import { StallBudget } from '../../../broker/stall/stall-budget.js';
import { startGuards } from '../../../broker/stall/start-guards.js';
import { STALL_LIMIT_MS } from '../../../shared/limits.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { compile } from '../../harness/compile.js';
import { PATIENCE } from '../../harness/patience.js';
import { killByAlarm } from './kill-by-alarm.js';

const skip = process.geteuid?.() === 0 ? false : 'userfaultfd(2) holds a reader up for root alone';
const LENGTH = 16;
/** No call comes by it. */
const NO_LISTENER = new OwnedFd(2 ** 30);

let program = '';
before(() => {
  program = compile(new URL('held-memory.c', import.meta.url));
});

/** A thread's call on its descriptor 0, with an address. */
function callOf(tid: number, address: bigint): TrappedCall {
  const notification = {
    id: 1n,
    tid,
    call: 0,
    ints: [0, 0, LENGTH],
    first: 0n,
    address,
    third: 0n,
    option: { address: 0n, length: 0 },
  } as const;
  return new TrappedCall(
    'connect',
    notification,
    NO_LISTENER,
    () => {},
    () => {},
  );
}

interface Reachable {
  readonly stall: StallBudget;
  readonly actions: readonly string[];
  /** @returns the bytes that were read, or minus errno */
  readonly reach: (slow: SlowLane) => Promise<unknown>;
  /** @returns the signal that ended it */
  readonly end: () => Promise<unknown>;
}

/** A plugin of one process. @param held whether the reader of its address waits forever */
async function startPlugin(held: boolean): Promise<Reachable> {
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const addresses = line.toString().trim().split(' ').map(BigInt);
  const actions: string[] = [];
  const stall = new StallBudget((action) => actions.push(action), { hold: () => {} });
  const tid = child.pid ?? 0;
  stall.begin(killByAlarm(tid));
  return {
    stall,
    actions,
    reach: async (slow) => {
      const call = callOf(tid, addresses[held ? 0 : 1] ?? 0n);
      const reached = await slow.reach(stall, call, passedAddress(call.notification));
      if (typeof reached.descriptor !== 'number') reached.descriptor.close();
      return typeof reached.memory === 'number' ? reached.memory : Buffer.from(reached.memory).toString();
    },
    end: async () => {
      child.kill('SIGTERM');
      stall.begin(undefined);
      const [, signal] = await ended;
      return signal;
    },
  };
}

// proves: a sandbox that stalls the slow lane is ended
// proves: the slow lane is watched
// proves: slow plugins are reached by turns
test('a plugin that stalls the slow lane is ended, and its neighbour is next', {
  skip,
}, async () => {
  const { slowLane: slow } = await startGuards();
  const holder = await startPlugin(true);
  const neighbour = await startPlugin(false);
  const order: string[] = [];
  const reach = async (name: string, of: Reachable): Promise<unknown> => {
    const told = await of.reach(slow);
    order.push(name);
    return told;
  };
  let signals: readonly unknown[] = [];
  const giveUp = setTimeout(() => void holder.end(), 10 * STALL_LIMIT_MS * PATIENCE);
  try {
    const started = performance.now();
    const held = [1, 2, 3].map(() => reach('holder', holder));
    const told = await reach('neighbour', neighbour);
    const waited = performance.now() - started;
    const refused = await Promise.all(held);
    assert.match(String(told), /^can be read/);
    // Each call of the holder could take as long: then the neighbour would come last.
    assert.ok(waited < 8 * STALL_LIMIT_MS * PATIENCE, `${waited} ms`);
    assert.deepEqual(order, ['holder', 'neighbour', 'holder', 'holder']);
    // The first call goes on when the holder has ended. The others find no process.
    assert.ok(Number(refused[1]) < 0 && Number(refused[2]) < 0, refused.join());
  } finally {
    clearTimeout(giveUp);
    signals = await Promise.all([holder.end(), neighbour.end()]);
  }
  assert.deepEqual(holder.actions, ['killed']);
  assert.deepEqual(neighbour.actions, []);
  assert.deepEqual(signals, ['SIGKILL', 'SIGTERM']);
});

test('the slow lane copies a path', { skip }, async () => {
  const { slowLane: slow } = await startGuards();
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const [, at = 0n] = line.toString().trim().split(' ').map(BigInt);
  const stall = new StallBudget(() => {}, { hold: () => {} });
  const alive = setInterval(() => {}, 1000);
  try {
    const path = await slow.copyPath(stall, callOf(child.pid ?? 0, at), at);
    assert.equal(typeof path === 'number' ? path : Buffer.from(path).toString(), 'can be read');
    assert.equal(await slow.copyPath(stall, callOf(child.pid ?? 0, at), 16n), -14);
  } finally {
    clearInterval(alive);
    child.kill('SIGTERM');
    await ended;
  }
});
