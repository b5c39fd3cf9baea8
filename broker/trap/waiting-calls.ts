// Calls that wait for a connection. A caller that is gone, or that has a signal to handle, is found by looking: the kernel tells
// a listener of neither. Runs in the broker.
import { readFileSync } from 'node:fs';
import { WAITING_CALL_MS } from '../../shared/limits.js';
import type { TrappedCall } from './trapped-call.js';

/** Why a wait is over before its connection is there. */
export type Interruption = 'gone' | 'signal';

/** SIGSTOP, SIGTSTP, SIGTTIN and SIGTTOU: a caller that waits cannot stop either. */
const STOPS = [19, 20, 21, 22].reduce((bits, signal) => bits | (1n << BigInt(signal - 1)), 0n);

export class WaitingCalls {
  readonly #calls = new Map<TrappedCall, (why: Interruption) => void>();
  #timer: NodeJS.Timeout | undefined;

  add(call: TrappedCall, onInterruption: (why: Interruption) => void): void {
    this.#calls.set(call, onInterruption);
    this.#timer ??= setInterval(() => this.#look(), WAITING_CALL_MS);
  }

  remove(call: TrappedCall): void {
    this.#calls.delete(call);
    if (this.#calls.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Interrupts all of them: the sandbox is gone. */
  close(): void {
    for (const [call, onInterruption] of [...this.#calls]) {
      this.remove(call);
      onInterruption('gone');
    }
  }

  #look(): void {
    for (const [call, onInterruption] of [...this.#calls]) {
      const why = call.stillWaits() ? (hasSignal(call.tid) ? 'signal' : undefined) : 'gone';
      if (why === undefined) continue;
      this.remove(call);
      onInterruption(why);
    }
  }
}

/** Whether a thread has a signal that waits for it to return to its program. */
function hasSignal(tid: number): boolean {
  let status: string;
  try {
    status = readFileSync(`/proc/${tid}/status`, 'latin1');
  } catch {
    return false;
  }
  const set = (field: string): bigint =>
    BigInt(`0x${new RegExp(`^${field}:\\s+([0-9a-f]+)`, 'm').exec(status)?.[1] ?? '0'}`);
  const pending = (set('SigPnd') | set('ShdPnd')) & ~set('SigBlk');
  return (pending & (set('SigCgt') | STOPS)) !== 0n;
}
