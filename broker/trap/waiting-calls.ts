// Calls that wait for a connection. The broker looks whether a caller is gone or has a signal to handle: the kernel reports neither to a
// notifyFd. Runs in the broker.
import { constants } from 'node:os';

import { signalsOf } from '../caller/caller-processes.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import { firstOf } from '../ledger/register.js';

/** How often the broker looks at a call that waits: has its caller a signal, and does it still exist? */
const WAITING_CALL_MS = 50;
/** Calls of one sandbox that are looked at each time. If there are more, each is looked at less often. */
const WAITING_CALLS_LOOKED_AT = 64;

const { ECONNABORTED, EINTR } = constants.errno;
/** The kernel's own errno: the caller handles its signal. Then the call restarts under SA_RESTART, else it returns EINTR. */
const ERESTARTSYS = 512;

/**
 * Why a wait is over before the connection is there. `perhaps_signal`: a signal waits for the caller's process, and this thread or another
 * one has to handle it.
 */
export type Interruption = 'gone' | 'signal' | 'perhaps_signal';

/**
 * The result of an interrupted call. The kernel replaces its own errno only in a thread that it has signalled. Any other thread's program
 * would see it. One that is gone sees none.
 *
 * @param limited whether SO_SNDTIMEO is set: such a call does not restart, signal(7)
 */
export function interruptedResult(why: Interruption, limited: boolean): number {
  if (why === 'gone') return -ECONNABORTED;
  return why === 'signal' && !limited ? -ERESTARTSYS : -EINTR;
}

interface WaitingCall {
  readonly onInterruption: (why: Interruption) => void;
  /** Whether a signal of the process was pending at the last look. */
  signalSeen: boolean;
}

export class WaitingCalls {
  /** The one with the oldest look comes first. */
  readonly #calls = new Map<TrappedCall, WaitingCall>();
  #timer: NodeJS.Timeout | undefined;

  /** @param onInterruption called once; it replaces the former callback */
  add(call: TrappedCall, onInterruption: (why: Interruption) => void): void {
    this.#calls.set(call, { onInterruption, signalSeen: false });
    this.#timer ??= setInterval(() => this.#look(), WAITING_CALL_MS);
  }

  remove(call: TrappedCall): void {
    this.#calls.delete(call);
    if (this.#calls.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** The sandbox is gone: interrupts every call. */
  close(): void {
    for (const call of [...this.#calls.keys()]) this.#interrupt(call, 'gone');
  }

  #look(): void {
    const chosen = new Set<number>();
    for (const [call, waiting] of firstOf(this.#calls, WAITING_CALLS_LOOKED_AT)) {
      this.#calls.delete(call);
      this.#calls.set(call, waiting);
      const why = call.stillWaits() ? whySignal(call, waiting, chosen) : 'gone';
      if (why !== undefined) this.#interrupt(call, why);
    }
  }

  #interrupt(call: TrappedCall, why: Interruption): void {
    const waiting = this.#calls.get(call);
    this.remove(call);
    waiting?.onInterruption(why);
  }
}

/**
 * A signal of the whole process belongs to the thread that the kernel has chosen. If it still waits at the next look, that thread waits in
 * a call too. So one call of the process after another is interrupted.
 *
 * @param chosen processes of which this look has interrupted a call
 */
function whySignal(
  { tid }: TrappedCall,
  waiting: WaitingCall,
  chosen: Set<number>,
): Interruption | undefined {
  const { pid, signal } = signalsOf(tid);
  if (signal === 'own') {
    chosen.add(pid);
    return 'signal';
  }
  const seen = waiting.signalSeen;
  waiting.signalSeen = signal === 'shared';
  if (signal === undefined || !seen || chosen.has(pid)) return undefined;
  chosen.add(pid);
  return 'perhaps_signal';
}
