// The thread that reaches for what slow plugins hold. Its descriptors are the process's: the main thread owns what it takes.
import { parentPort } from 'node:worker_threads';
import { setNoNewPrivileges } from '../../shared/sys/process-control.js';
import { LOADED } from '../start-thread.js';
import { CallerProcesses } from './caller-processes.js';
import { copyAddress } from './copy-address.js';
import type { ReachOrder, ReachReport } from './reach-caller.js';

const processes = new CallerProcesses();
setNoNewPrivileges();

parentPort?.on('message', ({ number, tid, descriptor, address, length }: ReachOrder) => {
  const taken = processes.take(tid, descriptor);
  const report: ReachReport = {
    number,
    descriptor: typeof taken === 'number' ? taken : taken.release(),
    address: length === -1 ? undefined : copyAddress(tid, address, length),
  };
  parentPort?.postMessage(report);
});
parentPort?.postMessage(LOADED);
