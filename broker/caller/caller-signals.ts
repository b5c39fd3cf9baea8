// Signals that wait for a thread to return to its program, proc(5) status. Runs in the broker; what a program masks and handles
// is its own affair.
import { readFileSync } from 'node:fs';

const bit = (signal: number): bigint => 1n << BigInt(signal - 1);
/** SIGSTOP, SIGTSTP, SIGTTIN and SIGTTOU: a caller that waits cannot stop either. */
const STOPS = [19, 20, 21, 22].reduce((bits, signal) => bits | bit(signal), 0n);
const SIGCHLD = bit(17);

/**
 * Whom a signal waits for: this thread, which the kernel has told then; or one of its process, which the kernel has chosen and
 * names nowhere.
 */
export type WaitingSignal = 'own' | 'shared' | undefined;

/** What waits for a thread, and its process. */
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
  // Of many threads the kernel chooses the first one where it may: but SIGCHLD goes to the one that forked.
  const chosen = field('Threads') === '1' || (tid === pid && (shared & SIGCHLD) === 0n);
  if ((set('SigPnd') & handled) !== 0n || (shared !== 0n && chosen)) return { pid, signal: 'own' };
  return { pid, signal: shared === 0n ? undefined : 'shared' };
}
