// clock_gettime(2) of the calling thread's processor time. Runs in the broker.
import { bind } from './libc.js';

const CLOCK_THREAD_CPUTIME_ID = 3;

const clockGettime = bind('int clock_gettime(int clock, void *time)');
/** A struct timespec: seconds and nanoseconds, 64 bits each. */
const time = new BigInt64Array(2);
const timeBytes = new Uint8Array(time.buffer);

/** Processor time that this thread has had so far, in milliseconds. */
export function threadMilliseconds(): number {
  clockGettime(CLOCK_THREAD_CPUTIME_ID, timeBytes);
  return Number(time[0]) * 1e3 + Number(time[1]) / 1e6;
}
