// Reads what a user types in answer to a question at the terminal. Pure.
import { ASK_SCOPES, type AskScope } from '../../shared/reasons.js';

const MOST_CHARACTERS = 64;
const ERASE: readonly number[] = [0x08, 0x7f];

/** Collects a line of printable ASCII. */
export class AnswerLine {
  #text = '';

  /** @returns the lines that are complete, and what a terminal that does not echo has to show */
  type(bytes: Uint8Array): { readonly lines: readonly string[]; readonly shown: string } {
    const lines: string[] = [];
    let shown = '';
    for (const byte of bytes) {
      if (byte === 0x0a || byte === 0x0d) {
        lines.push(this.#text);
        this.#text = '';
        shown += '\n';
      } else if (ERASE.includes(byte)) {
        if (this.#text !== '') shown += '\b \b';
        this.#text = this.#text.slice(0, -1);
      } else if (byte >= 0x20 && byte < 0x7f && this.#text.length < MOST_CHARACTERS) {
        this.#text += String.fromCharCode(byte);
        shown += String.fromCharCode(byte);
      }
    }
    return { lines, shown };
  }
}

/**
 * @param code of the question, which an approval has to repeat: who did not read the question does not know it
 * @returns undefined for anything that is no answer
 */
export function readAnswer(line: string, code: string): AskScope | 'deny' | undefined {
  const words = line.trim().toLowerCase().split(/\s+/);
  if (words.length === 1 && words[0] === 'no') return 'deny';
  if (
    words.length !== 2 ||
    /* protects: G20 an approval at the terminal repeats the code of the question */ words[1] !== code
  )
    return undefined;
  return ASK_SCOPES.find((scope) => scope === words[0]);
}
