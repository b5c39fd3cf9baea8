// A TCP listener of the host that counts connections and keeps the bytes it got. A listener that heard nothing proves a denial.
import { randomInt } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface Listener {
  readonly port: number;
  readonly server: Server;
  /** The number of connections that this process has accepted so far. */
  readonly connections: () => number;
  /**
   * The number of connections that came before this call, also of those that still waited for this process. Proves that nothing else came: the
   * kernel hands out connections in the order in which they came, so one that the listener makes to itself comes after them. What they had sent
   * by then has been heard.
   */
  readonly allConnections: () => Promise<number>;
  readonly heard: () => string;
  readonly close: () => Promise<void>;
}

/** @param serve called for each connection; by default the listener reads on and answers nothing */
export async function listen(
  serve?: (socket: Socket) => void,
  host = '127.0.0.1',
  port = 0,
): Promise<Listener> {
  let connections = 0;
  let heard = '';
  const sockets = new Set<Socket>();
  const visits = new SelfVisits();
  const server = createServer({ allowHalfOpen: false }, (socket) => {
    if (visits.isOne(socket)) return;
    connections += 1;
    sockets.add(socket);
    socket.on('data', (bytes: Buffer) => {
      if (heard.length < 65_536) heard += bytes.toString('latin1');
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    serve?.(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('Not listening');
  const { port: bound } = address;
  return {
    port: bound,
    server,
    connections: () => connections,
    allConnections: async () => {
      await visits.make(bound, host);
      await readWhatCame();
      return connections;
    },
    heard: () => heard,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** Two rounds of the event loop: the first one begins to read from what was accepted just now, the second one ends after those reads. */
async function readWhatCame(): Promise<void> {
  for (let round = 0; round < 2; round += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Below the ports that the kernel gives to others: see ip_local_port_range in ip(7). */
const [LEAST_PORT, MOST_PORT] = [10_000, 30_000];
const TRIES = 20;

/** Connections that a server's process makes to the server itself. When one is accepted, so is everything that came before it. */
export class SelfVisits {
  readonly #accepted = new Map<number, () => void>();

  /** For each connection that the server accepts. Ends it if it is a visit. */
  isOne(socket: Socket): boolean {
    const accepted = this.#accepted.get(socket.remotePort ?? 0);
    if (accepted === undefined) return false;
    socket.destroy();
    accepted();
    return true;
  }

  /** Connects, and waits until the server has accepted it. */
  async make(port: number, host: string): Promise<void> {
    for (let tries = TRIES; ; tries -= 1) {
      const localPort = randomInt(LEAST_PORT, MOST_PORT);
      const accepted = new Promise<undefined>((resolve) => {
        this.#accepted.set(localPort, () => resolve(undefined));
      });
      const socket = connect({ port, host, localPort });
      const failed = new Promise<Error>((resolve) => {
        socket.on('error', resolve);
      });
      const error = await Promise.race([accepted, failed]);
      this.#accepted.delete(localPort);
      socket.destroy();
      if (error === undefined) return;
      if (tries === 0) throw error;
    }
  }
}
