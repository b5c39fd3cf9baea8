// Runs in the network of a test's Internet: an HTTPS server with HTTP/1.1, HTTP/2 and WebSockets, for real clients. Prints `ready`, then each request as JSON.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import {
  createSecureServer,
  type Http2ServerRequest as Request,
  type Http2ServerResponse as Response,
} from 'node:http2';
import { createRequire } from 'node:module';
import { basename, join, normalize } from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';

interface Settings {
  readonly cert: string;
  readonly key: string;
  readonly address: string;
  readonly port: number;
  readonly folder: string;
}

interface Peer {
  send: (data: unknown, options: { binary: boolean }) => void;
  on: (event: 'message', listener: (data: Buffer, binary: boolean) => void) => void;
}
interface WebSocketServer {
  handleUpgrade: (request: unknown, socket: Duplex, head: Buffer, then: (peer: Peer) => void) => void;
}
/** The package has no types. */
type Ws = { WebSocketServer: new (options: { noServer: true }) => WebSocketServer };

async function serve({ cert, key, address, port, folder }: Settings): Promise<void> {
  const server = createSecureServer({ cert: readFileSync(cert), key: readFileSync(key), allowHTTP1: true });
  const { WebSocketServer }: Ws = createRequire(import.meta.url)('ws');
  const sockets = new WebSocketServer({ noServer: true });
  server.on('request', (request: Request, response: Response) => {
    tell(request);
    const [, first = '', ...rest] = request.url.split('?')[0]?.split('/') ?? [];
    const answer = ANSWERS[first];
    if (answer === undefined) response.writeHead(404).end();
    else answer(request, response, join(folder, first), normalize(`/${rest.join('/')}`));
  });
  server.on('upgrade', (request: Request, socket: Duplex, head: Buffer) => {
    tell(request);
    sockets.handleUpgrade(request, socket, head, (peer) =>
      peer.on('message', (data, binary) => peer.send(data, { binary })),
    );
  });
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  process.stdout.write('ready\n');
  process.stdin.resume().on('end', () => process.exit(0));
}

function tell({ httpVersion: version, method, url: path, headers }: Request): void {
  const { authorization = null } = headers;
  process.stdout.write(`${JSON.stringify({ version, method, path, authorization })}\n`);
}

/** By the first segment of the path. */
const ANSWERS: Readonly<
  Record<string, (request: Request, response: Response, folder: string, path: string) => void>
> = {
  headers: ({ headers }, response) => response.end(JSON.stringify(headers)),
  /** Never answers. */
  hold: () => {},
  /** With trailers if it is asked for them: Java's client cannot read any. */
  echo: (request, response, _, path) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    if (path === '/trailers') request.on('end', () => response.addTrailers({ 'x-end': 'yes' }));
    request.pipe(response);
  },
  /** Server-sent events, each when a request for `/next` comes. It never ends. */
  events: (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    streams.add(response.on('close', () => streams.delete(response)));
    response.write('data: begun\n\n');
  },
  next: (_, response) => {
    for (const stream of streams) stream.write('data: next\n\n');
    response.end();
  },
  /** `/ticks/SECONDS`: a server-sent event each second, with its number and the time at which it was sent. */
  ticks: (_, response, __, path) => {
    const seconds = Number(path.slice(1));
    let sent = 0;
    const send = (): void => {
      sent += 1;
      response.write(`data: ${sent} ${Date.now()}\n\n`);
      if (sent === seconds) response.end();
    };
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const timer = setInterval(send, 1000);
    response.on('close', () => clearInterval(timer));
  },
  git: serveGit,
  /** A registry: a document for each package, and its tarball. */
  npm: serveFile,
  /** An index, as PEP 503 has it. */
  pip: serveFile,
};
const streams = new Set<Response>();

function serveFile(_: Request, response: Response, folder: string, path: string): void {
  const file = path.endsWith('/') ? `${path}index.html` : path;
  try {
    const type = file.endsWith('.html')
      ? 'text/html'
      : basename(file).includes('.')
        ? 'application/octet-stream'
        : 'application/json';
    const content = readFileSync(join(folder, decodeURIComponent(file)));
    response.writeHead(200, { 'content-type': type }).end(content);
  } catch {
    response.writeHead(404).end();
  }
}

/** git-http-backend(1), which speaks CGI. */
function serveGit(request: Request, response: Response, folder: string, path: string): void {
  const { headers, method, url } = request;
  const child = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      GIT_PROTOCOL: String(headers['git-protocol'] ?? ''),
      HTTP_CONTENT_ENCODING: String(headers['content-encoding'] ?? ''),
      CONTENT_TYPE: headers['content-type'] ?? '',
      CONTENT_LENGTH: headers['content-length'] ?? '',
      // Without a user it refuses to receive.
      REMOTE_USER: headers.authorization === undefined ? '' : 'agent',
      REQUEST_METHOD: method,
      PATH_INFO: path,
      QUERY_STRING: url.split('?')[1] ?? '',
    },
  });
  request.pipe(child.stdin.on('error', () => {}));
  let head = Buffer.alloc(0);
  let begun = false;
  child.stdout.on('data', (chunk: Buffer) => {
    if (begun) {
      response.write(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    begun = true;
    const fields = head
      .subarray(0, end)
      .toString()
      .split('\r\n')
      .map((line): [string, string] => {
        const at = line.indexOf(':');
        return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
      });
    const { status = '200', ...rest } = Object.fromEntries(fields);
    response.writeHead(Number.parseInt(status, 10), rest);
    response.write(head.subarray(end + 4));
  });
  child.on('close', () => response.end());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await serve(JSON.parse(process.argv[2] ?? ''));
