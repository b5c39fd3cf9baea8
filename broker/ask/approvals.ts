// What was approved for one plugin, and what was denied a short while ago. Runs in the broker. An approval allows nothing by itself: it counts
// where no rule decides, and the rules are asked anew each time.
import { BoundedMap } from '../../shared/bounded-map.js';
import { REMEMBERED_VERDICTS } from '../../shared/limits.js';
import type { Answerer, AskEnd, AskScope } from '../../shared/reasons.js';

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

interface Kept {
  readonly answered: Answered;
  /** As performance.now(). */
  readonly until: number;
  uses: number;
}

export class Approvals {
  readonly #now: () => number;
  /** By host, then by port. Those for this run stay. */
  readonly #forRun = new Map<string, Map<number, Answered>>();
  #brief = new BoundedMap<string, Kept>(REMEMBERED_VERDICTS);
  #denied = new BoundedMap<string, Kept>(REMEMBERED_VERDICTS);

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

  /** A connection has begun. An approval for once counts it. */
  spend(asked: Asked): void {
    const kept = this.#brief.get(keyOf(asked));
    if (kept !== undefined)
      // protects: G20 an approval for once is spent
      kept.uses -= 1;
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

function keyOf({ host, port }: Asked): string {
  return `${host} ${port}`;
}
