// Shares the broker's descriptors among the plugins, so that none takes them all. Runs in the broker. It counts what the broker holds for a
// plugin: sockets that connect or ask DNS, duplicates of sockets whose calls wait, ends of channels. It also counts what the plugin was sent
// and has not received: the kernel bounds that by the same limit. A plugin may take more only while it holds less than is left. So one plugin
// gets half at most, two get a third each, and a newcomer always finds some.
import { RESERVED_DESCRIPTORS } from '../../shared/limits.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';

/** For the plugin: why a request is refused. */
export const NO_DESCRIPTOR =
  'too many of its requests wait, and the broker keeps its other descriptors for other programs';

export class DescriptorPool {
  readonly #most: number;
  #held = 0;

  /** @param limit RLIMIT_NOFILE. RESERVED_DESCRIPTORS of it, or half of a low limit, stay for the broker itself */
  constructor(limit: number) {
    this.#most = limit - Math.min(RESERVED_DESCRIPTORS, Math.floor(limit / 2));
  }

  get left(): number {
    return this.#most - this.#held;
  }

  /** The share of one more plugin. */
  share(): DescriptorShare {
    return new DescriptorShare(this, (change) => {
      this.#held += change;
    });
  }
}

export class DescriptorShare {
  readonly #pool: Pick<DescriptorPool, 'left'>;
  readonly #count: (change: number) => void;
  #held = 0;

  constructor(pool: Pick<DescriptorPool, 'left'>, count: (change: number) => void) {
    this.#pool = pool;
    this.#count = count;
  }

  get held(): number {
    return this.#held;
  }

  /** Whether the plugin may take so many more. 0: whether what it holds is its share at most. */
  hasRoom(more: number): boolean {
    // protects: G8 a plugin takes its share of the broker's descriptors, and no more => return true;
    return this.#held + more <= this.#pool.left - more;
  }

  /** Counts a descriptor until it is closed or has a new owner. @param weight more than 1: others come with it */
  hold(descriptor: OwnedFd, weight = 1): void {
    this.change(weight);
    descriptor.whenGone(weight === 1 ? this.#gone : () => this.change(-weight));
  }

  /** Counts descriptors that have no owner here. @returns what ends that, to be called once; undefined: there is no room */
  take(count: number): (() => void) | undefined {
    if (!this.hasRoom(count)) return undefined;
    this.change(count);
    return () => this.change(-count);
  }

  readonly #gone = (): void => this.change(-1);

  /** Counts so many more, or fewer, even if there is no room. */
  change(by: number): void {
    this.#held += by;
    this.#count(by);
  }
}
