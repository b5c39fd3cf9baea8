// Reads the destination of a call: a host and a port, or the path of a socket of the host. Runs in the plugin.
import { UNIX_PREFIX } from '../../shared/policy/socket-path.js';
import { argumentError, checkDestination, type Destination } from './check-destination.js';

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
