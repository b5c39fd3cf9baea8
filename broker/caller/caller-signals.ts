// Signals that wait until a thread returns to its program, proc(5) status. Runs in the broker. The plugin decides which signals it masks
// and handles.
import { readFileSync } from 'node:fs';

const bit = (signal: number): bigint => 1n << BigInt(signal - 1);
/** SIGSTOP, SIGTSTP, SIGTTIN and SIGTTOU: a waiting caller cannot stop either. */
const STOPS = [19, 20, 21, 22].reduce((bits, signal) => bits | bit(signal), 0n);
const SIGCHLD = bit(17);

/**
 * `own`: a signal waits for this thread, and the kernel has notified it. `shared`: a signal waits for the thread's process. The kernel has
 * chosen one of its threads, and does not show which.
 */
export type WaitingSignal = 'own' | 'shared' | undefined;

/** The signal that waits for a thread, and the thread's process. */
export function signalsOf(tid: number): { readonly pid: number; readonly signal: WaitingSignal } {
  let status: string;
  try {
    status = readFileSync(`/proc/${tid}/status`, 'latin1');
  } catch {
    return { pid: tid, signal: undefined };
  }
  const field = (name: string): string => new RegExp(`^${name}:\\s+(\\w+)`, 'm').exec(status)?.[1] ?? '0';
  const set = (name: string): bigint => BigInt(`0x${field(name)}`);
  const pid = Number(field('Tgid'));
  const handled = (set('SigCgt') | STOPS) & ~set('SigBlk');
  const shared = set('ShdPnd') & handled;
  // The kernel prefers the first thread of a process, except for SIGCHLD, which goes to the thread that forked.
  const chosen = field('Threads') === '1' || (tid === pid && (shared & SIGCHLD) === 0n);
  if ((set('SigPnd') & handled) !== 0n || (shared !== 0n && chosen)) return { pid, signal: 'own' };
  return { pid, signal: shared === 0n ? undefined : 'shared' };
}
