// Turns offsets in a text into lines and columns. The counter of the YAML library misses lines inside text that it cannot read.

export class TextPlaces {
  readonly #length: number;
  readonly #starts: readonly number[];

  constructor(text: string) {
    const starts = [0];
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
    this.#starts = starts;
    this.#length = text.length;
  }

  /** Line and column, from 1. An offset past the text counts as its end. */
  at(offset: number): { readonly line: number; readonly column: number } {
    const within = Math.min(offset, this.#length);
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] ?? 0) <= within) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: within - (this.#starts[low] ?? 0) + 1 };
  }
}
