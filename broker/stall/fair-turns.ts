// What waits for one worker, by whom it is for: each in turn, so that who has much to do holds nobody up for longer than one piece.
export class FairTurns<Owner, Item> {
  /** Who is next comes first; each has one at least. */
  readonly #waiting = new Map<Owner, Item[]>();

  #last: Owner | undefined;

  add(owner: Owner, item: Item): void {
    const items = this.#waiting.get(owner);
    if (items === undefined) this.#waiting.set(owner, [item]);
    else items.push(item);
  }

  /** Takes the next one out. */
  next(): Item | undefined {
    const owner = this.#nextOwner();
    if (owner === undefined) return undefined;
    const [item, ...rest] = this.#waiting.get(owner) ?? [];
    this.#waiting.delete(owner);
    if (rest.length > 0) this.#waiting.set(owner, rest);
    this.#last = owner;
    return item;
  }

  /** Whoever had the last turn has the next one only where nobody else waits. */
  #nextOwner(): Owner | undefined {
    const [first, second] = this.#waiting.keys();
    return first === this.#last && second !== undefined ? second : first;
  }
}
