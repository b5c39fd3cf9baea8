// An https.Agent over the channel. Runs in the plugin, on the main thread.
import { Agent, type RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { connectFor, type SocketCallback } from './connect-for.js';

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
export class HttpsAgent extends Agent {
  override createConnection(options: RequestOptions, callback?: SocketCallback): Duplex | null | undefined {
    if (options.socketPath) return super.createConnection(options, callback);
    const secure = (socket: Duplex): Duplex | null | undefined =>
      super.createConnection({ ...options, socket } as RequestOptions);
    connectFor(options, secure, callback);
    return undefined;
  }
}
