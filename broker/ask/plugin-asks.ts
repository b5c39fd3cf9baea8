// The questions of one plugin about destinations that no rule allows (`unknown: ask`). Callers of one destination share a question. Runs in the
// broker. The supervisor has the question answered, and keeps time.
import {
  ASK_DENIED_MS,
  ASK_LEFT_MS,
  ASK_ONCE_MS,
  ASK_WAITERS,
  ASKS_PER_MINUTE,
  OPEN_ASKS,
} from '../../shared/limits.js';
import type { ApprovedDestination, BrokerLine } from '../../shared/protocol/link.js';
import type { ASK_RESULTS } from '../../shared/reasons.js';
import { TokenBucket } from '../../shared/token-bucket.js';
import { type Answered, Approvals, type Asked } from './approvals.js';
import { type AskQuestion, type AskTicket, OpenAsk } from './open-ask.js';

/** What the questions need of the broker. */
export interface AskEnds {
  readonly plugin: string;
  readonly nextId: () => number;
  readonly send: (line: BrokerLine) => void;
  readonly count: (answer: (typeof ASK_RESULTS)[number]) => void;
  /** A question was not asked, because the plugin asks too much. */
  readonly limited: () => void;
}

export class PluginAsks {
  readonly approvals: Approvals = new Approvals();
  readonly #ends: AskEnds;
  readonly #open = new Map<string, OpenAsk>();
  readonly #bucket = new TokenBucket(ASKS_PER_MINUTE / 60, ASKS_PER_MINUTE);
  #on = false;

  constructor(ends: AskEnds) {
    this.#ends = ends;
  }

  /** Whether unknown destinations are asked about. */
  get on(): boolean {
    return this.#on;
  }

  /** How many questions wait. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * New rules are in force.
   *
   * @param stillUnknown whether they leave a destination undecided. Callers of the others decide again, at once
   */
  configure(
    on: boolean,
    approved: readonly ApprovedDestination[],
    stillUnknown: (asked: Asked) => boolean,
  ): void {
    this.#on = on;
    this.approvals.setForRun(approved);
    for (const ask of [...this.#open.values()])
      if (!on || !stillUnknown(ask.asked) || this.approvals.find(ask.asked) !== undefined)
        this.#withdraw(ask);
  }

  /**
   * Asks, or joins those who ask the same.
   *
   * @param question about a destination that may be asked about
   * @returns the answer that still holds; `too_many` if the plugin asks too much; else a place in which to wait
   */
  ask(question: AskQuestion): AskTicket | Answered | 'too_many' {
    const denial = this.approvals.denial(question);
    if (denial !== undefined) return denial;
    const known = this.#open.get(keyOf(question));
    if (this.#waiters() >= ASK_WAITERS) return this.#refuse();
    if (known !== undefined) return known.join(question.door);
    if (
      /* protects: G20 ask: open questions are bounded */ this.#open.size >= OPEN_ASKS ||
      !this.#bucket.take()
    )
      return this.#refuse();
    const { plugin, nextId, send } = this.#ends;
    const ask: OpenAsk = new OpenAsk(nextId(), question, () => this.#lookAfter(ask));
    this.#open.set(keyOf(question), ask);
    const { host, port, address = null, door, pid, program } = question;
    send({ type: 'asked', plugin, id: ask.id, host, port, address, door, pid, program });
    return ask.join(door);
  }

  /** The supervisor has an answer. One for a question that is over changes nothing. */
  answer(id: number, answered: Answered): void {
    const ask = [...this.#open.values()].find((one) => one.id === id);
    if (ask === undefined) return;
    this.#open.delete(keyOf(ask.asked));
    const { answer } = answered;
    this.#ends.count(answer === 'deny' ? 'denied' : answer === 'timeout' ? 'timeout' : 'allowed');
    if (answer === 'deny' || answer === 'timeout') {
      this.approvals.deny(ask.asked, answered, ASK_DENIED_MS);
      ask.settle({ kind: 'refused', answered });
      return;
    }
    if (answer === 'once') {
      const uses = ask.hasLookUp ? Number.POSITIVE_INFINITY : ask.waiters + (ask.awaited ? 1 : 0);
      this.approvals.addBrief(ask.asked, answered, ASK_ONCE_MS, uses);
    } else this.approvals.addForRun(ask.asked, answered);
    ask.settle({ kind: 'decide' });
  }

  /** The sandbox has ended: nobody waits any more. */
  end(): void {
    for (const ask of [...this.#open.values()]) this.#withdraw(ask, 'ended');
    this.approvals.forgetBrief();
  }

  #withdraw(ask: OpenAsk, kind: 'decide' | 'ended' = 'decide'): void {
    this.#open.delete(keyOf(ask.asked));
    this.#ends.send({ type: 'ask_ended', plugin: this.#ends.plugin, id: ask.id });
    ask.settle({ kind });
  }

  /** A caller that was interrupted may come again. Without any, the question ends. */
  #lookAfter(ask: OpenAsk): void {
    const isLeft = (): boolean =>
      ask.waiters === 0 && !ask.awaited && this.#open.get(keyOf(ask.asked)) === ask;
    if (!isLeft()) return;
    setTimeout(() => {
      if (isLeft()) this.#withdraw(ask);
    }, ASK_LEFT_MS).unref();
  }

  #waiters(): number {
    let all = 0;
    for (const ask of this.#open.values()) all += ask.waiters;
    return all;
  }

  #refuse(): 'too_many' {
    this.#ends.limited();
    return 'too_many';
  }
}

function keyOf({ host, port }: Asked): string {
  return `${host} ${port}`;
}
