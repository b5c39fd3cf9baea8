// A TCP listener of the host that counts connections and keeps the bytes it got. A listener that heard nothing proves a denial.
import { createServer, type Server, type Socket } from 'node:net';

export interface Listener {
  readonly port: number;
  readonly server: Server;
  /** The number of connections so far. */
  readonly connections: () => number;
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
  const server = createServer({ allowHalfOpen: false }, (socket) => {
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
  return {
    port: address.port,
    server,
    connections: () => connections,
    heard: () => heard,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
