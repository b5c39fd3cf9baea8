// One socket option that is carried from a plugin's socket to the one that takes its place. Runs in the broker.
import { readOption, writeOption } from '../../shared/sys/socket-option.js';

export class CarriedOption {
  readonly #level: number;
  readonly #name: number;
  readonly #value: Uint8Array;
  readonly #usual: Uint8Array;

  /** @param usual the value of a fresh socket */
  constructor(level: number, name: number, usual: Uint8Array) {
    this.#level = level;
    this.#name = name;
    this.#usual = usual;
    this.#value = new Uint8Array(usual.length);
  }

  /** @returns whether `from` has an unusual value, which `to` has now too */
  carry(from: number, to: number): boolean {
    if (readOption(from, this.#level, this.#name, this.#value) < 0 || this.#isUsual()) return false;
    writeOption(to, this.#level, this.#name, this.#value);
    return true;
  }

  #isUsual(): boolean {
    const value = this.#value;
    const usual = this.#usual;
    for (let at = 0; at < usual.length; at += 1) if (usual[at] !== value[at]) return false;
    return true;
  }
}
