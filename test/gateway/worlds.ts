// A gateway between a program and a TLS upstream, all in one process, over loopback.
import { once } from 'node:events';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type SecureServerOptions,
} from 'node:http2';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { type GatewayCertificates, makeCertificates } from '../../sandbox/gateway/certificates.js';
import {
  HostServer,
  type HostSettings,
  type HttpEvent,
  type Shared,
} from '../../sandbox/gateway/serve-host.js';
import type { TimeLimits } from '../../sandbox/gateway/time-limits.js';
import type { Connect } from '../../sandbox/gateway/upstream-http.js';
import { type HttpRule, readHttpRule } from '../../shared/policy/http-rules.js';

export const HOST = 'api.example.com';
export const SECRET = 'ghs_top-secret-0123456789';
export const TOKEN = 'postern_placeholder_0123456789';

export interface World {
  readonly events: HttpEvent[];
  /** Resolves when there are so many events. */
  readonly told: (count: number) => Promise<void>;
  /** What the upstream has got: method, path and headers. */
  readonly seen: Seen[];
  /** Connections that the upstream has accepted. */
  readonly connections: () => number;
  readonly trust: string;
  /** Connects as a program: TCP alone. */
  readonly dial: () => Socket;
  /** Connects as a program, with TLS. */
  readonly open: (protocols: readonly string[], servername?: string) => Promise<TLSSocket>;
  readonly port: number;
  /** Ends the gateway alone. */
  readonly endGateway: () => void;
  readonly close: () => Promise<void>;
}

export interface Seen {
  readonly version: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Http2ServerRequest['headers'];
}

export interface WorldOptions extends Partial<Omit<HostSettings, 'rules'>> {
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  /** Answers in the place of an echo. */
  readonly answer?: (request: Http2ServerRequest, response: Http2ServerResponse) => void;
  readonly server?: (server: Http2SecureServer) => void;
  /** Certificates of the upstream; by default those that the gateway trusts. */
  readonly upstreamCertificates?: GatewayCertificates;
  readonly upstreamHttp2?: boolean;
  readonly upstreamTls?: SecureServerOptions;
  readonly connect?: Connect;
  readonly shared?: Shared;
  readonly limits?: TimeLimits;
}

function rulesOf(texts: readonly string[]): readonly HttpRule[] {
  return texts.map((text) => {
    const read = readHttpRule(text);
    if (!read.ok) throw new Error(`${text}: ${read.message}`);
    return read.rule;
  });
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const {
    allow = [],
    deny = [],
    answer = echo,
    server,
    upstreamCertificates,
    upstreamHttp2 = true,
    upstreamTls,
    ...rest
  } = options;
  const outside = makeCertificates('upstream', [HOST, 'other.example.com'], new Date());
  const inside = makeCertificates('agent', [HOST], new Date());
  const upstreamLeaf = (upstreamCertificates ?? outside).leaves.get(HOST);
  const leaf = inside.leaves.get(HOST);
  if (upstreamLeaf === undefined || leaf === undefined) throw new Error('no leaf');
  const seen: Seen[] = [];
  let accepted = 0;
  const upstream = createSecureServer({
    key: upstreamLeaf.key,
    cert: upstreamLeaf.certificate,
    allowHTTP1: true,
    ...upstreamTls,
    ...(upstreamHttp2 ? {} : { ALPNCallback: () => 'http/1.1' }),
  });
  upstream.on('connection', () => {
    accepted += 1;
  });
  upstream.on('sessionError', () => {});
  upstream.on('request', (request, response) => {
    const { httpVersion: version, method, url: path, headers } = request;
    seen.push({ version, method, path, headers });
    answer(request, response);
  });
  server?.(upstream);
  await listening(upstream);
  const events: HttpEvent[] = [];
  const upstreamPort = portOf(upstream);
  const gateway = new HostServer(
    {
      ...{ host: HOST, leaf, mode: 'enforce', set: [], placeholders: [], secrets: new Map(), masks: true },
      roots: outside.authority,
      ...rest,
      rules: { allow: rulesOf(allow), deny: rulesOf(deny) },
    },
    443,
    options.connect ?? (async () => connect(upstreamPort, '127.0.0.1')),
    (event) => events.push(event),
    options.shared ?? { connections: 0, requests: 0, answers: 0, heldBytes: 0, onBegun: () => {} },
    options.limits,
  );
  const listener = createServer((socket) => gateway.accept(socket));
  await listening(listener);
  const port = portOf(listener);
  const sockets = new Set<Socket>();
  const dial = (): Socket => {
    const socket = connect(port, '127.0.0.1');
    sockets.add(socket);
    socket.on('error', () => {});
    return socket;
  };
  return {
    told: async (count) => {
      while (events.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    ...{ events, seen, port, dial, trust: inside.authority, connections: () => accepted },
    open: async (protocols, servername = HOST) => {
      const socket = tlsConnect({
        ...{ socket: dial(), servername, ca: inside.authority, ALPNProtocols: [...protocols] },
        checkServerIdentity: () => undefined,
      });
      await once(socket, 'secureConnect');
      socket.on('error', () => {});
      return socket;
    },
    endGateway: () => gateway.close(),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      gateway.close();
      listener.close();
      upstream.close();
      await Promise.all([once(listener, 'close'), once(upstream, 'close')]);
    },
  };
}

/** Answers with what it got. */
function echo(request: Http2ServerRequest, response: Http2ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    response.writeHead(200, { 'content-type': 'text/plain', 'x-path': request.url });
    response.end(Buffer.concat(chunks));
  });
}

async function listening(server: Server | Http2SecureServer): Promise<void> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}

function portOf(server: Server | Http2SecureServer): number {
  return (server.address() as AddressInfo).port;
}
