// The upstreams of the demo on loopback: one speaks HTTP, one a line protocol in which the server speaks first. No rule allows the third
// one, and it must hear nothing.
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';

export interface Upstreams {
  readonly http: number;
  readonly lines: number;
  readonly forbidden: number;
  /** The number of connections to the forbidden one. */
  readonly trespasses: () => number;
  readonly close: () => void;
}

export async function startUpstreams(): Promise<Upstreams> {
  let trespasses = 0;
  const http = createHttpServer((request, response) => response.end(`you asked for ${request.url}\n`));
  const lines = createServer((socket) => {
    socket.write('hello, this server speaks first\n');
    socket.on('data', (bytes: Buffer) => socket.end(`you said ${bytes.toString().trim()}\n`));
    socket.on('error', () => socket.destroy());
  });
  const forbidden = createServer((socket) => {
    trespasses += 1;
    socket.destroy();
  });
  const servers = [http, lines, forbidden];
  const [a = 0, b = 0, c = 0] = await Promise.all(servers.map(portOf));
  return {
    http: a,
    lines: b,
    forbidden: c,
    trespasses: () => trespasses,
    close: () => {
      for (const server of servers) server.close();
    },
  };
}

function portOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}
