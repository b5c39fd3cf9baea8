// The thread of the slow lane, see slow-lane.ts: it waits for slow plugins, so that the others need not. Runs in the broker. Threads
// share a descriptor table, and the main thread owns what this one takes.
import { parentPort } from 'node:worker_threads';
import { STALL_ALLOWANCE_MS, STALL_LIMIT_MS } from '../../shared/limits.js';
import { tellLoaded, threadData } from '../../shared/native-thread.js';
import { connectNow } from '../../shared/sys/connect-inside.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { setNoNewPrivileges } from '../../shared/sys/process-control.js';
import { copyAddress, copyPath } from '../caller/caller-memory.js';
import { CallerProcesses } from '../caller/caller-processes.js';
import { installSocket, placeSocket } from '../caller/place-socket.js';
import type { Report, SlowOrder } from './slow-lane.js';
import { StallGuard } from './stall-guard.js';

const processes = new CallerProcesses();
const guard = new StallGuard(threadData() as Int32Array);
setNoNewPrivileges();

function work({ order, alarm, caller }: SlowOrder): Report {
  let slow: Report['slow'];
  const guarded = {
    alarm: alarm === undefined ? undefined : { number: alarm, open: true },
    limitMs: STALL_LIMIT_MS,
    allowanceMs: STALL_ALLOWANCE_MS,
    caller,
    suspect: false,
    excuse: (): void => {},
    doubt: (): void => {},
    wasSlow: (killed: boolean, milliseconds: number): void => {
      slow = { killed, milliseconds };
    },
  };
  const report =
    /* protects: G9 a sandbox that stalls the slow lane is ended => carryOut(order) */ guard.watch(
      guarded,
      () => carryOut(order),
    );
  return { ...report, slow };
}

function carryOut(order: SlowOrder['order']): Report {
  if (order.kind === 'place') return { result: placeSocket(processes, order) };
  // protects: G9 the slow lane installs the sockets of a pair
  if (order.kind === 'install') return { result: installSocket(order) };
  if (order.kind === 'path') return { result: 0, copied: copyPath(order.tid, order.at) };
  if (order.kind === 'connect') return { result: connectNow(order.socket, order.address) };
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

parentPort?.on('message', (order: SlowOrder) => parentPort?.postMessage(work(order)));
tellLoaded();
