// Agents of http and https over the channel. Runs in the plugin, on the main thread.

import { Agent, type ClientRequestArgs } from 'node:http';
import { type RequestOptions, Agent as SecureAgent } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect } from './connect.js';
import { impossibleOption } from './plugin-error.js';

export type SocketCallback = (error: Error | null, stream: Duplex) => void;

/** The part of createConnection()'s arguments that concerns the connection. */
interface AgentConnection {
  readonly host?: string | null | undefined;
  readonly port?: number | string | null | undefined;
  readonly timeout?: number | undefined;
  readonly noDelay?: boolean | undefined;
  readonly keepAlive?: boolean | undefined;
  readonly keepAliveInitialDelay?: number | undefined;
}

/** @param wrap makes the socket for the agent from the connection, for example a TLS socket */
function connectFor(
  options: AgentConnection,
  wrap: (socket: Socket) => Duplex | null | undefined,
  callback: SocketCallback | undefined,
): void {
  const { host, port, timeout, noDelay = true, keepAlive, keepAliveInitialDelay } = options;
  // Node's type has no call with an error alone.
  const fail = callback as ((error: Error) => void) | undefined;
  const problem = impossibleOption(options);
  if (problem !== undefined) {
    process.nextTick(() => fail?.(problem));
    return;
  }
  const adopt = (socket: Socket): void => {
    socket.setNoDelay(noDelay);
    if (keepAlive === true) socket.setKeepAlive(true, keepAliveInitialDelay);
    let stream: Duplex;
    try {
      stream = wrap(socket) ?? socket;
    } catch (error) {
      socket.destroy();
      fail?.(error as Error);
      return;
    }
    if (timeout && 'setTimeout' in stream) (stream as Socket).setTimeout(timeout);
    callback?.(null, stream);
  };
  // Outside of the promise: an exception of a listener is then uncaught, as with any agent.
  connect({ host: host || 'localhost', port: Number(port) }).then(
    (socket) => process.nextTick(adopt, socket),
    (error) => process.nextTick(() => fail?.(error)),
  );
}

/**
 * An `http.Agent` whose connections come from the channel. It takes the options of `http.Agent`, keep-alive included. It works with
 * everything that takes an agent: `http.request`, `ws` and most HTTP clients except fetch.
 *
 * @example
 * import http from 'node:http';
 * import { HttpAgent } from 'postern/plugin';
 *
 * const agent = new HttpAgent({ keepAlive: true });
 * http
 *   .get('http://example.com/', { agent }, (response) => {
 *     response.pipe(process.stdout);
 *     response.on('end', () => agent.destroy());
 *   })
 *   .on('error', (error) => console.error(error.code, error.suggestion));
 *
 * @throws PosternError as the request's `error` event, with the codes of connect()
 */
export class HttpAgent extends Agent {
  override createConnection(
    options: ClientRequestArgs,
    callback?: SocketCallback,
  ): Duplex | null | undefined {
    if (options.socketPath) return super.createConnection(options, callback);
    connectFor(options, (socket) => socket, callback);
    return undefined;
  }
}

/**
 * An `https.Agent` whose connections come from the channel. Certificate and server name are checked as usual, TLS sessions are
 * reused, and NODE_EXTRA_CA_CERTS applies.
 *
 * @example
 * import https from 'node:https';
 * import { HttpsAgent } from 'postern/plugin';
 *
 * const agent = new HttpsAgent({ keepAlive: true });
 * https
 *   .get('https://example.com/', { agent }, (response) => {
 *     response.pipe(process.stdout);
 *     response.on('end', () => agent.destroy());
 *   })
 *   .on('error', (error) => console.error(error.code, error.suggestion));
 *
 * @throws PosternError as the request's `error` event, with the codes of connect()
 */
export class HttpsAgent extends SecureAgent {
  override createConnection(options: RequestOptions, callback?: SocketCallback): Duplex | null | undefined {
    if (options.socketPath) return super.createConnection(options, callback);
    const secure = (socket: Duplex): Duplex | null | undefined =>
      super.createConnection({ ...options, socket } as RequestOptions);
    connectFor(options, secure, callback);
    return undefined;
  }
}
