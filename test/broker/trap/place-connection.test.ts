import assert from 'node:assert/strict';
import { openSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import type { TrappedCall } from '../../../broker/caller/trapped-call.js';
import { StallBudget } from '../../../broker/stall/stall-budget.js';
import { startGuards } from '../../../broker/stall/start-guards.js';
import {
  awaitAndPlace,
  type DialledConnect,
  placeConnection,
  SettlingConnect,
} from '../../../broker/trap/connect-and-place.js';
import type { TrapContext } from '../../../broker/trap/trap-context.js';
import { WritableOnce } from '../../../shared/sys/epoll.js';
import { duplicate } from '../../../shared/sys/fcntl.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { getLimit, RLIMIT, setLimit } from '../../../shared/sys/rlimit.js';
import { encodeSockaddr } from '../../../shared/sys/sockaddr.js';
import {
  bindTo,
  boundAddress,
  listenOn,
  shutDown,
  startConnect,
  tcpSocket,
  writableNow,
} from '../../../shared/sys/socket.js';
import { TCP_STATE, tcpState } from '../../../shared/sys/socket-state.js';
import type { Outcome } from '../../../shared/words.js';
import { listen } from '../../harness/listener.js';
import { until } from '../../harness/until.js';

const EAGAIN = -11;
const ECONNABORTED = -103;
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

// proves: a connect whose sandbox has ended meanwhile is placed nowhere
test('a connect whose sandbox ended while something was asked about it ends, and is placed nowhere', async () => {
  const results: number[] = [];
  const call = {
    isGone: true,
    begin: () => {},
    placement: () => assert.fail('its descriptor is closed'),
    end: (result: number) => results.push(result),
  } as unknown as TrappedCall;
  using socket = new OwnedFd(openSync('/dev/null', 'r'));
  assert.equal(await placeConnection({} as unknown as TrapContext, call, socket, 0), false);
  assert.deepEqual([results, socket.open], [[ECONNABORTED], true]);
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
  return (await settlingOf(socket).end()).outcome;
}

const settlingContext = {
  services: { guard: { watch: (_: unknown, step: () => Outcome) => step() }, audit: { owe: () => {} } },
  plugin: { kept: new Set() },
  settling: new Set(),
  writable,
};

function settlingOf(socket: OwnedFd): SettlingConnect {
  const holding = { descriptor: socket.number, threads: [] };
  const ending = (outcome: Outcome) => ({ outcome, dialed: null, connectMs: 0, isOwed: false });
  return new SettlingConnect(settlingContext as unknown as TrapContext, socket, holding, ending);
}

// proves: the audit log denies no connection that was made and reset at once
test('a connection that was made and reset before the broker looks was reset, and not refused', async () => {
  const peer = await listen((client) => client.resetAndDestroy());
  const made = await outcomeAt(peer.port);
  await peer.close();
  assert.equal(made, 'reset');
  assert.equal(await outcomeAt(peer.port), 'refused');
});

/** @returns a TCP socket */
function newSocket(): OwnedFd {
  const socket = tcpSocket(4);
  assert.ok(typeof socket !== 'number');
  return socket;
}

/** A server that takes no more callers: a further connect is under way until one of its holders shuts it down. */
function fullServer(t: TestContext): { readonly connecting: () => OwnedFd } {
  const server = newSocket();
  const here = new Uint8Array([127, 0, 0, 1]);
  assert.equal(bindTo(server.number, encodeSockaddr({ bytes: here, port: 0 })), 0);
  assert.equal(listenOn(server.number, 0), 0);
  const { port } = boundAddress(server.number) ?? assert.fail();
  const open: OwnedFd[] = [server];
  t.after(() => {
    for (const one of open) one.close();
  });
  const begin = (): OwnedFd => {
    const socket = newSocket();
    startConnect(socket.number, { bytes: here, port });
    return socket;
  };
  for (let last = begin(); ; last = begin()) {
    open.push(last);
    if (!writableNow(last.number)) break;
  }
  return { connecting: begin };
}

/** Begins to wait for a dial of a blocking call. @returns what the call ended with, and how to end it before */
function awaitDial(socket: OwnedFd): { readonly ended: Promise<number>; readonly interrupt: () => void } {
  let interrupt = (): void => assert.fail('Nothing waits');
  const ended = new Promise<number>((end) => {
    const waiting = {
      add: (_: unknown, callback: (why: 'gone') => void) => {
        interrupt = () => callback('gone');
      },
      remove: () => {},
    };
    const connect = {
      context: { ...settlingContext, waiting },
      ...{ call: { end }, original: newSocket(), family: 4, life: { whenEnded: () => {} } },
      ...{
        judgement: { decision: { port: 443 } },
        address: { family: 4, bytes: new Uint8Array(4), text: '' },
      },
      ...{ startedAt: 0, socket, blocks: true },
    };
    void awaitAndPlace(connect as unknown as DialledConnect);
  });
  return { ended, interrupt: () => interrupt() };
}

test('a connect that is under way is seen to end, also by a call that waits for it', async (t) => {
  const { connecting } = fullServer(t);
  for (const begin of [
    (socket: OwnedFd) => settlingOf(socket).end(),
    (socket: OwnedFd) => awaitDial(socket).ended,
  ]) {
    const socket = connecting();
    using ofPlugin = duplicate(socket.number);
    const ended = begin(socket);
    shutDown(ofPlugin.number);
    const end = await ended;
    if (typeof end === 'number') assert.ok(end < 0);
    else assert.equal(end.outcome, 'unreachable');
  }
});

// proves: a connect whose end was logged wakes no later one
// proves: a call that was interrupted wakes no later connect
for (const [what, begin] of Object.entries({
  'was canceled': (socket: OwnedFd) => {
    const settling = settlingOf(socket);
    const ended = settling.end();
    return { ended, interrupt: () => settling.cancel() };
  },
  'was interrupted': awaitDial,
}))
  test(`a connect that ${what} and ends later wakes no other one, whose socket has its number`, async (t) => {
    const { connecting } = fullServer(t);
    const socket = connecting();
    const { number } = socket;
    using ofPlugin = duplicate(number, 100);
    const { ended, interrupt } = begin(socket);
    interrupt();
    await ended;
    await until(() => !socket.open || undefined);
    const later = connecting();
    assert.equal(later.number, number);
    using ofLater = duplicate(later.number, 100);
    const end = settlingOf(later).end();
    shutDown(ofPlugin.number);
    // The kernel reports that in the next turns of the event loop, if at all.
    for (let turns = 0; turns < 5; turns += 1) await new Promise((next) => setImmediate(next));
    shutDown(ofLater.number);
    assert.equal((await end).outcome, 'unreachable');
  });
