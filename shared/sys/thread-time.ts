// The processor time of the calling thread, clock_gettime(2). Runs in the broker.
import { bind } from './libc.js';

const CLOCK_THREAD_CPUTIME_ID = 3;

const clockGettime = bind('int clock_gettime(int clock, void *time)');
/** A struct timespec: seconds and nanoseconds, 64 bits each. */
const time = new BigInt64Array(2);
const timeBytes = new Uint8Array(time.buffer);

/** The processor time of this thread so far, in milliseconds. */
export function threadMilliseconds(): number {
  clockGettime(CLOCK_THREAD_CPUTIME_ID, timeBytes);
  return Number(time[0]) * 1e3 + Number(time[1]) / 1e6;
}
