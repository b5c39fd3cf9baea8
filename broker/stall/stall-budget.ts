// How long the broker waits for one plugin's sandbox. Runs in the broker, on the main thread. Trusts nothing from the plugin.
import {
  STALL_ALLOWANCE_MS,
  STALL_ALLOWANCE_SHARE,
  STALL_BUDGET_MS,
  STALL_FORGIVEN_MS,
  STALL_LIMIT_MS,
  STALL_SLOW_MS,
} from '../../shared/limits.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { runOut } from '../../shared/sys/timerfd.js';
import type { SlowAction } from '../../shared/words.js';
import type { DescriptorShare } from '../limit/descriptor-shares.js';

/** This share of the time that passes is given back to the budget. */
const STALL_BUDGET_SHARE = 0.005;

/** A sandbox that the broker may have to wait for, as the guard knows it. */
export interface Guarded {
  /** The timer by which the supervisor is asked to end the sandbox. Without it nothing is ended. */
  readonly alarm: Pick<OwnedFd, 'number' | 'open'> | undefined;
  readonly limitMs: number;
  /** How much of the time is excused in which the plugin's threads wait for a processor. */
  readonly allowanceMs: number;
  /** A thread of the process that the broker waits for, as far as it is known. */
  readonly caller: number | undefined;
  /** Whether a step took long lately. Then the guard also measures processor time. */
  readonly suspect: boolean;
  /** @param milliseconds how long the plugin's threads waited for a processor during a step of more than STALL_SLOW_MS */
  excuse(milliseconds: number): void;
  /** A step took more than STALL_SLOW_MS, and nothing shows why. */
  doubt(): void;
  /**
   * @param milliseconds how long the broker stalled, more than STALL_SLOW_MS
   * @param blamedMs the part of it that the plugin is to blame for
   */
  wasSlow(killed: boolean, milliseconds: number, blamedMs: number): void;
}

/** What a budget needs of the world around it. */
interface StallSurroundings {
  /** In milliseconds, and never set back. */
  readonly now: () => number;
  /** Whether the broker serves other plugins. A plugin that is alone delays nobody, so it is never ended. */
  readonly hasNeighbours: () => boolean;
}

/** The sandbox that a plugin has now, and the time that the broker may still stall on it. */
export class StallBudget implements Guarded {
  /** Counts the duplicates that the slow lane needs. */
  readonly descriptors: Pick<DescriptorShare, 'hold'>;
  /** A thread that called last: its process is the one that the broker deals with. */
  caller: number | undefined;
  readonly #onSlow: (how: SlowAction, milliseconds: number) => void;
  readonly #around: StallSurroundings;
  #alarm: OwnedFd | undefined;
  #slowUntil = 0;
  #suspectUntil = 0;
  #wasSlowBefore = false;
  #killed = false;
  #ended = false;
  #budget: StallAccount;
  #allowance: StallAccount;

  /** @param onSlow called for each stall */
  constructor(
    onSlow: (how: SlowAction, milliseconds: number) => void,
    descriptors: Pick<DescriptorShare, 'hold'>,
    around: StallSurroundings = { now: () => performance.now(), hasNeighbours: () => true },
  ) {
    this.descriptors = descriptors;
    this.#onSlow = onSlow;
    this.#around = around;
    this.#budget = this.#newBudget();
    this.#allowance = this.#newAllowance();
  }

  get alarm(): OwnedFd | undefined {
    return this.#around.hasNeighbours() ? this.#alarm : undefined;
  }

  /** A plugin that caused no stall for STALL_FORGIVEN_MS is slow no more. */
  get slow(): boolean {
    return this.#slowUntil > 0 && this.#around.now() < this.#slowUntil;
  }

  get suspect(): boolean {
    return this.#suspectUntil > 0 && this.#around.now() < this.#suspectUntil;
  }

  /**
   * How long the next stall may last. After the first one the plugin has a budget, which fills again slowly: on a busy machine
   * a plugin can hold a lock longer than it meant to. One that was forgiven keeps the budget, so that it gains nothing by waiting.
   */
  get limitMs(): number {
    // protects: G9 a sandbox that was slow has a budget => return STALL_LIMIT_MS;
    return this.#wasSlowBefore ? Math.max(STALL_SLOW_MS, this.#budget.leftMs) : STALL_LIMIT_MS;
  }

  get allowanceMs(): number {
    return Math.max(0, this.#allowance.leftMs);
  }

  /** There is no sandbox, or its end was asked for. */
  get hasEnded(): boolean {
    return this.#ended || this.#alarm?.open !== true;
  }

  /** Asks the supervisor for the end of the sandbox, also of a plugin that is alone. */
  end(): void {
    if (this.#alarm?.open === true) runOut(this.#alarm.number);
    this.#ended = true;
  }

  /** The plugin has a new sandbox. @param alarm owned from here on */
  begin(alarm: OwnedFd | undefined): void {
    this.#alarm?.close();
    this.#alarm = alarm;
    if (alarm !== undefined) this.descriptors.hold(alarm);
    this.caller = undefined;
    this.#slowUntil = 0;
    this.#suspectUntil = 0;
    this.#wasSlowBefore = false;
    this.#killed = false;
    this.#ended = false;
    this.#budget = this.#newBudget();
    this.#allowance = this.#newAllowance();
  }

  excuse(milliseconds: number): void {
    if (milliseconds > 0) this.#allowance.spend(Math.min(milliseconds, this.allowanceMs));
  }

  doubt(): void {
    this.#suspectUntil = this.#around.now() + STALL_FORGIVEN_MS;
  }

  wasSlow(killed: boolean, milliseconds: number, blamedMs: number): void {
    this.doubt();
    this.#onSlow(this.#isFirst(killed) ? 'killed' : this.slow ? 'waited' : 'demoted', milliseconds);
    if (this.#wasSlowBefore) this.#budget.spend(blamedMs);
    // protects: G9 trap: a plugin that was forgiven has no second of its own again
    this.#wasSlowBefore = true;
    this.#slowUntil = this.#around.now() + STALL_FORGIVEN_MS;
  }

  /** A stall of the slow lane costs no budget: only plugins that are slow themselves wait there. */
  wasSlowApart(killed: boolean, milliseconds: number): void {
    this.#onSlow(this.#isFirst(killed) ? 'killed' : 'waited', milliseconds);
    if (this.slow) this.#slowUntil = this.#around.now() + STALL_FORGIVEN_MS;
  }

  /** A killed sandbox is reported once. The broker may stall on it again until it has ended. */
  #isFirst(killed: boolean): boolean {
    const isFirst = killed && !this.#killed;
    this.#killed ||= killed;
    return isFirst;
  }

  #newBudget(): StallAccount {
    return new StallAccount(this.#around.now, STALL_BUDGET_MS, STALL_BUDGET_SHARE);
  }

  #newAllowance(): StallAccount {
    return new StallAccount(this.#around.now, STALL_ALLOWANCE_MS, STALL_ALLOWANCE_SHARE);
  }
}

// Time that a plugin may spend, and that is given back slowly. Runs in the broker, on the main thread.

class StallAccount {
  readonly #now: () => number;
  readonly #mostMs: number;
  readonly #share: number;
  #spentMs = 0;
  #spentAt = 0;

  /** @param share of the time that passes, given back */
  constructor(now: () => number, mostMs: number, share: number) {
    this.#now = now;
    this.#mostMs = mostMs;
    this.#share = share;
  }

  get leftMs(): number {
    const regained = (this.#now() - this.#spentAt) * this.#share;
    return this.#mostMs - Math.max(0, this.#spentMs - regained);
  }

  spend(milliseconds: number): void {
    this.#spentMs = this.#mostMs - this.leftMs + milliseconds;
    this.#spentAt = this.#now();
  }
}
