// The thread that touches slow plugins, so that nobody else waits with it. Its descriptors are the process's: the main thread owns
// what it takes. See slow-reach.ts.
import { parentPort } from 'node:worker_threads';
import { setNoNewPrivileges } from '../../shared/sys/process-control.js';
import { LOADED } from '../start-thread.js';
import { CallerProcesses } from './caller-processes.js';
import { copyAddress } from './copy-address.js';
import { placeSocket } from './place-socket.js';
import type { Report, SlowOrder } from './slow-reach.js';

const processes = new CallerProcesses();
setNoNewPrivileges();

function work(order: SlowOrder): Report {
  if (order.kind === 'place') return { number: order.number, result: placeSocket(processes, order) };
  const { tid, descriptor, address } = order;
  const taken = processes.take(tid, descriptor);
  return {
    number: order.number,
    result: typeof taken === 'number' ? taken : taken.release(),
    address: address === undefined ? undefined : copyAddress(tid, address.at, address.length),
  };
}

parentPort?.on('message', (order: SlowOrder) => parentPort?.postMessage(work(order)));
parentPort?.postMessage(LOADED);
