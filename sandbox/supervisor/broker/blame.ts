// What follows from the deaths of brokers: whom to blame, and how long to wait before the next one. Runs in the supervisor.
import { BLAMED_DEATHS, UNBLAMED_LIFE_MS } from '../../../shared/limits.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { MarkKeeper } from './kept.js';

/** A broker that has lived this long did not die of its start, nor of what killed the one before. */
const BROKER_STEADY_MS = 10_000;
/** A death this soon after a request of a plugin is blamed upon it. */
const BLAME_WITHIN_MS = 1_000;

/** The delay before a restart doubles from the first to the last of these, while brokers die at once. */
const RESTART_PAUSE_MS = { first: 20, last: 5_000 };
/** Plugins wait meanwhile. A broker that did start is replaced sooner than one that does not. */
const LONGEST_PAUSE_AFTER_DEATH_MS = 500;
const NANOSECONDS_A_MILLISECOND = 1e6;

export class BrokerDeaths {
  readonly #marks = new MarkKeeper();
  readonly #blame = new BlamePlugin();
  #pause: number = RESTART_PAUSE_MS.first;

  /** In which brokers note when each plugin last asked. */
  get marks(): OwnedFd {
    return this.#marks.memory;
  }

  renewMarks(): void {
    this.#marks.renewMemory();
  }

  /** The number of a plugin's mark. @returns undefined if all are taken */
  markOf(plugin: string): number | undefined {
    return this.#marks.numberOf(plugin);
  }

  forget(plugin: string): void {
    this.#marks.drop(plugin);
  }

  /**
   * A broker that served has died.
   *
   * @param lived in milliseconds
   * @param silent for how long it did not answer before it was killed for that, in milliseconds; otherwise 0
   * @returns the plugin of whose requests brokers die again and again
   */
  whomToBlame(lived: number, silent: number): string | undefined {
    const within = BigInt(Math.round((silent + BLAME_WITHIN_MS) * NANOSECONDS_A_MILLISECOND));
    const suspects = this.#marks.askedSince(process.hrtime.bigint() - within);
    return this.#blame.note({ lived, suspects });
  }

  /** How long to wait before the next broker, in milliseconds. @param lived how long the last one served; 0: it did not start */
  pauseAfter(lived: number): number {
    if (lived > BROKER_STEADY_MS) this.#pause = RESTART_PAUSE_MS.first;
    const pause = lived > 0 ? Math.min(this.#pause, LONGEST_PAUSE_AFTER_DEATH_MS) : this.#pause;
    this.#pause = Math.min(this.#pause * 2, RESTART_PAUSE_MS.last);
    return pause;
  }

  close(): void {
    this.#marks.close();
  }
}

// Finds the plugin whose requests a broker dies of, again and again. Pure.

interface BrokerDeath {
  /** How long the broker served, in milliseconds. */
  readonly lived: number;
  /** The plugins that asked for something right before. */
  readonly suspects: ReadonlySet<string>;
}

/** Takes the deaths of brokers in their order. Deaths by an operator's SIGKILL are not among them: they are nobody's fault. */
export class BlamePlugin {
  #deaths = 0;
  #common: ReadonlySet<string> = new Set();

  /**
   * @returns the plugin that alone asked right before each of the last {@link BLAMED_DEATHS} deaths, where none of these brokers lived long. If
   *   there are several such plugins, nobody is blamed
   */
  note({ lived, suspects }: BrokerDeath): string | undefined {
    const common = [...this.#common].filter((plugin) => suspects.has(plugin));
    const goesOn = lived < UNBLAMED_LIFE_MS && common.length > 0;
    this.#common = goesOn ? new Set(common) : suspects;
    this.#deaths = goesOn ? this.#deaths + 1 : 1;
    const [blamed] = this.#common;
    if (this.#deaths < BLAMED_DEATHS || this.#common.size !== 1) return undefined;
    this.#deaths = 0;
    this.#common = new Set();
    return blamed;
  }
}
