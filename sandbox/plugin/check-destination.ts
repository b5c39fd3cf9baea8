// Checks the destination of a call before it reaches the channel, where a malformed request would end the session. Runs in the plugin.

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
export function argumentError(
  kind: typeof TypeError | typeof RangeError,
  code: string,
  message: string,
): Error {
  return Object.assign(new kind(message), { code });
}
