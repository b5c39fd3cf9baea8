// Round-robin queue for one worker: a busy owner delays the others by one item at most. Pure.
export class FairTurns<Owner, Item> {
  /** In the order of their turns. Each owner has one item at least. */
  readonly #waiting = new Map<Owner, Item[]>();

  #last: Owner | undefined;

  add(owner: Owner, item: Item): void {
    const items = this.#waiting.get(owner);
    if (items === undefined) this.#waiting.set(owner, [item]);
    else items.push(item);
  }

  /** Takes the next one out. */
  next(): Item | undefined {
    const [first, second] = this.#waiting.keys();
    // The owner of the last turn has the next one only if no other owner waits.
    const owner = this.#waiting.size > 1 && first === this.#last ? second : first;
    if (owner === undefined) return undefined;
    const [item, ...rest] = this.#waiting.get(owner) ?? [];
    this.#waiting.delete(owner);
    if (rest.length > 0) this.#waiting.set(owner, rest);
    this.#last = owner;
    return item;
  }
}
