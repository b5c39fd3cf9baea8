// Node's HTTP agent, with connections that the broker makes. Runs in gateways, and in the process that makes postern's own requests.
import { Agent } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

const IDLE_MS = 30_000;

export class ChannelAgent extends Agent {
  readonly #open: () => Promise<Socket>;
  readonly #kept: Socket[] = [];

  /** @param idle how many connections wait for a next request */
  constructor(open: () => Promise<Socket>, idle: number) {
    // A connection in use only tells its request that this time is over.
    super({ keepAlive: true, maxFreeSockets: idle, timeout: IDLE_MS });
    this.#open = open;
  }

  /** Takes a fresh connection, for the next request. */
  keep(socket: Socket): void {
    socket.on('error', () => {});
    this.#kept.push(socket);
  }

  override createConnection(
    _options: unknown,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const kept = this.#kept.pop();
    if (kept !== undefined && !kept.destroyed) callback?.(null, kept);
    else
      this.#open().then(
        (socket) => callback?.(null, socket),
        // Node takes no stream beside an error.
        (error) => callback?.(error, new Socket().destroy()),
      );
    return undefined;
  }
}
