// Guards a thread of the broker against plugins that make it wait. Some calls wait for locks that a plugin can hold: those that read its
// memory, take its descriptor or act on its socket. Every other plugin would wait too. The watchdog, a thread apart, sees how long such a
// call lasts, and past a limit asks the supervisor to end the sandbox. It does so by the sandbox's alarm, a timer. Runs in the broker, on each thread that makes such calls.
import { STALL_SLOW_MS } from '../../shared/limits.js';
import { threadMilliseconds } from '../../shared/sys/process-control.js';
import { runOut } from '../../shared/sys/timerfd.js';
import { blamedMs, looksOf, NO_ALARM, STALL_FIELDS } from './judge-stall.js';
import type { Guarded } from './stall-budget.js';

/** The guard of one thread. */
export class StallGuard {
  readonly #fields: Int32Array;
  #underWay = false;

  /** @param fields those that the watchdog knows */
  constructor(fields: Int32Array) {
    this.#fields = fields;
  }

  /** Does work that a plugin can make wait. Such work may contain more of it, for the same plugin. */
  watch<T>(guarded: Guarded, work: () => T): T {
    const fields = this.#fields;
    if (this.#underWay) return work();
    this.#underWay = true;
    const { alarm } = guarded;
    const worked = guarded.suspect ? threadMilliseconds() : undefined;
    const started = performance.now();
    fields[STALL_FIELDS.limit] = guarded.limitMs;
    fields[STALL_FIELDS.allowance] = guarded.allowanceMs;
    fields[STALL_FIELDS.caller] = guarded.caller ?? 0;
    fields[STALL_FIELDS.killed] = 0;
    fields[STALL_FIELDS.looks] = 0;
    fields[STALL_FIELDS.held] = 0;
    fields[STALL_FIELDS.excused] = 0;
    // Wraps around.
    Atomics.add(fields, STALL_FIELDS.work, 1);
    Atomics.store(fields, STALL_FIELDS.alarm, alarm?.open === true ? alarm.number : NO_ALARM);
    try {
      return work();
    } finally {
      this.#underWay = false;
      Atomics.store(fields, STALL_FIELDS.alarm, 0);
      const milliseconds = performance.now() - started;
      if (milliseconds > STALL_SLOW_MS) {
        this.#note(guarded, milliseconds, worked === undefined ? 0 : threadMilliseconds() - worked);
      }
    }
  }

  /**
   * Decides whether the plugin caused the delay. While the kernel works for this thread, the watchdog may get no processor; so processor
   * time is judged here, from the second such step on.
   *
   * @param workedMs processor time, or 0 if it was not measured
   */
  #note(guarded: Guarded, milliseconds: number, workedMs: number): void {
    const fields = this.#fields;
    const looks = looksOf(fields);
    const worked = workedMs > STALL_SLOW_MS && 2 * workedMs >= milliseconds;
    const blamed = worked ? workedMs : blamedMs(looks, guarded.allowanceMs);
    guarded.excuse(looks.excusedMs);
    if (
      /* protects: G9 a plugin is not blamed for a stall that the watchdog did not see => 2 * looks.heldMs < 10 * looks.looks */ blamed ===
      0
    ) {
      // protects: G9 a stall that the watchdog could not see is measured by processor time the next time
      guarded.doubt();
      return;
    }
    let killed = Atomics.exchange(fields, STALL_FIELDS.killed, 0) === 1;
    // protects: G9 a sandbox that was slow is ended for the work that it makes too
    if (!killed && workedMs >= Atomics.load(fields, STALL_FIELDS.limit) && guarded.alarm?.open === true) {
      runOut(guarded.alarm.number);
      killed = true;
    }
    guarded.wasSlow(killed, milliseconds, Math.min(blamed, milliseconds));
  }
}
