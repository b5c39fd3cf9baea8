// Where the argument of a trapped call lies in its caller's memory. Runs in the broker.
import { MODE_CALLS, QUEUE_CALLS, type TrapCall } from '../../shared/reasons.js';
import { IFCONF_BYTES, IFREQ_BYTES, SIOCGIFCONF } from '../../shared/sys/interface-requests.js';
import type { Notification } from '../../shared/sys/seccomp-notify.js';

/** sizeof(struct linger), socket(7). */
export const LINGER_BYTES = 8;

export interface PassedMemory {
  readonly at: bigint;
  /** As the call says, and for an option or a request no more than the kernel reads. */
  readonly length: number;
}

/** Calls of which the broker reads no memory, or memory whose length is not known yet. */
const NONE: readonly TrapCall[] = ['listen', 'socketpair', 'socket', ...QUEUE_CALLS, ...MODE_CALLS];

/** @returns undefined for a call of which the broker copies nothing at first */
export function passedMemory(call: TrapCall, notification: Notification): PassedMemory | undefined {
  if (NONE.includes(call)) return undefined;
  const { address, ints, third, option } = notification;
  if (call === 'ioctl') return { at: third, length: ints[1] === SIOCGIFCONF ? IFCONF_BYTES : IFREQ_BYTES };
  if (call !== 'setsockopt') return { at: address, length: ints[2] };
  return { at: option.address, length: Math.min(option.length, LINGER_BYTES) };
}
