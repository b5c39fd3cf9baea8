// Runs in the town: the name server, the HTTP server that is allowed, and the listeners that no rule allows, which count
// connections. Tells its parent when it is ready. When the parent asks, it answers what the listeners heard.
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:net';
import { join, normalize } from 'node:path';
import { startNameServer } from '../../broker/name-server.js';
import { BY_NAME, CLOSED, CLOSED_NAME, NAME_SERVER, OPEN_ADDRESSES, OPEN_NAME, PORTS } from './addresses.js';

export interface Ready {
  readonly host: number;
  readonly town: number;
}

export interface Heard {
  /** Connections to what no rule allows. */
  readonly closed: number;
  /** `name TYPE` of each question that came to the name server. */
  readonly questions: readonly string[];
}

const [folder = '', host, town] = process.argv.slice(2);
let closed = 0;

function serve(request: IncomingMessage, response: ServerResponse): void {
  if (request.method === 'POST') {
    request.pipe(response);
    return;
  }
  const { pathname } = new URL(request.url ?? '/', 'http://town.example');
  if (pathname === '/') {
    response.end('welcome\n');
    return;
  }
  try {
    response.end(readFileSync(join(folder, normalize(pathname))));
  } catch {
    response.writeHead(404).end();
  }
}

function listen(server: Server, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, resolve);
  });
}

const counting = (): Server =>
  createServer((socket) => {
    closed += 1;
    socket.on('error', () => {});
    socket.destroy();
  });

const names = await startNameServer(
  {
    [`${OPEN_NAME} A`]: [BY_NAME.four],
    [`${OPEN_NAME} AAAA`]: [BY_NAME.six],
    [`${CLOSED_NAME} A`]: [CLOSED.four],
    [`${CLOSED_NAME} AAAA`]: [CLOSED.six],
  },
  {},
  { address: NAME_SERVER, port: 53 },
);
await Promise.all([
  ...OPEN_ADDRESSES.map((address) => listen(createHttpServer(serve), PORTS.http, address)),
  // An allowed address, and a port of it that no rule allows.
  ...OPEN_ADDRESSES.map((address) => listen(counting(), PORTS.otherHttp, address)),
  ...Object.values(CLOSED).flatMap((address) =>
    Object.values(PORTS).map((port) => listen(counting(), port, address)),
  ),
]);
process.on('message', () => process.send?.({ closed, questions: names.questions } satisfies Heard));
process.once('disconnect', () => process.exit());
process.send?.({ host: Number(host), town: Number(town) } satisfies Ready);
