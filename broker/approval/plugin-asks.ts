// The questions to a person about one plugin's destinations (`unknown: ask`), and what was answered. Runs in the broker.
import { BoundedMap } from '../../shared/bounded-map.js';
import { ASKS_PER_MINUTE, OPEN_ASKS, REMEMBERED_VERDICTS } from '../../shared/limits.js';
import type { ApprovedDestination, AskDoor, BrokerLine } from '../../shared/protocol/link.js';
import { TokenBucket } from '../../shared/token-bucket.js';
import type { Answerer, ASK_RESULTS, AskEnd, AskScope } from '../../shared/words.js';

/** Calls and requests of one plugin that wait for answers. */
const ASK_WAITERS = 256;
/** How long an approval for once waits for what it approves: the connections after a look-up, or the next attempt of a caller that gave up. */
const ASK_ONCE_MS = 60_000;
/** How long a destination that was denied, or that nobody answered, is not asked about again. */
const ASK_DENIED_MS = 60_000;
/** How long a question stays whose callers are gone: a call that a signal interrupted may come again. */
const ASK_LEFT_MS = 5_000;

// The questions of one plugin about destinations that no rule allows (`unknown: ask`). Callers of one destination share a question. Runs in the
// broker. The supervisor has the question answered, and keeps time.

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
  readonly #open = new Map<string, WaitingAsk>();
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
    const ask: WaitingAsk = new WaitingAsk(nextId(), question, () => this.#lookAfter(ask));
    this.#open.set(keyOf(question), ask);
    const { host, port, address = null, door, pid, program } = question;
    send({ type: 'asked', plugin, id: ask.id, host, port, address, door, pid, program });
    return ask.join(door);
  }

  /** The supervisor has an answer. One for a question that is over, or of another destination, changes nothing. */
  answer(id: number, asked: Asked, answered: Answered): void {
    // protects: G20 ask: an answer opens what was asked about, and nothing else => const ask = [...this.#open.values()].find((one) => one.id === id);
    const ask = this.#open.get(keyOf(asked));
    if (ask?.id !== id) {
      // The rule has decided what waited.
      if (answered.answer === 'rule') this.#ends.count('allowed');
      return;
    }
    this.#open.delete(keyOf(ask.asked));
    const { plugin, send } = this.#ends;
    send({ type: 'ask_taken', plugin, ...ask.asked });
    const { answer } = answered;
    this.#ends.count(answer === 'deny' ? 'denied' : answer === 'timeout' ? 'timeout' : 'allowed');
    if (answer === 'deny' || answer === 'timeout') {
      this.approvals.deny(ask.asked, answered, ASK_DENIED_MS);
      ask.settle({ kind: 'refused', answered });
      return;
    }
    if (answer !== 'run') {
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

  #withdraw(ask: WaitingAsk, kind: 'decide' | 'ended' = 'decide'): void {
    this.#open.delete(keyOf(ask.asked));
    this.#ends.send({ type: 'ask_ended', plugin: this.#ends.plugin, id: ask.id });
    ask.settle({ kind });
  }

  /** A caller that was interrupted may come again. Without any, the question ends. */
  #lookAfter(ask: WaitingAsk): void {
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

// One question that waits for an answer, and who waits for it.

/** What a caller wants. */
interface AskQuestion extends Asked {
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
type Leaving = 'gone' | 'gave_up';

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

class WaitingAsk {
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

// What was approved for one plugin, and what was denied a short while ago. An approval allows nothing by itself: it counts
// where no rule decides, and the rules are asked anew each time.

/** An answer, and who gave it. */
export interface Answered {
  readonly answer: AskEnd;
  readonly by: Answerer;
}

/** A destination in the form of a decision: canonical. */
export interface Asked {
  readonly host: string;
  readonly port: number;
}

interface KeptAnswer {
  readonly answered: Answered;
  /** As performance.now(). */
  readonly until: number;
  uses: number;
}

class Approvals {
  readonly #now: () => number;
  /** By host, then by port. Those for this run stay. */
  readonly #forRun = new Map<string, Map<number, Answered>>();
  #brief = new BoundedMap<string, KeptAnswer>(REMEMBERED_VERDICTS);
  #denied = new BoundedMap<string, KeptAnswer>(REMEMBERED_VERDICTS);

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Replaces what is approved for this run. */
  setForRun(approved: readonly (Asked & { readonly answer: AskScope; readonly by: Answerer })[]): void {
    this.#forRun.clear();
    for (const { host, port, answer, by } of approved) this.addForRun({ host, port }, { answer, by });
  }

  addForRun({ host, port }: Asked, answered: Answered): void {
    const ports = this.#forRun.get(host) ?? new Map<number, Answered>();
    this.#forRun.set(host, ports.set(port, answered));
  }

  /** @param uses connections that it permits */
  addBrief(asked: Asked, answered: Answered, milliseconds: number, uses: number): void {
    this.#brief.set(keyOf(asked), { answered, until: this.#now() + milliseconds, uses });
  }

  deny(asked: Asked, answered: Answered, milliseconds: number): void {
    this.#denied.set(keyOf(asked), { answered, until: this.#now() + milliseconds, uses: 0 });
  }

  /** What approves a destination now. */
  find(asked: Asked): Answered | undefined {
    const forRun = this.#forRun.get(asked.host)?.get(asked.port);
    if (forRun !== undefined) return forRun;
    const kept = this.#brief.get(keyOf(asked));
    return kept !== undefined && kept.uses > 0 && kept.until > this.#now() ? kept.answered : undefined;
  }

  /** A connection begins. An approval for once counts it. @returns false if it has been used meanwhile: many may find one approval */
  spend(asked: Asked): boolean {
    const found = this.find(asked) !== undefined;
    const kept = this.#brief.get(keyOf(asked));
    if (kept !== undefined)
      // protects: G20 an approval for once is spent
      kept.uses -= 1;
    return found;
  }

  /** The denial that still holds. */
  denial(asked: Asked): Answered | undefined {
    const kept = this.#denied.get(keyOf(asked));
    return kept !== undefined && kept.until > this.#now() ? kept.answered : undefined;
  }

  /** The ports on which a name is approved for this run. */
  portsOf(host: string): readonly number[] {
    return [...(this.#forRun.get(host)?.keys() ?? [])];
  }

  /** A new sandbox has nothing to do with what the one before asked for. */
  forgetBrief(): void {
    this.#brief = new BoundedMap(REMEMBERED_VERDICTS);
    this.#denied = new BoundedMap(REMEMBERED_VERDICTS);
  }
}
