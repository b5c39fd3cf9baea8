// The supervisor's end of the line stream to the broker: one JSON object per line, in both directions.
import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { PosternError } from '../../../shared/errors.js';
import { LAST_WORDS_MS, MAX_LINK_LINE_BYTES, UNREAD_LINES_BYTES } from '../../../shared/limits.js';
import { LineReader } from '../../../shared/line-reader.js';
import type { BrokerLine, SupervisorLine } from '../../../shared/protocol/link.js';
import { duplicate } from '../../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { readBrokerLine } from './read-broker-line.js';

/** @param socket a stream socket to a broker, owned from here on */
export function linesOver(socket: OwnedFd, onUnread: () => void): BrokerLines {
  // Each way has a stream of its own: one that cannot write to a dead broker would not read either what that wrote last.
  const outgoing = new Socket({ fd: duplicate(socket.number).release(), readable: false, writable: true });
  const incoming = new Socket({ fd: socket.release(), readable: true, writable: false });
  return new BrokerLines(incoming, onUnread, outgoing);
}

/** Emits `line` for each valid line. It ignores other lines: the broker is not trusted. */
export class BrokerLines extends EventEmitter<{ line: [BrokerLine] }> {
  readonly #incoming: Socket;
  readonly #outgoing: Socket;
  readonly #onUnread: () => void;
  #unread = 0;
  #receivedBytes = 0;
  #id = 0;

  /** @param onUnread ends a broker that writes, and so makes this process answer, but does not read */
  constructor(incoming: Socket, onUnread: () => void = () => {}, outgoing: Socket = incoming) {
    super();
    this.#onUnread = onUnread;
    this.setMaxListeners(0);
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    const reader = new LineReader((text) => this.#onLine(text), MAX_LINK_LINE_BYTES);
    incoming.on('data', (chunk) => {
      this.#receivedBytes += chunk.length;
      if (!reader.push(chunk)) incoming.destroy();
    });
    for (const stream of [incoming, outgoing]) stream.on('error', () => stream.destroy());
  }

  /** How much has come so far. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Resolves when nothing more is read. */
  get closed(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#incoming.closed) resolve();
      else this.#incoming.once('close', () => resolve());
    });
  }

  send(line: SupervisorLine): void {
    if (!this.#outgoing.writable) return;
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    // Rules may be long. The supervisor sends them on its own, one plugin's at a time.
    const counted = line.type === 'plugin' ? 0 : bytes.length;
    this.#unread += counted;
    this.#outgoing.write(bytes, () => {
      this.#unread -= counted;
    });
    // protects: G13 a broker that leaves lines unread is ended
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
    this.#outgoing.end();
  }

  /** Reads what is left of a broker that has ended. Nothing else should hold the other end; if something does, it has little time. */
  closeSoon(): void {
    this.#outgoing.destroy();
    const timer = setTimeout(() => this.#incoming.destroy(), LAST_WORDS_MS);
    this.#incoming.once('close', () => clearTimeout(timer));
  }

  #onLine(text: string): void {
    const line = readBrokerLine(text);
    if (line !== undefined) this.emit('line', line);
  }
}
