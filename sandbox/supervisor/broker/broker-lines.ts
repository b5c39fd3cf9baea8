// The supervisor's end of the line stream to the broker: one JSON object per line, in both directions.
import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { PosternError } from '../../../shared/errors.js';
import { MAX_LINK_LINE_BYTES, UNREAD_LINES_BYTES } from '../../../shared/limits.js';
import { LineReader } from '../../../shared/line-reader.js';
import { BROKER_LINE_FD, type BrokerLine, type SupervisorLine } from '../../../shared/protocol/link.js';
import { readBrokerLine } from './read-broker-line.js';

/** The stream that spawn() made at the broker's descriptor for lines. */
export function lineStream(child: ChildProcess): Socket {
  const streams: readonly unknown[] = child.stdio;
  const stream = streams[BROKER_LINE_FD];
  if (stream instanceof Socket) return stream;
  throw new PosternError('broker_failed', 'The broker did not start');
}

/** Emits `line` for each valid line. It ignores other lines: the broker is not trusted. */
export class BrokerLines extends EventEmitter<{ line: [BrokerLine] }> {
  readonly #stream: Socket;
  readonly #onUnread: () => void;
  #unread = 0;
  #id = 0;

  /** @param onUnread ends a broker that writes, and so makes this process answer, but does not read */
  constructor(stream: Socket, onUnread: () => void = () => {}) {
    super();
    this.#onUnread = onUnread;
    this.setMaxListeners(0);
    this.#stream = stream;
    const reader = new LineReader((text) => this.#onLine(text), MAX_LINK_LINE_BYTES);
    stream.on('data', (chunk) => {
      if (!reader.push(chunk)) stream.destroy();
    });
    stream.on('error', () => stream.destroy());
  }

  send(line: SupervisorLine): void {
    if (!this.#stream.writable) return;
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    // Rules may be long. The supervisor sends them on its own, one plugin's at a time.
    const counted = line.type === 'plugin' ? 0 : bytes.length;
    this.#unread += counted;
    this.#stream.write(bytes, () => {
      this.#unread -= counted;
    });
    if (this.#unread > UNREAD_LINES_BYTES) this.#onUnread();
  }

  nextId(): number {
    this.#id += 1;
    return this.#id;
  }

  /** Waits for the first line for which `pick` returns a value. @throws PosternError `broker_failed` after the time */
  expect<T>(pick: (line: BrokerLine) => T | undefined, milliseconds: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => {
        clearTimeout(timer);
        this.off('line', onLine);
        finish();
      };
      const onLine = (line: BrokerLine): void => {
        try {
          const found = pick(line);
          if (found !== undefined) settle(() => resolve(found));
        } catch (error) {
          settle(() => reject(error));
        }
      };
      const late = new PosternError(
        'broker_failed',
        `The broker gave no answer within ${milliseconds / 1000} s`,
      );
      const timer = setTimeout(() => settle(() => reject(late)), milliseconds);
      this.on('line', onLine);
    });
  }

  end(): void {
    this.#stream.end();
  }

  close(): void {
    this.#stream.destroy();
  }

  #onLine(text: string): void {
    const line = readBrokerLine(text);
    if (line !== undefined) this.emit('line', line);
  }
}
