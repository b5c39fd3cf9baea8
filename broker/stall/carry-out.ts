// Does a step of the slow lane, see slow-lane.ts. Runs in the broker: on the lane's thread, or on the main thread where nobody else waits for that.
import { connectNow } from '../../shared/sys/connect-inside.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { copyAddress, copyPath, type PassedMemory } from '../caller/caller-memory.js';
import type { CallerProcesses, HeldSocket } from '../caller/caller-processes.js';
import { type Installation, installSocket, type Placement, placeSocket } from '../caller/place-socket.js';

interface ReachStep {
  readonly kind: 'reach';
  readonly tid: number;
  readonly descriptor: number;
  /** Undefined for a call that passes no memory. */
  readonly passed: PassedMemory | undefined;
}

interface PathStep {
  readonly kind: 'path';
  readonly tid: number;
  readonly at: bigint;
}

/** Of an AF_UNIX socket in its sandbox, see connect-inside.ts. */
interface ConnectStep {
  readonly kind: 'connect';
  readonly socket: number;
  readonly address: Uint8Array;
}

/** Whether programs still have sockets where they had them. */
interface HeldStep {
  readonly kind: 'held';
  readonly sockets: readonly HeldSocket[];
}

/** The thread owns these numbers from here on. */
interface CloseStep {
  readonly kind: 'close';
  readonly descriptors: readonly number[];
}

export type Step =
  | ReachStep
  | PathStep
  | ({ readonly kind: 'place' } & Placement)
  | ({ readonly kind: 'install' } & Installation)
  | ConnectStep
  | HeldStep
  | CloseStep;

/** A message to the thread. */
export interface SlowStep {
  readonly step: Step;
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
  /** Of a step about held sockets: those that are still held, as they were given. */
  readonly held?: readonly boolean[] | undefined;
  /** Present if it took long. */
  readonly slow?: { readonly killed: boolean; readonly milliseconds: number } | undefined;
}

export function carryOut(processes: CallerProcesses, step: Step): Report {
  if (step.kind === 'place') return { result: placeSocket(processes, step) };
  // protects: G9 the slow lane installs the sockets of a pair
  if (step.kind === 'install') return { result: installSocket(step) };
  if (step.kind === 'path') return { result: 0, copied: copyPath(step.tid, step.at) };
  if (step.kind === 'connect') return { result: connectNow(step.socket, step.address) };
  if (step.kind === 'held')
    return { result: 0, held: step.sockets.map((one) => processes.stillHas(one, one.cookie)) };
  if (step.kind === 'close') {
    for (const descriptor of step.descriptors) new OwnedFd(descriptor).close();
    return { result: 0 };
  }
  const { tid, descriptor, passed } = step;
  const taken = processes.take(tid, descriptor);
  return {
    result: typeof taken === 'number' ? taken : taken.release(),
    copied: passed === undefined ? undefined : copyAddress(tid, passed.at, passed.length),
  };
}
