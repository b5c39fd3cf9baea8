// A TCP listener of the host that remembers who came and what it heard: a denial is proved by one that heard nothing.
import { createServer, type Server, type Socket } from 'node:net';

export interface Listener {
  readonly port: number;
  readonly server: Server;
  /** How many connections came. */
  readonly connections: () => number;
  readonly heard: () => string;
  readonly close: () => Promise<void>;
}

/** @param serve what it does with each connection; by default it reads on and answers nothing */
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
