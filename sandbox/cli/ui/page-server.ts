// Serves the live page over HTTP. Runs in a process of its own, as a client of the control socket: hostile bytes of HTTP are parsed where there is nothing
// but what an operator may do anyway. It trusts no request:
// - Other programs of the host reach loopback. So each request needs a session (page-keys.ts).
// - A site that the operator visits can have the browser ask here. So the Host must be one of loopback (DNS rebinding), and a request that asks or changes
//   something must come from the page itself (Origin).
// - What plugins chose is in the answers. They are JSON, and the page runs no script but its own (Content-Security-Policy, Trusted Types).
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { DIST } from '../../../shared/bundles.js';
import { readUiAddress, type UiConfig } from '../../../shared/config/ui-address.js';
import { PosternError } from '../../../shared/errors.js';
import { ControlSocket } from '../../supervisor/control/control-socket.js';
import type { ControlLine } from './control-line.js';
import { PageKeys } from './page-keys.js';
import { PageStreams } from './page-streams.js';
import { previewRule } from './preview-rule.js';

const COOKIE = 'postern';
const MOST_BODY_BYTES = 16 * 1024;
const MOST_CONNECTIONS = 64;
const REQUEST_MS = 10_000;

/** What the page asks of the control socket. Nothing else is passed on. */
const METHODS: readonly string[] = [
  ...['connections', 'denials', 'events', 'rules', 'explain'],
  ...['approve', 'deny', 'disconnect'],
];
/** With `edit: true`. `preview` is answered here. */
const EDITS: readonly string[] = ['allow', 'preview'];

const HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

const HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>postern</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/page.css">
<script src="/page.js" defer></script>
</head>
<body><div id="page"></div><noscript>This page needs JavaScript.</noscript></body>
</html>
`;

type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

interface Route {
  readonly method: 'GET' | 'POST';
  readonly answer: Answer;
  /** Whether it needs a session. */
  readonly isOpen?: true;
}

export class PageServer {
  readonly #control: ControlLine;
  readonly #ui: UiConfig;
  readonly #keys = new PageKeys();
  readonly #streams: PageStreams;
  readonly #server: Server;
  readonly #routes: Readonly<Record<string, Route>>;
  #socket: ControlSocket | undefined;

  constructor(control: ControlLine, ui: UiConfig) {
    this.#control = control;
    this.#ui = ui;
    this.#streams = new PageStreams(control);
    const file = (name: string, type: string): Route => {
      const bytes = readFileSync(join(DIST, 'run', name));
      return {
        method: 'GET',
        isOpen: true,
        answer: (_request, response) => send(response, 200, type, bytes),
      };
    };
    this.#routes = {
      '/': {
        method: 'GET',
        isOpen: true,
        answer: (_request, response) => send(response, 200, 'text/html', HTML),
      },
      '/page.js': file('page.js', 'text/javascript'),
      '/page.css': file('page.css', 'text/css'),
      '/session': { method: 'POST', isOpen: true, answer: (...both) => this.#enter(...both) },
      '/call': { method: 'POST', answer: (...both) => this.#call(...both) },
      '/stream': { method: 'GET', answer: (_request, response) => this.#stream(response) },
    };
    this.#server = createServer(
      {
        requestTimeout: REQUEST_MS,
        headersTimeout: REQUEST_MS,
        keepAliveTimeout: REQUEST_MS,
        connectionsCheckingInterval: 1_000,
      },
      (request, response) => {
        this.#answer(request, response).catch(() => response.destroy());
      },
    );
    this.#server.maxConnections = MOST_CONNECTIONS;
  }

  /** @returns where it listens: `http://127.0.0.1:9465`, or for a UNIX socket `http://localhost` @throws PosternError `ui_address`, `control_socket` */
  async listen(): Promise<string> {
    const { address } = this.#ui;
    const read = readUiAddress(address);
    if ('problem' in read) throw new PosternError('ui_address', `No address for the page: ${read.problem}`);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause: NodeJS.ErrnoException) => {
        const inUse = 'another process listens there: choose another port';
        const fix = cause.code === 'EADDRINUSE' ? inUse : undefined;
        const message = `Cannot serve the page on "${address}": ${cause.code}`;
        reject(new PosternError('ui_address', message, { fix, cause }));
      });
      if (read.kind === 'tcp') this.#server.listen(read.port, read.host, resolve);
      else {
        this.#socket = new ControlSocket(read.path, false);
        this.#server.listen({ fd: this.#socket.socket.number }, resolve);
      }
    });
    const bound = this.#server.address();
    if (typeof bound !== 'object' || bound === null || read.kind === 'unix') return 'http://localhost';
    return `http://${read.host.includes(':') ? `[${read.host}]` : read.host}:${bound.port}`;
  }

  /** A link with this token may be used once. */
  admit(token: string): void {
    this.#keys.admit(token);
  }

  /** Before the end of the process. */
  close(): void {
    this.#streams.close();
    // It owns the descriptor, and removes the file.
    if (this.#socket !== undefined) this.#socket.close();
    else this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    // protects: G21 ui: a name that somebody else's DNS gave this address is refused
    if (!isLoopbackHost(request.headers.host))
      return refuse(response, 421, 'this is not the host of that name');
    const route = Object.hasOwn(this.#routes, request.url ?? '')
      ? this.#routes[request.url ?? '']
      : undefined;
    if (route === undefined) return refuse(response, 404, 'nothing is here');
    if (request.method !== route.method) return refuse(response, 405, `${route.method} is the method here`);
    // protects: G21 ui: no other page has the browser ask here
    if (!isOwnOrigin(request, route.method === 'POST'))
      return refuse(response, 403, 'that page may not ask here');
    if (route.isOpen !== true && !this.#hasSession(request))
      return refuse(response, 401, 'open the link that "postern ui" prints');
    await route.answer(request, response);
  }

  #hasSession({ headers }: IncomingMessage): boolean {
    const cookie = new RegExp(`(?:^|; )${COOKIE}=([\\w-]+)`).exec(headers.cookie ?? '')?.[1] ?? '';
    const key = /^Bearer ([\w-]+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
    // protects: G21 ui: without a session nothing is answered => return true;
    return this.#keys.isOpen({ cookie, key });
  }

  async #enter(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { token } = (await readBody(request)) ?? {};
    const secrets = typeof token === 'string' ? this.#keys.enter(token) : undefined;
    if (secrets === undefined)
      return refuse(response, 401, 'this link was used, or is too old: "postern ui" prints another');
    response.setHeader('Set-Cookie', `${COOKIE}=${secrets.cookie}; Path=/; HttpOnly; SameSite=Strict`);
    json(response, 200, { key: secrets.key });
  }

  #stream(response: ServerResponse): void {
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
    response.write(`${JSON.stringify({ topic: 'page', data: { edit: this.#ui.edit } })}\n`);
    if (!this.#streams.add(response))
      response.end(`${JSON.stringify({ topic: 'lost', data: 'too many pages are open' })}\n`);
  }

  async #call(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, params = {} } = (await readBody(request)) ?? {};
    const isKnown = typeof method === 'string' && [...METHODS, ...EDITS].includes(method);
    if (!isKnown) return refuse(response, 400, 'the page asks no such thing');
    // protects: G21 ui: without edit no rule is added
    if (!this.#ui.edit && (EDITS.includes(method) || writesRule(params)))
      return refuse(response, 403, 'this page may add no rule: write ui: {edit: true} for that');
    try {
      const result =
        method === 'preview'
          ? await previewRule(this.#control, params)
          : await this.#control.call(method, params);
      json(response, 200, { result });
    } catch (error) {
      if (!(error instanceof PosternError)) throw error;
      json(response, 422, {
        error: [...error.lines, ...(error.fix === undefined ? [] : [error.fix])].join('; '),
      });
    }
  }
}

/** An approval may be one by a rule of the file. */
function writesRule(params: unknown): boolean {
  const { scope } = { scope: undefined, ...(typeof params === 'object' ? params : {}) };
  return scope === 'rule';
}

/** With any port: it may be forwarded by ssh(1). */
function isLoopbackHost(host = ''): boolean {
  return /^(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])(?::\d{1,5})?$/.test(host);
}

/** @param must whether there must be an origin: browsers send none with a request that asks for a page */
function isOwnOrigin({ headers }: IncomingMessage, must: boolean): boolean {
  const { origin, host, 'sec-fetch-site': site } = headers;
  if (origin !== undefined) return origin === `http://${host}`;
  // `none`: a person typed the address, or opened a link elsewhere.
  return !must && (site === undefined || site === 'same-origin' || site === 'none');
}

/** @returns undefined for what is no object in JSON, or too long */
async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>> | undefined> {
  let text = '';
  request.setEncoding('utf8');
  for await (const part of request) {
    text += part;
    // protects: G21 ui: a request is bounded => void MOST_BODY_BYTES;
    if (text.length > MOST_BODY_BYTES) return undefined;
  }
  try {
    const read: unknown = JSON.parse(text);
    return typeof read === 'object' && read !== null ? { ...read } : undefined;
  } catch {
    return undefined;
  }
}

function refuse(response: ServerResponse, status: number, error: string): void {
  json(response, status, { error });
}

function json(response: ServerResponse, status: number, value: unknown): void {
  send(response, status, 'application/json', JSON.stringify(value));
}

function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, {
    'Content-Type': `${type}; charset=utf-8`,
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}
