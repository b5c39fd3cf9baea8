// Which thread closes what the broker has taken of a plugin.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TrappedCall } from '../../../broker/caller/trapped-call.js';
import { DescriptorPool } from '../../../broker/limit/descriptor-shares.js';
import { SlowLane } from '../../../broker/stall/slow-lane.js';
import { closeTaken } from '../../../broker/trap/close-taken.js';
import { handleTrap } from '../../../broker/trap/handle-trap.js';
import type { TrapContext } from '../../../broker/trap/trap-context.js';
import { createMemoryFile } from '../../../shared/sys/memory-file.js';
import { sendMessage } from '../../../shared/sys/message.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { AF_INET, AF_UNIX } from '../../../shared/sys/sockaddr.js';
import { listenOn, packetSocketPair, tcpSocket } from '../../../shared/sys/socket.js';

const EAGAIN = -11;

/** Closes a descriptor. @returns whether another thread does it, and how many descriptors count meanwhile and afterwards */
async function close(
  descriptor: OwnedFd,
  domain: number | undefined,
): Promise<{ readonly apart: boolean; readonly counts: readonly number[] }> {
  const counts: number[] = [];
  const descriptors = new DescriptorPool(1024).share();
  descriptors.hold(descriptor);
  const lane = SlowLane.onMainThread();
  let apart = false;
  const slowLane = {
    close: async (...args: Parameters<SlowLane['close']>): Promise<void> => {
      apart = true;
      const closed = lane.close(...args);
      counts.push(descriptors.held);
      await closed;
    },
  };
  const plugin = { closing: 0, descriptors, stall: { alarm: undefined, descriptors } };
  closeTaken({ services: { slowLane }, plugin } as unknown as TrapContext, descriptor, domain);
  assert.equal(plugin.closing, apart ? 1 : 0);
  await new Promise(setImmediate);
  assert.equal(descriptor.open, false);
  assert.equal(plugin.closing, 0);
  return { apart, counts: [...counts, descriptors.held] };
}

function tcp(): OwnedFd {
  const socket = tcpSocket(4);
  assert.ok(typeof socket !== 'number');
  return socket;
}

function unix(isFull: boolean): OwnedFd {
  const [one, other] = packetSocketPair();
  if (isFull) assert.ok(sendMessage(other.number, Buffer.from('x'), [one.number]) > 0);
  else {
    // The end of the other socket would be something to read.
    setTimeout(() => other.close(), 0);
    return one;
  }
  other.close();
  return one;
}

// proves: the main thread closes no file that may be large
test('what may be large is closed on the thread apart, and counts until then', async () => {
  const apart = { apart: true, counts: [1, 0] };
  assert.deepEqual(await close(createMemoryFile('test', 4096), undefined), apart);
  assert.deepEqual(await close(unix(true), AF_UNIX), apart, 'a socket with a message');
  const listener = tcp();
  assert.equal(listenOn(listener.number, 1), 0);
  assert.deepEqual(await close(listener, AF_INET), apart, 'a listener');
});

test('a connection, and a socket with nothing in its queue, is closed at once', async () => {
  const here = { apart: false, counts: [0] };
  assert.deepEqual(await close(tcp(), AF_INET), here);
  assert.deepEqual(
    await close(tcp(), undefined),
    here,
    'of a call that was refused before anyone asked what it names',
  );
  assert.deepEqual(await close(unix(false), AF_UNIX), here);
});

/** A bind(2) of a plugin of which descriptors wait to be closed. @returns its result, and whether its descriptor was taken */
function bindWhile(closing: number, hasRoom: boolean): { readonly result: number; readonly taken: boolean } {
  let result = 0;
  let taken = false;
  const take = (): number => {
    taken = true;
    return -9;
  };
  const context = {
    services: { guard: { watch: (_: unknown, step: () => void) => step() } },
    processes: { take },
    plugin: {
      closing,
      stall: { slow: false },
      descriptors: { hasRoom: () => hasRoom },
      metrics: { count: () => {} },
      gate: { isOpen: true },
    },
  } as unknown as TrapContext;
  const notification = { ints: [0, 0, 0], address: 0n };
  const end = (ended: number): void => {
    result = ended;
  };
  const call = { call: 'bind', tid: process.pid, descriptor: 0, notification, end };
  handleTrap(context, call as unknown as TrappedCall);
  return { result, taken };
}

// proves: what waits to be closed counts for its plugin's share
test('a plugin whose descriptors wait to be closed takes its share and no more', () => {
  assert.deepEqual(bindWhile(1, false), { result: EAGAIN, taken: false });
  assert.equal(bindWhile(1, true).taken, true);
  assert.equal(bindWhile(0, false).taken, true);
});
