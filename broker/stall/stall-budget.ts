// How long the broker waits for one plugin's sandbox. Runs in the broker, on the main thread. Trusts nothing from the plugin.

import { STALL_BUDGET_MS, STALL_BUDGET_SHARE, STALL_LIMIT_MS, STALL_SLOW_MS } from '../../shared/limits.js';
import type { SlowAction } from '../../shared/reasons.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { DescriptorShare } from '../limit/descriptor-shares.js';

/** A sandbox that the broker may have to wait for, as the guard knows it. */
export interface Guarded {
  /** The timer by which the supervisor is asked to end the sandbox. Without it nothing is ended. */
  readonly alarm: Pick<OwnedFd, 'number' | 'open'> | undefined;
  readonly limitMs: number;
  /** Whether the broker has stalled on it before. From then on the guard measures processor time. */
  readonly slow: boolean;
  /** @param milliseconds how long the broker stalled, more than STALL_SLOW_MS */
  wasSlow(killed: boolean, milliseconds: number): void;
}

/** The sandbox that a plugin has now, and the time that the broker may still stall on it. */
export class StallBudget implements Guarded {
  /** Counts the duplicates that the slow lane needs. */
  readonly descriptors: Pick<DescriptorShare, 'hold'>;
  readonly #onSlow: (how: SlowAction, milliseconds: number) => void;
  #alarm: OwnedFd | undefined;
  #slow = false;
  #killed = false;
  #spentMs = 0;
  #spentAt = 0;

  /** @param onSlow called for each stall */
  constructor(
    onSlow: (how: SlowAction, milliseconds: number) => void,
    descriptors: Pick<DescriptorShare, 'hold'>,
  ) {
    this.descriptors = descriptors;
    this.#onSlow = onSlow;
  }

  get alarm(): OwnedFd | undefined {
    return this.#alarm;
  }

  get slow(): boolean {
    return this.#slow;
  }

  /**
   * How long the next stall may last. After the first one the plugin has a budget, which fills again slowly: on a busy machine
   * a plugin can hold a lock longer than it meant to.
   */
  get limitMs(): number {
    return this.#slow ? Math.max(STALL_SLOW_MS, this.#budgetMs()) : STALL_LIMIT_MS;
  }

  /** The plugin has a new sandbox. @param alarm owned from here on */
  begin(alarm: OwnedFd | undefined): void {
    this.#alarm?.close();
    this.#alarm = alarm;
    if (alarm !== undefined) this.descriptors.hold(alarm);
    this.#slow = false;
    this.#killed = false;
    this.#spentMs = 0;
  }

  wasSlow(killed: boolean, milliseconds: number): void {
    this.#onSlow(this.#isFirst(killed) ? 'killed' : this.#slow ? 'waited' : 'demoted', milliseconds);
    if (this.#slow) {
      this.#spentMs = STALL_BUDGET_MS - this.#budgetMs() + milliseconds;
      this.#spentAt = performance.now();
    }
    this.#slow = true;
  }

  /** A stall of the slow lane costs no budget: only plugins that are slow themselves wait there. */
  wasSlowApart(killed: boolean, milliseconds: number): void {
    this.#onSlow(this.#isFirst(killed) ? 'killed' : 'waited', milliseconds);
  }

  /** A killed sandbox is reported once. The broker may stall on it again until it has ended. */
  #isFirst(killed: boolean): boolean {
    const isFirst = killed && !this.#killed;
    this.#killed ||= killed;
    return isFirst;
  }

  #budgetMs(): number {
    const regained = (performance.now() - this.#spentAt) * STALL_BUDGET_SHARE;
    return STALL_BUDGET_MS - Math.max(0, this.#spentMs - regained);
  }
}
