// Connects over a channel: the inquiry, the socket that comes back, and the ways in which a caller gives up. Runs in the plugin.

import { Socket } from 'node:net';
import { MAX_CONNECT_TIMEOUT_MS } from '../../shared/limits.js';
import { quoteDestination } from '../../shared/policy/decision.js';
import type { ConnectRequest } from '../../shared/protocol/messages.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Answer, Channel, Inquiry, Verdict } from './channel.js';
import {
  type AttemptOptions,
  type ConnectOptions,
  checkOptions,
  type Destination,
} from './connect-options.js';
import { PluginError } from './plugin-error.js';

/** How much longer than the time limit a client waits, so that the broker can report the timeout itself. */
const TIMEOUT_GRACE_MS = 250;

// Connects over a channel, in this order: check, ask, wait, wrap. Runs in the plugin, on the main thread.

/**
 * Connects over the channel that is given.
 *
 * @param findChannel called once the options are checked
 */
export async function connectOver(findChannel: () => Channel, options: ConnectOptions): Promise<Socket> {
  const destination = checkOptions(options);
  const { signal } = options;
  if (signal?.aborted) throw new AbortError(signal);
  const channel = findChannel();
  const descriptor = await new Promise<OwnedFd>((resolve, reject) => {
    new ConnectInquiry(channel, destination, options, resolve, reject);
  });
  // From here on the code runs in the async context of the call, so that the socket's events find its AsyncLocalStorage.
  try {
    if (signal?.aborted) throw new AbortError(signal);
    const socket = wrap(descriptor, options.allowHalfOpen ?? false);
    descriptor.release();
    return socket;
  } finally {
    descriptor.close();
  }
}

/** Where it throws, the descriptor keeps its owner: net.Socket opens it last. */
function wrap(descriptor: OwnedFd, allowHalfOpen: boolean): Socket {
  return new Socket({ fd: descriptor.number, readable: true, writable: true, allowHalfOpen });
}

// A connect that waits for its socket, with its abort and its time limit.

/** Settles once: with the descriptor, the broker's failure, the signal's abort or the end of its time. */
class ConnectInquiry implements Inquiry {
  id = -1;
  readonly #channel: Channel;
  readonly #destination: Destination;
  readonly #options: AttemptOptions;
  readonly #resolve: (descriptor: OwnedFd) => void;
  readonly #reject: (error: Error) => void;
  readonly #deadline: number = 0;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #onAbort: (() => void) | undefined;

  /** @throws as Channel.ask */
  constructor(
    channel: Channel,
    destination: Destination,
    options: AttemptOptions,
    resolve: (descriptor: OwnedFd) => void,
    reject: (error: Error) => void,
  ) {
    this.#channel = channel;
    this.#destination = destination;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    const { signal, timeout } = options;
    if (timeout !== undefined) this.#deadline = performance.now() + timeout;
    channel.ask(this);
    if (signal !== undefined) {
      this.#onAbort = () => this.#giveUp(new AbortError(signal));
      signal.addEventListener('abort', this.#onAbort, { once: true });
    }
    if (timeout !== undefined) {
      this.#timer = setTimeout(() => this.#giveUp(this.#timeoutError()), timeout + TIMEOUT_GRACE_MS);
    }
  }

  request(): ConnectRequest {
    const { id } = this;
    const { host, port } = this.#destination;
    const { timeout } = this.#options;
    if (timeout === undefined) return { op: 'connect', id, host, port };
    const left = Math.ceil(this.#deadline - performance.now());
    return { op: 'connect', id, host, port, timeout_ms: Math.min(Math.max(left, 1), MAX_CONNECT_TIMEOUT_MS) };
  }

  take(reply: Answer, descriptor: OwnedFd | undefined): Verdict {
    if (!reply.ok) {
      if (descriptor !== undefined) return 'foreign';
      this.fail(PluginError.from(reply));
      return 'over';
    }
    if (descriptor === undefined || 'part' in reply || 'decision' in reply) return 'foreign';
    this.#settle();
    this.#resolve(descriptor);
    return 'over';
  }

  fail(error: Error): void {
    this.#settle();
    this.#reject(error);
  }

  #giveUp(error: Error): void {
    this.#channel.abandon(this);
    this.fail(error);
  }

  #settle(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    if (this.#onAbort !== undefined) this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }

  #timeoutError(): PluginError {
    const { host, port } = this.#destination;
    const { timeout } = this.#options;
    const message = `Cannot connect to ${quoteDestination(host, port)}: no answer within ${timeout} ms`;
    return new PluginError('ETIMEDOUT', message, { reason: 'timeout' });
  }
}

// The error of an aborted call.

/**
 * As Node's own promises reject when their signal is aborted: `name` is AbortError, `code` ABORT_ERR, `cause` the
 * signal's reason. Node exports no such class.
 */
export class AbortError extends Error {
  override readonly name: string = 'AbortError';
  readonly code: string = 'ABORT_ERR';

  constructor(signal: AbortSignal) {
    super('The operation was aborted', { cause: signal.reason });
  }
}
