// The thread of the slow lane, see slow-lane.ts: it waits for slow plugins, so that the others need not. Runs in the broker. Threads
// share a descriptor table, and the main thread owns what this one takes.
import { parentPort } from 'node:worker_threads';
import { STALL_ALLOWANCE_MS, STALL_LIMIT_MS } from '../../shared/limits.js';
import { tellLoaded, threadData } from '../../shared/native-thread.js';
import { setNoNewPrivileges } from '../../shared/sys/process-control.js';
import { CallerProcesses } from '../caller/caller-processes.js';
import { carryOut, type Report, type SlowStep } from './carry-out.js';
import { StallGuard } from './stall-guard.js';

const processes = new CallerProcesses();
const guard = new StallGuard(threadData() as Int32Array);
setNoNewPrivileges();

function work({ step, alarm, caller }: SlowStep): Report {
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
    /* protects: G9 a sandbox that stalls the slow lane is ended => carryOut(processes, step) */ guard.watch(
      guarded,
      () => carryOut(processes, step),
    );
  return { ...report, slow };
}

parentPort?.on('message', (step: SlowStep) => parentPort?.postMessage(work(step)));
tellLoaded();
