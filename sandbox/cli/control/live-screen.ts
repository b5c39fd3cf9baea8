// A screen that is drawn again and again at a terminal, and leaves it as it was. Keys come one by one meanwhile.
import { writeSync } from 'node:fs';
import { ReadStream, WriteStream } from 'node:tty';
import { windowSize } from '../../../shared/sys/terminal.js';
import type { Size } from './top-lines.js';

// xterm's control sequences: the alternate screen, the cursor, and synchronized updates (other terminals ignore what they do not know).
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const [BEGIN, END] = ['\x1b[?2026h\x1b[H', '\x1b[J\x1b[?2026l'];
const REST_OF_LINE = '\x1b[K';
const STDIN = 0;
const STDOUT = 1;
const KEYS_TO_END = ['q', 'Q', '\x03'];
const KEY_TO_STOP = '\x1a';
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export class LiveScreen {
  readonly #output = new WriteStream(STDOUT);
  readonly #input: ReadStream | undefined = process.stdin.isTTY === true ? new ReadStream(STDIN) : undefined;
  readonly #draw: (size: Size) => readonly string[];
  #end: () => void = () => {};
  #isOn = false;
  /** Resolves when the user ends it. */
  readonly ended: Promise<void> = new Promise((resolve) => {
    this.#end = resolve;
  });

  /** @param draw returns the lines that fit. What they hold must not act on the terminal */
  constructor(draw: (size: Size) => readonly string[]) {
    this.#draw = draw;
    // Whatever ends this process: a terminal that is left raw is of no use. A later listener would come too late.
    process.prependListener('exit', () => this.close());
    for (const [signal, status] of Object.entries(SIGNALS))
      process.once(signal, () => {
        this.close();
        process.exit(status);
      });
    process.on('SIGCONT', () => {
      this.#enter();
      this.draw();
    });
    process.on('SIGWINCH', () => this.draw());
    this.#output.on('error', () => process.exit(0));
    this.#input?.on('error', () => this.#end());
    this.#input?.on('data', (bytes) => this.#take(bytes.toString('latin1')));
    this.#enter();
  }

  draw(): void {
    // A terminal that takes its time skips a picture.
    if (!this.#isOn || this.#output.writableLength > 0) return;
    const lines = this.#draw(sizeOf(STDOUT)).map((line) => `${line}${REST_OF_LINE}`);
    this.#output.write(`${BEGIN}${lines.join('\r\n')}${END}`);
  }

  /** Gives the terminal back. */
  close(): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    try {
      this.#input?.setRawMode(false);
      writeSync(STDOUT, LEAVE);
    } catch {
      // The terminal is gone.
    }
  }

  #enter(): void {
    if (this.#isOn) return;
    this.#isOn = true;
    this.#input?.setRawMode(true);
    this.#output.write(ENTER);
  }

  #take(keys: string): void {
    for (const key of keys) {
      if (KEYS_TO_END.includes(key)) this.#end();
      if (key !== KEY_TO_STOP) continue;
      this.close();
      process.kill(process.pid, 'SIGSTOP');
    }
  }
}

/** Node keeps the size of process.stdout alone up to date. A terminal that has none says 0. */
function sizeOf(fd: number): Size {
  const [rows = 0, columns = 0] = new Uint16Array(windowSize(fd)?.slice().buffer ?? []);
  return { columns: columns || 80, rows: rows || 24 };
}
