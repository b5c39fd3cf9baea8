// One question that waits for an answer, and who waits for it. Runs in the broker.
import type { AskDoor } from '../../shared/protocol/link.js';
import type { Answered, Asked } from './approvals.js';

/** What a caller wants. */
export interface AskQuestion extends Asked {
  /** Of a connect(2) whose host is a name. */
  readonly address?: string | undefined;
  readonly door: AskDoor;
  /** The process that asks, if it is known. */
  readonly pid: number | null;
  readonly program: string | null;
}

/**
 * How a wait ended. `decide`: decide again, since it was approved or the rules have changed. `refused`: it was denied, or nobody answered.
 * `ended`: the sandbox has ended.
 */
export type AskOutcome =
  | { readonly kind: 'decide' }
  | { readonly kind: 'ended' }
  | { readonly kind: 'refused'; readonly answered: Answered };

/** Why a caller waits no longer. `gave_up`: it had no more time, and may try again. */
export type Leaving = 'gone' | 'gave_up';

/** A place among the callers of a question. */
export interface AskTicket {
  /** Settles once, unless the caller has left. Never rejects. */
  readonly outcome: Promise<AskOutcome>;
  leave(why: Leaving): void;
}

interface Waiter {
  readonly door: AskDoor;
  readonly settle: (outcome: AskOutcome) => void;
}

export class OpenAsk {
  readonly id: number;
  readonly asked: Asked;
  readonly #waiters = new Set<Waiter>();
  readonly #onLeft: () => void;
  /** Whether a caller without more time may try again. */
  awaited = false;

  /** @param onLeft called when a caller has left */
  constructor(id: number, { host, port }: Asked, onLeft: () => void) {
    this.id = id;
    this.asked = { host, port };
    this.#onLeft = onLeft;
  }

  get waiters(): number {
    return this.#waiters.size;
  }

  /** Whether a look-up waits, whose connections are still to come. */
  get hasLookUp(): boolean {
    return [...this.#waiters].some(({ door }) => door === 'dns');
  }

  join(door: AskDoor): AskTicket {
    let settle: Waiter['settle'] = () => {};
    const outcome = new Promise<AskOutcome>((resolve) => {
      settle = resolve;
    });
    const waiter: Waiter = { door, settle };
    this.#waiters.add(waiter);
    const leave = (why: Leaving): void => {
      if (!this.#waiters.delete(waiter)) return;
      if (why === 'gave_up') this.awaited = true;
      this.#onLeft();
    };
    return { outcome, leave };
  }

  settle(outcome: AskOutcome): void {
    for (const { settle } of this.#waiters) settle(outcome);
    this.#waiters.clear();
  }
}
