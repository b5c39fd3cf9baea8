// The server of the gateway's measure, and the plain proxy beside the gateway: Node's own https, one process, and nothing besides. Prints a line when it
// listens, and ends with its stdin.
//
// https-server SETTINGS, as JSON
import { readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { Agent, createServer, request } from 'node:https';
import { pipeline } from 'node:stream';
import { fileURLToPath } from 'node:url';

export interface HttpsServer {
  readonly cert: string;
  readonly key: string;
  readonly address: string;
  readonly port: number;
  /** What a request has to bear: another one is 401. */
  readonly authorization: string;
  /** Of a proxy: the server that it asks. */
  readonly upstream?: { readonly host: string; readonly address: string };
}

const CHUNK = Buffer.alloc(65_536, 'x');

const serve =
  (authorization: string): RequestListener =>
  ({ url = '', headers }, response) => {
    if (headers.authorization !== authorization) {
      response.writeHead(401).end();
      return;
    }
    const [path, bytes] = url.split('?');
    if (path !== '/bulk') {
      response.writeHead(200, { 'content-length': 2 }).end('ok');
      return;
    }
    let left = Number(bytes);
    response.writeHead(200, { 'content-length': left });
    const write = (): void => {
      while (left > 0) {
        const chunk = CHUNK.subarray(0, left);
        left -= chunk.length;
        if (!response.write(chunk)) {
          response.once('drain', write);
          return;
        }
      }
      response.end();
    };
    write();
  };

/** The least that such a proxy does: it ends TLS, sets the header, and asks by TLS. */
function forward({ port, authorization, upstream }: HttpsServer): RequestListener {
  const agent = new Agent({ keepAlive: true });
  return ({ method, url, headers }, response) => {
    const sent = request({
      ...{ agent, port, method, path: url, headers: { ...headers, authorization } },
      ...{ host: upstream?.address, servername: upstream?.host },
    });
    sent.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      pipeline(answer, response, () => {});
    });
    sent.on('error', () => response.destroy()).end();
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const settings: HttpsServer = JSON.parse(process.argv[2] ?? '');
  const { cert, key, address, port, authorization, upstream } = settings;
  createServer(
    { cert: readFileSync(cert), key: readFileSync(key), keepAliveTimeout: 600_000 },
    upstream === undefined ? serve(authorization) : forward(settings),
  ).listen(port, address, () => console.log('listening'));
  process.stdin.resume().on('end', () => process.exit(0));
}
