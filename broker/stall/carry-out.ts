// Does a step of the slow lane, see slow-lane.ts. Runs in the broker: on the lane's thread, or on the main thread where nobody else waits for that.
import { connectNow } from '../../shared/sys/connect-inside.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { copyAddress, copyPath, type PassedMemory } from '../caller/caller-memory.js';
import type { CallerProcesses, HeldSocket } from '../caller/caller-processes.js';
import { type Installation, installSocket, type Placement, placeSocket } from '../caller/place-socket.js';

interface ReachOrder {
  readonly kind: 'reach';
  readonly tid: number;
  readonly descriptor: number;
  /** Undefined for a call that passes no memory. */
  readonly passed: PassedMemory | undefined;
}

interface PathOrder {
  readonly kind: 'path';
  readonly tid: number;
  readonly at: bigint;
}

/** Of an AF_UNIX socket in its sandbox, see connect-inside.ts. */
interface ConnectOrder {
  readonly kind: 'connect';
  readonly socket: number;
  readonly address: Uint8Array;
}

/** Whether programs still have sockets where they had them. */
interface HeldOrder {
  readonly kind: 'held';
  readonly sockets: readonly HeldSocket[];
}

/** The thread owns these numbers from here on. */
interface CloseOrder {
  readonly kind: 'close';
  readonly descriptors: readonly number[];
}

export type Order =
  | ReachOrder
  | PathOrder
  | ({ readonly kind: 'place' } & Placement)
  | ({ readonly kind: 'install' } & Installation)
  | ConnectOrder
  | HeldOrder
  | CloseOrder;

/** A message to the thread. */
export interface SlowOrder {
  readonly order: Order;
  /** What ends the sandbox. */
  readonly alarm: number | undefined;
  /** See Guarded. */
  readonly caller: number | undefined;
}

/** A message from the thread. */
export interface Report {
  /** A reach: a descriptor's number. A placement, installation or connect: its result. Any other: 0. Or minus errno. */
  readonly result: number;
  /** Of a reach: the memory. Of a path: the path. */
  readonly copied?: Uint8Array | number | undefined;
  /** Of an order about held sockets: those that are still held, as they were given. */
  readonly held?: readonly boolean[] | undefined;
  /** Present if it took long. */
  readonly slow?: { readonly killed: boolean; readonly milliseconds: number } | undefined;
}

export function carryOut(processes: CallerProcesses, order: Order): Report {
  if (order.kind === 'place') return { result: placeSocket(processes, order) };
  // protects: G9 the slow lane installs the sockets of a pair
  if (order.kind === 'install') return { result: installSocket(order) };
  if (order.kind === 'path') return { result: 0, copied: copyPath(order.tid, order.at) };
  if (order.kind === 'connect') return { result: connectNow(order.socket, order.address) };
  if (order.kind === 'held')
    return { result: 0, held: order.sockets.map((one) => processes.stillHas(one, one.cookie)) };
  if (order.kind === 'close') {
    for (const descriptor of order.descriptors) new OwnedFd(descriptor).close();
    return { result: 0 };
  }
  const { tid, descriptor, passed } = order;
  const taken = processes.take(tid, descriptor);
  return {
    result: typeof taken === 'number' ? taken : taken.release(),
    copied: passed === undefined ? undefined : copyAddress(tid, passed.at, passed.length),
  };
}
