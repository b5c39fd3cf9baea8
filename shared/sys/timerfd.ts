// timerfd_create(2). A timer as a descriptor, which becomes readable when it runs out. Runs in the supervisor, and in the broker.

import { O_CLOEXEC } from './fcntl.js';
import { LAYOUT } from './layout.js';
import { bind, succeed } from './libc.js';
import { OwnedFd } from './owned-fd.js';

const CLOCK_MONOTONIC = 1;
const ITIMERSPEC = LAYOUT['struct itimerspec'];

const create = bind('int timerfd_create(int clock, int flags)');
const settime = bind('int timerfd_settime(int fd, int flags, const void *value, void *old)');

/** A timer that does not run. */
export function makeTimer(): OwnedFd {
  return new OwnedFd(succeed(create(CLOCK_MONOTONIC, O_CLOEXEC), 'timerfd_create'));
}

/** Makes a timer run out at once. Nothing happens to a descriptor that is no timer. */
export function runOut(timer: number): void {
  const value = new Uint8Array(ITIMERSPEC.size);
  new DataView(value.buffer).setBigInt64(ITIMERSPEC.it_value + 8, 1n, true);
  settime(timer, 0, value, null);
}
