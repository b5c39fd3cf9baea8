// What a plugin says by its notify socket, sd_notify(3). Runs in the supervisor, which reads a pipe: see launch/init.ts. The bytes are hostile.
// A plugin that says much waits: postern reads a few messages a second, and pipe and socket hold a few more.

import { printable } from '../../../shared/printable.js';
import { readOnce } from '../../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { READABLE, Watch } from '../../../shared/sys/uv-poll.js';
import { TokenBucket } from '../../../shared/token-bucket.js';

/** A message of a plugin to its notify socket, and how many of them are read in a second. */
const MAX_NOTICE_BYTES = 4096;
const NOTICES_PER_SECOND = 20;
/** Of a plugin's status, as an operator sees it. */
const SHOWN_STATUS_CHARACTERS = 256;

const buffer = new Uint8Array(MAX_NOTICE_BYTES);

export class NoticeInbox {
  /** Resolves when the plugin has said that it is ready. */
  readonly ready: Promise<void>;
  readonly #pipe: OwnedFd;
  readonly #watch: Watch;
  readonly #rate = new TokenBucket(NOTICES_PER_SECOND);
  #becomeReady: () => void = () => {};
  #pause: NodeJS.Timeout | undefined;
  #status: string | undefined;
  #isStopping = false;

  /** @param pipe the reading end of a pipe in packet mode, owned from here on */
  constructor(pipe: OwnedFd) {
    this.ready = new Promise((resolve) => {
      this.#becomeReady = resolve;
    });
    this.#pipe = pipe;
    this.#watch = new Watch(pipe.number, () => this.#receive());
    this.#watch.keepAlive(false);
    this.#watch.want(READABLE);
  }

  /** What the plugin last said about itself, for the operator. */
  get status(): string | undefined {
    return this.#status;
  }

  /** Whether the plugin has said that it ends. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  close(): void {
    clearTimeout(this.#pause);
    if (!this.#pipe.open) return;
    this.#watch.close();
    this.#pipe.close();
  }

  #receive(): void {
    while (/* protects: G8 notify: few messages a second are read => true */ this.#rate.owedMs === 0) {
      const length = readOnce(this.#pipe.number, buffer);
      // No message, or the process that writes has ended.
      if (length <= 0) {
        if (length === 0) this.#watch.want(0);
        return;
      }
      this.#rate.spend();
      this.#take(buffer.subarray(0, length));
    }
    this.#watch.want(0);
    this.#pause = setTimeout(() => this.#watch.want(READABLE), this.#rate.owedMs).unref();
  }

  #take(bytes: Uint8Array): void {
    const { isReady, isStopping, status } = readNotice(bytes);
    if (status !== undefined) this.#status = status;
    if (isStopping) this.#isStopping = true;
    if (isReady) this.#becomeReady();
  }
}

// Reads a message of a plugin to its notify socket, sd_notify(3). Pure. The bytes are hostile.

interface Notice {
  readonly isReady: boolean;
  readonly isStopping: boolean;
  /** For the operator: one line without a character that a terminal would obey. Undefined: the message has none. */
  readonly status: string | undefined;
}

/** @param bytes lines `KEY=VALUE`. Lines with other keys (MAINPID, FDSTORE, BARRIER, …) say nothing to postern */
export function readNotice(bytes: Uint8Array): Notice {
  const lines = new TextDecoder().decode(bytes).split('\n');
  const status = lines.findLast((line) => line.startsWith('STATUS='))?.slice('STATUS='.length);
  return {
    isReady: lines.includes('READY=1'),
    isStopping: lines.includes('STOPPING=1'),
    status:
      status === undefined
        ? undefined
        : /* protects: G13 notify: a status is bounded, and no terminal obeys it => status */ printable(
            status.slice(0, SHOWN_STATUS_CHARACTERS),
          ),
  };
}
