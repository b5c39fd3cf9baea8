// The connector of an ioredis client. Runs in the plugin, on the main thread.
import type { Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { ChannelSocket } from './channel-socket.js';

const DISCONNECT_TIMEOUT_MS = 2000;

interface RedisOptions {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly path?: string | undefined;
  readonly tls?: ConnectionOptions | undefined;
  readonly disconnectTimeout?: number | undefined;
}

/** The methods that ioredis calls on a connector of a single server. A failure is an error of the stream: ioredis then retries as usual. */
class ChannelConnector {
  firstError: Error | undefined;
  readonly #options: RedisOptions;
  #stream: Socket | undefined;

  constructor(options: RedisOptions) {
    this.#options = options;
  }

  async connect(): Promise<Socket> {
    const { host = 'localhost', port = 6379, path, tls } = this.#options;
    const socket = new ChannelSocket();
    if (path) socket.connect(path);
    else socket.connect(port, host);
    const stream = tls === undefined ? socket : connectTls({ host, ...tls, socket });
    stream.once('error', (error) => {
      this.firstError = error;
    });
    this.#stream = stream;
    return stream;
  }

  check(): boolean {
    return true;
  }

  disconnect(): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    const { disconnectTimeout = DISCONNECT_TIMEOUT_MS } = this.#options;
    const timer = setTimeout(() => stream.destroy(), disconnectTimeout);
    stream.once('close', () => clearTimeout(timer));
    stream.end();
  }
}

/**
 * For the option `Connector` of ioredis's `Redis`, for a single server: `host` and `port`, with or without `tls`. For a
 * cluster or sentinels start the program with postern/plugin/register.
 *
 * Only ioredis makes instances. The class that ioredis declares has private members, so no other class fits it; `never` does.
 *
 * @example
 * import { Redis } from 'ioredis';
 * import { RedisConnector } from 'postern/plugin';
 *
 * const redis = new Redis({ host: 'cache.example.com', Connector: RedisConnector });
 * redis.on('error', (error) => console.error(error.code, error.suggestion));
 * console.log(await redis.ping());
 * redis.disconnect();
 */
export const RedisConnector: new (options: unknown) => never = ChannelConnector as never;
