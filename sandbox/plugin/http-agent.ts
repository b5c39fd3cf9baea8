// An http.Agent over the channel. Runs in the plugin, on the main thread.
import { Agent, type ClientRequestArgs } from 'node:http';
import type { Duplex } from 'node:stream';
import { connectFor, type SocketCallback } from './connect-for.js';

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
