// Asks a person at the terminal of `run --ask`, one question after the other. What a plugin chose is quoted. It may have written control
// sequences before: they are ended and taken back, and an approval repeats a code that only the real question shows.

import { randomInt } from 'node:crypto';
import { quoteDestination } from '../../shared/policy/decision.js';
import { quote } from '../../shared/policy/quote.js';
import { ASK_SCOPES, type AskScope } from '../../shared/words.js';
import { shellWord } from '../host/shell-word.js';
import type { AskEnding, AskRequest, Asks } from '../supervisor/approval/asks.js';
import type { TakeTyped } from '../supervisor/terminal/question-hold.js';
import { limitLines } from './refusal-line.js';
import { describeError, say } from './say.js';

/** Where a question is shown and answered. */
interface QuestionPlace {
  readonly echoes: boolean;
  readonly say: (text: string) => unknown;
  /** @returns what ends it */
  readonly begin: (take: TakeTyped) => () => void;
}

/**
 * Ends a sequence or a string that is open, and a synchronized update. Then: usual colours and palette, character set, visible cursor, and no
 * scrolling region. ECMA-48, xterm's control sequences.
 */
const PLAIN =
  '\x18\x1b\\\x1b[?2026l\x1b]104\x1b\\\x1b]110\x1b\\\x1b]111\x1b\\\x1b[0m\x1b(B\x0f\x1b[?25h\x1b7\x1b[r\x1b8';
const CODE_LETTERS = 'abcdefghkmnpqrstuvwxyz23456789';
const CODE_LENGTH = 3;

interface Shown {
  readonly request: AskRequest;
  readonly code: string;
  readonly line: TypedLine;
  readonly end: () => void;
}

export class TerminalQuestions {
  readonly #asks: Asks;
  readonly #place: QuestionPlace;
  #waiting: AskRequest[] = [];
  #shown: Shown | undefined;

  constructor(asks: Asks, place: QuestionPlace) {
    this.#asks = asks;
    this.#place = place;
    asks.on('opened', (request) => {
      this.#waiting.push(request);
      this.#next();
    });
    asks.on('closed', (request, ending) => this.#closed(request, ending));
  }

  #next(): void {
    if (this.#shown !== undefined) return;
    const request = this.#waiting.shift();
    if (request === undefined) return;
    const code = Array.from({ length: CODE_LENGTH }, () => CODE_LETTERS[randomInt(CODE_LETTERS.length)]).join(
      '',
    );
    const { host, port, door, pid, program, plugin } = request;
    const who =
      program === undefined ? quote(plugin) : `${quote(program)}${pid === undefined ? '' : ` (pid ${pid})`}`;
    const wants = door === 'dns' ? 'looks up a name' : 'connects';
    this.#place.say(
      `${PLAIN}\npostern: ${who} ${wants} that no rule allows: ${quoteDestination(host, port)}\n${howTo(code)}`,
    );
    const line = new TypedLine();
    this.#shown = { request, code, line, end: this.#place.begin((bytes) => this.#typed(bytes)) };
  }

  #typed(bytes: Uint8Array): void {
    const shown = this.#shown;
    if (shown === undefined) return;
    const { lines, shown: echo } = shown.line.type(bytes);
    if (!this.#place.echoes && echo !== '') this.#place.say(echo);
    const [line] = lines;
    if (line === undefined) return;
    const { id } = shown.request;
    const answer = readAnswer(line, shown.code);
    if (answer === undefined) this.#place.say(howTo(shown.code));
    else this.#answer(id, answer, shown.code);
  }

  #answer(id: string, answer: AskScope | 'deny', code: string): void {
    try {
      if (answer === 'deny') this.#asks.deny(id, 'terminal');
      else this.#asks.approve(id, answer, 'terminal');
    } catch (error) {
      const lines = describeError(error).map((text) => `postern: ${text}\n`);
      this.#place.say(`${lines.join('')}${howTo(code)}`);
    }
  }

  #closed({ id }: AskRequest, ending: AskEnding): void {
    this.#waiting = this.#waiting.filter((request) => request.id !== id);
    if (this.#shown?.request.id !== id) return;
    const { end } = this.#shown;
    this.#shown = undefined;
    this.#place.say(describe(ending));
    end();
    this.#next();
  }
}

function howTo(code: string): string {
  return `postern: type "once ${code}", "run ${code}" (until the program ends) or "no": `;
}

function describe(ending: AskEnding): string {
  if (ending === 'withdrawn') return '\npostern: nobody waits for the answer any more\n';
  if (ending.by === 'terminal') return '';
  return ending.answer === 'timeout'
    ? '\npostern: nobody answered in time: denied\n'
    : `\npostern: it was answered elsewhere: ${ending.answer}\n`;
}

// Reads what a user types in answer to a question at the terminal. Pure.

const MOST_CHARACTERS = 64;
const ERASE: readonly number[] = [0x08, 0x7f];

/** Collects a line of printable ASCII. */
class TypedLine {
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
function readAnswer(line: string, code: string): AskScope | 'deny' | undefined {
  const words = line.trim().toLowerCase().split(/\s+/);
  if (words.length === 1 && words[0] === 'no') return 'deny';
  if (
    words.length !== 2 ||
    /* protects: G20 an approval at the terminal repeats the code of the question */ words[1] !== code
  )
    return undefined;
  return ASK_SCOPES.find((scope) => scope === words[0]);
}

// Tells on stderr what waits for an answer, where no terminal can ask: an operator answers over the control socket.

/** @param control the path of the control socket */
export function tellQuestions(asks: Asks, control: string): void {
  const tell = limitLines(say);
  asks.on('opened', ({ id, plugin, host, port }) =>
    tell(
      `"${plugin}" asks for ${quoteDestination(host, port)}, and waits: postern approve ${id} --control ${shellWord(control)}, or deny`,
    ),
  );
}
