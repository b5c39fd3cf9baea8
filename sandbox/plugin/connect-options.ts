// The options of connect(), and their check. Runs in the plugin.
import { MAX_CONNECT_TIMEOUT_MS } from '../../shared/limits.js';
import { argumentError, type Destination } from './check-destination.js';
import { readDestination, type SocketDestination } from './read-destination.js';

/** Where, and how. */
export type ConnectOptions = (Destination | SocketDestination) & AttemptOptions;

export interface AttemptOptions {
  /** Ends the attempt when aborted. It does not touch a socket that is already connected. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds from 1 to 120,000 for name resolution and connecting together; the broker's 30,000 by default. */
  readonly timeout?: number | undefined;
  /** As in net.Socket: true keeps the writing side open after the peer's end. False by default. */
  readonly allowHalfOpen?: boolean | undefined;
}

/**
 * @returns host and port as the channel has them
 * @throws as readDestination, and RangeError ERR_OUT_OF_RANGE for the timeout
 */
export function checkOptions(options: ConnectOptions): Destination {
  const destination = readDestination(options);
  const { signal, timeout, allowHalfOpen } = options;
  if (signal !== undefined && !isSignal(signal)) {
    throw argumentError(TypeError, 'ERR_INVALID_ARG_TYPE', '"signal" must be an AbortSignal');
  }
  if (allowHalfOpen !== undefined && typeof allowHalfOpen !== 'boolean') {
    throw argumentError(TypeError, 'ERR_INVALID_ARG_TYPE', '"allowHalfOpen" must be a boolean');
  }
  if (timeout === undefined) return destination;
  if (typeof timeout !== 'number') {
    throw argumentError(
      TypeError,
      'ERR_INVALID_ARG_TYPE',
      `"timeout" must be a number. Received ${typeof timeout}`,
    );
  }
  if (!Number.isInteger(timeout) || timeout < 1 || timeout > MAX_CONNECT_TIMEOUT_MS) {
    const range = `an integer from 1 to ${MAX_CONNECT_TIMEOUT_MS}, in milliseconds`;
    throw argumentError(RangeError, 'ERR_OUT_OF_RANGE', `"timeout" must be ${range}. Received ${timeout}`);
  }
  return destination;
}

/** Checked by its shape, as Node does: a signal may come from another realm. */
function isSignal(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'aborted' in value &&
    'addEventListener' in value &&
    typeof value.addEventListener === 'function'
  );
}
