// Kills a process when the broker asks for the end of its sandbox, in the supervisor's place. The test's own thread may be held up then.
import { spawn } from 'node:child_process';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { makeTimer } from '../../../shared/sys/timerfd.js';
import { PATIENCE } from '../../harness/patience.js';

/** @returns the alarm that the guard lets off, owned by the caller */
export function killByAlarm(pid: number): OwnedFd {
  const timer = makeTimer();
  // A read of the timer waits until it has run out.
  const script = `[ "$(timeout ${60 * PATIENCE} head -c 8 | wc -c)" = 8 ] && kill -KILL ${pid}`;
  spawn('sh', ['-c', script], { stdio: [timer.number, 'ignore', 'ignore'] }).unref();
  return timer;
}
