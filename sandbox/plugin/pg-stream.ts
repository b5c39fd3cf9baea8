// The stream of a pg client. Runs in the plugin, on the main thread.
import { ChannelSocket } from './channel-socket.js';

/**
 * For the option `stream` of pg's `Client` and `Pool`: a socket that pg connects. `ssl` works over it.
 *
 * @example
 * import pg from 'pg';
 * import { pgStream } from 'postern/plugin';
 *
 * const client = new pg.Client({ host: 'db.example.com', user: 'app', database: 'app', stream: pgStream });
 * await client.connect();
 * console.log((await client.query('SELECT 1 AS one')).rows);
 * await client.end();
 *
 * @returns an unconnected socket
 */
export function pgStream(): ChannelSocket {
  return new ChannelSocket();
}
