// A map of bounded size: the oldest entry makes room for a new one.

export class BoundedMap<K, V> {
  readonly #most: number;
  readonly #entries = new Map<K, V>();

  /** @param most how many entries are kept */
  constructor(most: number) {
    this.#most = most;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  /** Sets an entry and makes it the newest. @returns the entry that made room for it */
  set(key: K, value: V): readonly [key: K, value: V] | undefined {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#most) return undefined;
    for (const oldest of this.#entries) {
      this.#entries.delete(oldest[0]);
      return oldest;
    }
    return undefined;
  }

  delete(key: K): boolean {
    return this.#entries.delete(key);
  }

  /** From the oldest to the newest. */
  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.#entries[Symbol.iterator]();
  }
}
