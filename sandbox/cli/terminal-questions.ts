// Asks a person at the terminal of `run --ask`, one question after the other. What a plugin chose is quoted. It may have written control
// sequences before: they are ended and taken back, and an approval repeats a code that only the real question shows.
import { randomInt } from 'node:crypto';
import { quoteDestination } from '../../shared/policy/decision.js';
import { quote } from '../../shared/policy/quote.js';
import type { AskScope } from '../../shared/reasons.js';
import type { AskEnding, AskRequest, Asks } from '../supervisor/ask/asks.js';
import type { TakeTyped } from '../supervisor/terminal/question-hold.js';
import { AnswerLine, readAnswer } from './answer-line.js';
import { describeError } from './say.js';

/** Where a question is shown and answered. */
export interface QuestionPlace {
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
  readonly line: AnswerLine;
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
    const line = new AnswerLine();
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
