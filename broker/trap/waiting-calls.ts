// Calls that wait for a connection. A caller that is gone, or that has a signal to handle, is found by looking: the kernel tells
// a listener of neither. Runs in the broker.
import { constants } from 'node:os';
import { WAITING_CALL_MS, WAITING_CALLS_LOOKED_AT } from '../../shared/limits.js';
import { signalsOf } from '../caller/caller-signals.js';
import type { TrappedCall } from '../caller/trapped-call.js';

const { EINTR } = constants.errno;
/** The kernel's own: the caller handles its signal, then the call is made anew where SA_RESTART says so, else it is EINTR. */
const ERESTARTSYS = 512;

/**
 * Why a wait is over before its connection is there. `perhaps_signal`: the caller's process has a signal that this or another
 * thread has to handle.
 */
export type Interruption = 'gone' | 'signal' | 'perhaps_signal';

/**
 * What an interrupted call returns. The kernel takes its own errno back only for a thread that it has told of a signal; to
 * another one it would show.
 *
 * @param limited whether SO_SNDTIMEO is set: such a call is not made anew, signal(7)
 */
export function interruptedResult(why: Exclude<Interruption, 'gone'>, limited: boolean): number {
  return why === 'signal' && !limited ? -ERESTARTSYS : -EINTR;
}

interface Waiting {
  readonly onInterruption: (why: Interruption) => void;
  /** A signal of the process was pending when it was looked at last. */
  signalSeen: boolean;
}

export class WaitingCalls {
  /** Who has not been looked at for longest comes first. */
  readonly #calls = new Map<TrappedCall, Waiting>();
  #timer: NodeJS.Timeout | undefined;

  /** @param onInterruption called once, in place of what was to be called before */
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

  /** Interrupts all of them: the sandbox is gone. */
  close(): void {
    for (const call of [...this.#calls.keys()]) this.#interrupt(call, 'gone');
  }

  #look(): void {
    const chosen = new Set<number>();
    for (const [call, waiting] of this.#first(WAITING_CALLS_LOOKED_AT)) {
      this.#calls.delete(call);
      this.#calls.set(call, waiting);
      const why = call.stillWaits() ? whySignal(call, waiting, chosen) : 'gone';
      if (why !== undefined) this.#interrupt(call, why);
    }
  }

  #first(most: number): readonly (readonly [TrappedCall, Waiting])[] {
    const first: (readonly [TrappedCall, Waiting])[] = [];
    for (const entry of this.#calls) {
      if (first.length >= most) break;
      first.push(entry);
    }
    return first;
  }

  #interrupt(call: TrappedCall, why: Interruption): void {
    const waiting = this.#calls.get(call);
    this.remove(call);
    waiting?.onInterruption(why);
  }
}

/**
 * A signal of the whole process is left to the thread that the kernel has chosen. Where it is there at the next look, that one
 * waits as well: one call of the process after another is interrupted.
 *
 * @param chosen processes of which one was, at this look
 */
function whySignal({ tid }: TrappedCall, waiting: Waiting, chosen: Set<number>): Interruption | undefined {
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
