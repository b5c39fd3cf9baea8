// Writes audit events to stderr, stdout or a file, one JSON line each. A slow destination never blocks the supervisor: events that
// it does not take are dropped and counted. Node would write its own streams synchronously.
import { constants, createWriteStream, openSync, type WriteStream } from 'node:fs';
import { asciiJson } from '../../../shared/ascii-json.js';
import { PosternError } from '../../../shared/errors.js';
import { AUDIT_BACKLOG_BYTES } from '../../../shared/limits.js';
import type { AuditEvent } from '../../../shared/protocol/audit-events.js';
import { duplicate } from '../../../shared/sys/fcntl.js';
import { mayBeLink } from './audit-place.js';

export class AuditSink {
  readonly #stream: WriteStream;
  readonly #onDropped: () => void;
  #broken = false;

  /**
   * @param destination `stderr`, `stdout` or a path, to which lines are appended
   * @throws PosternError `audit_destination` where the path cannot be opened
   */
  constructor(destination: string, onDropped: () => void) {
    this.#onDropped = onDropped;
    this.#stream = createWriteStream('', { fd: open(destination) });
    this.#stream.on('error', () => {
      this.#broken = true;
    });
  }

  write(event: AuditEvent): void {
    if (this.#broken || this.#stream.writableLength > AUDIT_BACKLOG_BYTES) this.#onDropped();
    else this.#stream.write(`${asciiJson(event)}\n`);
  }

  /** Resolves when all events are written, or cannot be written. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#broken) resolve();
      this.#stream.once('close', resolve);
      this.#stream.end();
    });
  }
}

function open(destination: string): number {
  if (destination === 'stderr') return duplicate(2).release();
  if (destination === 'stdout') return duplicate(1).release();
  try {
    // Without O_NONBLOCK a FIFO without a reader would block the start, open(2).
    const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
    const flags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK;
    return openSync(destination, mayBeLink(destination) ? flags : flags | O_NOFOLLOW, 0o640);
  } catch (cause) {
    throw new PosternError('audit_destination', `Cannot append to the audit file "${destination}"`, {
      fix: 'name a file, not a link, in a folder that exists and that you may write',
      cause,
    });
  }
}
