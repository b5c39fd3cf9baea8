// Runs in the network of internet.ts: its name server and its sites. Prints `ready` with its pid, then `NAME:PORT` for each connection.
import { readFileSync } from 'node:fs';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { Server } from 'node:net';
import { join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startNameServer, type Zone } from '../broker/name-server.js';

export interface Sites {
  /** By their names. */
  readonly addresses: Readonly<Record<string, string>>;
  readonly folder: string;
  /** Paths that answer with the headers of the request. */
  readonly echoes: readonly string[];
  /** Paths of the certificate of them all, and of its key. */
  readonly cert: string;
  readonly key: string;
}

/** One public to a policy, and one private. */
export const NETWORKS: readonly string[] = ['93.184.216.0/24', '10.1.2.0/24'];
export const NAME_SERVER: string = '93.184.216.53';

/** A public address for the site of that number. */
export function addressOf(index: number): string {
  return `93.184.216.${100 + index}`;
}

async function serve({ addresses, folder, echoes, cert, key }: Sites): Promise<void> {
  const zone: Zone = Object.fromEntries(
    Object.entries(addresses).flatMap(([name, address]) => [
      [`${name} A`, [address]],
      [`${name} AAAA`, []],
    ]),
  );
  await startNameServer(zone, {}, { address: NAME_SERVER, port: 53 });
  const answer: RequestListener = (request, response) => {
    const { host = '' } = request.headers;
    const { pathname } = new URL(request.url ?? '/', 'http://site.example');
    response.setHeader('Connection', 'close');
    if (pathname === '/') {
      response.end(`served ${host}\n`);
      return;
    }
    if (echoes.includes(pathname)) {
      response.end(JSON.stringify(request.headers));
      return;
    }
    try {
      response.end(readFileSync(join(folder, host, normalize(pathname))));
    } catch {
      response.writeHead(404).end();
    }
  };
  const pair = { cert: readFileSync(cert), key: readFileSync(key) };
  const names = new Map(Object.entries(addresses).map(([name, address]) => [address, name]));
  await Promise.all([listen(createHttp(answer), 80, names), listen(createHttps(pair, answer), 443, names)]);
  process.stdout.write(`ready ${process.pid}\n`);
  process.stdin.resume().on('end', () => process.exit(0));
}

function listen(server: Server, port: number, names: ReadonlyMap<string, string>): Promise<void> {
  server.on('connection', ({ localAddress = '' }) => {
    process.stdout.write(`${names.get(localAddress) ?? localAddress}:${port}\n`);
  });
  return new Promise((resolve) => server.listen(port, '0.0.0.0', resolve));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await serve(JSON.parse(process.argv[2] ?? ''));
