// Finds the plugin whose requests a broker dies of, again and again. Pure.
import { BLAMED_DEATHS, UNBLAMED_LIFE_MS } from '../../../shared/limits.js';

export interface BrokerDeath {
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
