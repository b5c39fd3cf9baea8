// postern/plugin/undici: fetch and undici over the channel. Runs in the plugin, on the main thread. It is a separate entry, so that
// the others need no undici.
import type { ConnectionOptions } from 'node:tls';
import { Agent, buildConnector } from 'undici';
import { MAX_CONNECT_TIMEOUT_MS } from '../../shared/limits.js';
import { connect } from './connect.js';

const CONNECT_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_DELAY_MS = 60_000;

type TlsOptions = Omit<ConnectionOptions, 'socket' | 'path' | 'host' | 'port' | 'lookup' | 'timeout'>;

export interface DispatcherOptions extends Omit<Agent.Options, 'connect' | 'localAddress' | 'socketPath'> {
  /** The options of tls.connect(), and those of undici, for example `timeout` (ms). */
  readonly connect?: TlsOptions & Omit<buildConnector.BuildOptions, 'socketPath'>;
}

/**
 * An undici `Agent` whose connections come from the channel: for `dispatcher` of fetch and of undici's functions, or for all of
 * them with `setGlobalDispatcher`. Certificate and server name are checked as usual.
 *
 * @example
 * import { fetch } from 'undici';
 * import { dispatcher } from 'postern/plugin/undici';
 *
 * const response = await fetch('https://example.com/', { dispatcher: dispatcher() });
 * console.log(response.status);
 *
 * @param options those of undici's Agent; `connect` with the TLS options and `timeout` (ms, 10,000 by default), no function
 * @returns an Agent, which the caller must close
 * @throws PosternError as the `cause` of fetch's TypeError, or as undici's own rejection, with the codes of connect()
 */
export function dispatcher(options: DispatcherOptions = {}): Agent {
  const { connect: settings = {}, ...rest } = options;
  const secure = buildConnector(settings);
  return new Agent({ ...rest, connect: connector(secure, settings) });
}

function connector(
  secure: buildConnector.connector,
  settings: buildConnector.BuildOptions,
): buildConnector.connector {
  const { keepAlive, keepAliveInitialDelay } = settings;
  // 0 is no limit in undici. The broker always has one.
  const limit = settings.timeout ?? CONNECT_TIMEOUT_MS;
  const timeout = limit === 0 ? undefined : Math.min(limit, MAX_CONNECT_TIMEOUT_MS);
  return (options, callback) => {
    const isSecure = options.protocol === 'https:';
    const port = Number(options.port) || (isSecure ? 443 : 80);
    connect({ host: unbracketed(options.hostname), port, timeout })
      .then((socket) => {
        if (keepAlive ?? true) socket.setKeepAlive(true, keepAliveInitialDelay ?? KEEP_ALIVE_DELAY_MS);
        socket.setNoDelay(true);
        if (isSecure) secure({ ...options, httpSocket: socket }, callback);
        else callback(null, socket);
      })
      .catch((error) => callback(error, null));
  };
}

function unbracketed(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host;
}
