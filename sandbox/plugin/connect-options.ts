// Destinations and options of connect(), checked before anything is sent. Runs in the plugin.
import { MAX_CONNECT_TIMEOUT_MS } from '../../shared/limits.js';
import { UNIX_PREFIX } from '../../shared/policy/socket-path.js';

// The options of connect(), and their check.

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

// Checks the destination of a call before it reaches the channel, where a malformed request would end the session.

/** The bounds of a request, PROTOCOL.md. */
const MAX_HOST_BYTES = 1024;
const MAX_UTF8_BYTES_A_UNIT = 3;
const MAX_PORT = 65_535;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** A destination to connect to. */
export interface Destination {
  /** A name, or an IPv4 or IPv6 address as text, of at most 1,024 bytes of UTF-8. */
  readonly host: string;
  /** 0 to 65,535; the policy refuses 0. */
  readonly port: number;
}

/**
 * Checks types and bounds, and leaves the rest to the policy, which refuses an odd host with a reason.
 *
 * @throws TypeError ERR_INVALID_ARG_TYPE or ERR_INVALID_ARG_VALUE, RangeError ERR_SOCKET_BAD_PORT, with the codes and the
 *   classes that net.connect uses
 */
export function checkDestination(options: Destination): void {
  if (typeof options !== 'object' || options === null) {
    throw argumentError(TypeError, 'ERR_INVALID_ARG_TYPE', `"options" must be an object with host and port`);
  }
  const { host, port } = options;
  if (typeof host !== 'string') {
    throw argumentError(
      TypeError,
      'ERR_INVALID_ARG_TYPE',
      `"host" must be a string. Received ${typeof host}`,
    );
  }
  if (host.length * MAX_UTF8_BYTES_A_UNIT > MAX_HOST_BYTES && Buffer.byteLength(host) > MAX_HOST_BYTES) {
    throw argumentError(TypeError, 'ERR_INVALID_ARG_VALUE', `"host" is longer than ${MAX_HOST_BYTES} bytes`);
  }
  if (LONE_SURROGATE.test(host)) {
    throw argumentError(TypeError, 'ERR_INVALID_ARG_VALUE', '"host" is not well-formed Unicode');
  }
  if (typeof port !== 'number') {
    throw argumentError(
      TypeError,
      'ERR_INVALID_ARG_TYPE',
      `"port" must be a number. Received ${typeof port}`,
    );
  }
  if (!Number.isInteger(port) || port < 0 || port > MAX_PORT) {
    throw argumentError(
      RangeError,
      'ERR_SOCKET_BAD_PORT',
      `"port" must be an integer from 0 to ${MAX_PORT}. Received ${port}`,
    );
  }
}

/** An error about an argument, with a `code` as Node's own have. */
function argumentError(kind: typeof TypeError | typeof RangeError, code: string, message: string): Error {
  return Object.assign(new kind(message), { code });
}

// Reads the destination of a call: a host and a port, or the path of a socket of the host.

/** An AF_UNIX stream socket of the host to connect to. */
export interface SocketDestination {
  /** Absolute and in its shortest form. A rule must name exactly this path. */
  readonly path: string;
  readonly host?: undefined;
  readonly port?: undefined;
}

/**
 * @returns host and port as the channel has them
 * @throws as {@link checkDestination}
 */
export function readDestination(options: Destination | SocketDestination): Destination {
  const { path } = (options ?? {}) as Partial<SocketDestination>;
  if (path === undefined) {
    checkDestination(options as Destination);
    return options as Destination;
  }
  if (typeof path !== 'string')
    throw argumentError(
      TypeError,
      'ERR_INVALID_ARG_TYPE',
      `"path" must be a string. Received ${typeof path}`,
    );
  const destination = { host: `${UNIX_PREFIX}${path}`, port: 0 };
  checkDestination(destination);
  return destination;
}
