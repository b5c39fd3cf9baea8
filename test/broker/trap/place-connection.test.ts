import assert from 'node:assert/strict';
import { openSync } from 'node:fs';
import { test } from 'node:test';
import type { TrappedCall } from '../../../broker/caller/trapped-call.js';
import { StallBudget } from '../../../broker/stall/stall-budget.js';
import { startGuards } from '../../../broker/stall/start-guards.js';
import { placeConnection, SettlingConnect } from '../../../broker/trap/connect-and-place.js';
import type { TrapContext } from '../../../broker/trap/trap-context.js';
import { WritableOnce } from '../../../shared/sys/epoll.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { getLimit, RLIMIT, setLimit } from '../../../shared/sys/rlimit.js';
import { startConnect, tcpSocket } from '../../../shared/sys/socket.js';
import { TCP_STATE, tcpState } from '../../../shared/sys/socket-state.js';
import type { Outcome } from '../../../shared/words.js';
import { listen } from '../../harness/listener.js';
import { until } from '../../harness/until.js';

const EAGAIN = -11;
const ENOTTY = -25;

/** Places a socket for a slow plugin, by a notifyFd that is none. @returns what the call ends with, and whether the plugin has the socket */
async function place(
  hasDescriptors: boolean,
  steps: string[] = [],
): Promise<readonly [results: readonly number[], has: boolean]> {
  const { guard, slowLane } = await startGuards();
  const stall = new StallBudget(() => {}, { hold: () => {} });
  stall.wasSlow(false, 30, 30);
  const context = {
    services: { guard, slowLane },
    plugin: { stall, metrics: { count: () => {} } },
    resets: { takeOver: () => false },
  } as unknown as TrapContext;
  const results: number[] = [];
  using notifyFd = new OwnedFd(openSync('/dev/null', 'r'));
  using socket = new OwnedFd(openSync('/dev/null', 'r'));
  const call = {
    tid: process.pid,
    begin: () => void steps.push('begin'),
    placement: () => {
      steps.push('placement');
      return {
        ...{ notifyFd: notifyFd.number, socket: socket.number },
        ...{ id: 0n, tid: process.pid, descriptor: 0 },
      };
    },
    end: (result: number) => results.push(result),
  } as unknown as TrappedCall;
  const { soft, hard } = getLimit(RLIMIT.NOFILE);
  // The lane's thread keeps no process running.
  const awake = setInterval(() => {}, 1000);
  if (!hasDescriptors) setLimit(RLIMIT.NOFILE, 1n, hard);
  try {
    return [results, await placeConnection(context, call, socket, 0)];
  } finally {
    clearInterval(awake);
    setLimit(RLIMIT.NOFILE, soft, hard);
  }
}

// proves: without a descriptor for the slow lane, a connect is EAGAIN
test('a connect of a slow plugin is EAGAIN where the broker has no descriptor left for the slow lane', async () => {
  assert.deepEqual(await place(false), [[EAGAIN], false]);
});

// proves: what may not be done twice is not begun anew
test('no other broker begins a call anew while its socket is being placed', async () => {
  const steps: string[] = [];
  await place(true, steps);
  assert.deepEqual(steps, ['begin', 'placement']);
});

test('a connect of a slow plugin otherwise ends with what the slow lane answers', async () => {
  assert.deepEqual(await place(true), [[ENOTTY], false]);
});

/** Places a socket by a slow lane that does nothing. @returns whether it was open when the call ended */
async function isOpenAtEnd(keeps: boolean): Promise<boolean> {
  using socket = new OwnedFd(openSync('/dev/null', 'r'));
  const context = {
    services: { slowLane: { place: async () => 0 } },
    plugin: { stall: { slow: true }, metrics: { count: () => {} } },
    resets: { takeOver: () => false },
  } as unknown as TrapContext;
  let isOpen: boolean | undefined;
  const call = {
    begin: () => {},
    placement: () => ({}),
    end: () => {
      isOpen = socket.open;
    },
  } as unknown as TrappedCall;
  await placeConnection(context, call, socket, 0, undefined, keeps);
  return isOpen ?? assert.fail('The call did not end');
}

test('when a connect returns, the program alone has the connection, unless the broker still waits for its end', async () => {
  assert.deepEqual([await isOpenAtEnd(false), await isOpenAtEnd(true)], [false, true]);
});

const writable = new WritableOnce();

/** A connect that has ended before the broker looks. */
async function outcomeAt(port: number): Promise<Outcome> {
  const socket = tcpSocket(4);
  assert.ok(typeof socket !== 'number');
  startConnect(socket.number, { bytes: new Uint8Array([127, 0, 0, 1]), port });
  await until(() => tcpState(socket.number) === TCP_STATE.CLOSE || undefined);
  const context = {
    services: { guard: { watch: (_: unknown, step: () => Outcome) => step() } },
    plugin: { kept: new Set() },
    settling: new Set(),
    writable,
  } as unknown as TrapContext;
  const holding = { descriptor: socket.number, threads: [] };
  const ending = (outcome: Outcome) => ({ outcome, dialed: null, connectMs: 0, isOwed: false });
  const { outcome } = await new SettlingConnect(context, socket, holding, ending).end();
  return outcome;
}

// proves: the audit log denies no connection that was made and reset at once
test('a connection that was made and reset before the broker looks was reset, and not refused', async () => {
  const peer = await listen((client) => client.resetAndDestroy());
  const made = await outcomeAt(peer.port);
  await peer.close();
  assert.equal(made, 'reset');
  assert.equal(await outcomeAt(peer.port), 'refused');
});
