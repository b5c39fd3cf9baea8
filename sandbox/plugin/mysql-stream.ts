// The stream of a mysql2 connection. Runs in the plugin, on the main thread.
import { ChannelSocket } from './channel-socket.js';

/** The part of the arguments of mysql2's `stream` function that concerns the connection. */
export interface MysqlStreamOptions {
  readonly config: {
    readonly host?: string | undefined;
    readonly port?: number | string | undefined;
    readonly enableKeepAlive?: boolean | undefined;
    readonly keepAliveInitialDelay?: number | undefined;
  };
}

/**
 * For the option `stream` of mysql2's `createConnection` and `createPool`. `ssl` works over it.
 *
 * @example
 * import mysql from 'mysql2/promise';
 * import { mysqlStream } from 'postern/plugin';
 *
 * const connection = await mysql.createConnection({ host: 'db.example.com', user: 'app', stream: mysqlStream });
 * console.log((await connection.query('SELECT 1 AS one'))[0]);
 * await connection.end();
 *
 * @param options from mysql2: `config.host`, `config.port` and the keep-alive settings are read
 * @returns a connecting socket
 */
export function mysqlStream({ config }: MysqlStreamOptions): ChannelSocket {
  const { host = 'localhost', port = 3306, enableKeepAlive, keepAliveInitialDelay } = config;
  const socket = new ChannelSocket();
  socket.setNoDelay(true);
  if (enableKeepAlive === true) socket.setKeepAlive(true, keepAliveInitialDelay);
  socket.connect(Number(port), host);
  return socket;
}
