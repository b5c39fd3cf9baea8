// Serves one host of a gateway: ends the program's TLS, decides each request, and carries it to the upstream and its answer back. Runs in the gateway, which
// is confined as a plugin is. Trusts nothing of the program's bytes, and nothing of the upstream's. Node's parsers read both. What is decided is the path
// that is sent, and a secret goes out only over a connection that was verified.
import { type EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import {
  constants,
  createServer as createHttp2Server,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { Socket } from 'node:net';
import { type Duplex, Readable, type Writable } from 'node:stream';
import { createServer as createTlsServer, TLSSocket, type Server as TlsServer } from 'node:tls';
import { PLAIN_PORTS } from '../../shared/gateway.js';
import { decideHttp, type HttpDecision, type HttpRules } from '../../shared/policy/http-rules.js';
import type { HttpReason, Mode } from '../../shared/words.js';
import type { Leaf } from './certificates.js';
import { maskText, type Needles, needlesOf, SecretMask } from './mask-secrets.js';
import { type HttpRefusal, rawRefusal, refusalAnswer } from './refusal.js';
import {
  HEADER_BYTES,
  headProblem,
  outgoingHeaders,
  type Pairs,
  type Place,
  pairsOf,
  type RequestHead,
  secondPathOf,
  valuesOf,
  wantsWebSocket,
} from './request-head.js';
import type { Placeholder, Secrets } from './secrets.js';
import { type AwsSigning, signAws, signingProblem, signsBody } from './sign-aws.js';
import { limitHeads, limitIdle, TIME_LIMITS, type TimeLimits, whileSent } from './time-limits.js';
import {
  type ClientCertificate,
  type Connect,
  groupHeaders,
  type OutgoingRequest,
  Upstream,
  type UpstreamAnswer,
} from './upstream-http.js';

const HANDSHAKE_MS = 30_000;
/** Of all hosts of a gateway, at the same time. Each has a descriptor on either side: together they stay below 1,024. */
const CONNECTIONS = 400;
const REQUESTS = 400;
const STREAMS = 100;
/** That a program has not taken whole, of all its connections. Each keeps its request's head in memory. */
const OPEN_ANSWERS = 800;
/** Of a body that is held until it is whole, since the signature names its hash; and of all that are held at the same time. */
const HELD_BODY_BYTES = 10 * 1024 * 1024;
const HELD_BYTES = 64 * 1024 * 1024;
/** Then twice as much, each time. */
const HELD_AT_FIRST_BYTES = 16 * 1024;

export interface HostSettings {
  readonly host: string;
  readonly leaf: Leaf;
  readonly rules: HttpRules;
  readonly mode: Mode;
  /** Headers that are set, with their secrets. */
  readonly set: Pairs;
  readonly placeholders: readonly Placeholder[];
  /** Each request is signed for AWS, after all else. */
  readonly sign?: AwsSigning | undefined;
  readonly secrets: Secrets;
  /** Whether answers are searched for secrets. */
  readonly masks: boolean;
  /** The host's name for plain HTTP within the sandbox; undefined: only TLS is served. */
  readonly plainName?: string | undefined;
  /** Certificates that may sign the upstream's, in PEM; undefined: those of Node. */
  readonly roots: string | undefined;
  readonly client?: ClientCertificate | undefined;
}

/** What became of one request. */
export interface HttpEvent {
  readonly method: string;
  readonly host: string;
  readonly port: number;
  /** Without its query, and without a secret. */
  readonly path: string;
  readonly status: number;
  readonly decision: 'allow' | 'deny' | 'would_deny';
  readonly reason: HttpReason | undefined;
  /** The rule that allowed or denied it. */
  readonly rule: string | undefined;
  readonly suggestion: string | undefined;
  /** Of bodies, or of a WebSocket. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly durationMs: number;
  readonly injected: number;
  readonly masked: number;
}

/** What all hosts of a gateway have together. */
export interface Shared {
  connections: number;
  /** And WebSockets, that are on their way to an upstream. */
  requests: number;
  /** That the program has not taken whole. */
  answers: number;
  /** Of bodies that are held. */
  heldBytes: number;
  /** Called before anything of a request goes out: its event will follow. */
  readonly onBegun: () => void;
}

/** One host at one port. */
export class HostServer {
  readonly #settings: HostSettings;
  readonly #place: Place;
  readonly #upstream: Upstream;
  readonly #tls: TlsServer;
  readonly #needles: Needles;
  /** Whether a part of an answer may be asked for. What a signature sends of its secrets is of no use without the key, which is not sent. */
  readonly #isRanged: boolean;
  /** Of all secrets, also where answers are not searched. */
  readonly #logNeedles: Needles;
  readonly #onEvent: (event: HttpEvent) => void;
  readonly #http1: Server;
  readonly #http2: Http2Server;
  readonly #plain: Server;
  readonly #shared: Shared;
  readonly #limits: TimeLimits;
  readonly #sockets = new Set<Socket>();
  /** Without an event so far. */
  readonly #open = new Set<Measured>();

  constructor(
    settings: HostSettings,
    port: number,
    connect: Connect,
    onEvent: (event: HttpEvent) => void,
    shared: Shared,
    limits: TimeLimits = TIME_LIMITS,
  ) {
    this.#settings = settings;
    this.#shared = shared;
    this.#limits = limits;
    this.#place = { host: settings.host, port };
    this.#upstream = new Upstream(this.#place, connect, settings.roots, settings.client);
    this.#logNeedles = needlesOf(settings.secrets.values());
    this.#needles = settings.masks ? this.#logNeedles : [];
    const { sign, set, placeholders } = settings;
    this.#isRanged = sign !== undefined && set.length === 0 && placeholders.length === 0;
    this.#onEvent = onEvent;
    this.#tls = this.#serveTls(settings);
    this.#http1 = this.#serveHttp1();
    this.#http2 = this.#serveHttp2();
    this.#plain =
      settings.plainName === undefined ? this.#refusePlain() : this.#serveHttp1(settings.plainName);
  }

  /** Takes a connection of the program. */
  accept(socket: Socket): void {
    // protects: G23 gateway: connections of a program are bounded
    if (this.#shared.connections >= CONNECTIONS) {
      socket.destroy();
      this.#account(this.#unread(), TOO_MANY_CONNECTIONS);
      return;
    }
    this.#shared.connections += 1;
    this.#sockets.add(socket);
    socket
      .on('error', () => socket.destroy())
      .once('close', () => {
        this.#shared.connections -= 1;
        this.#sockets.delete(socket);
      });
    socket.setNoDelay(true);
    // Each request that waits listens for its end.
    socket.setMaxListeners(0);
    const end = (): void => void socket.destroy();
    // protects: G8 gateway: a connection on which nothing comes ends
    socket.setTimeout(this.#limits.idleMs, end);
    // Before its first byte it is a connection of the program's alone, and counts as one.
    socket.once('readable', () => {
      socket.setTimeout(0, end);
      const first: unknown = socket.read(1);
      if (!Buffer.isBuffer(first)) {
        socket.destroy();
        return;
      }
      socket.unshift(first);
      const server = first[0] === TLS_HANDSHAKE ? this.#tls : this.#plain;
      server.emit('connection', socket);
    });
  }

  /** Ends all. What is under way has its event now. */
  close(): void {
    // protects: G23 gateway: a request that a gateway's end breaks off has its event
    for (const measured of this.#open) this.#account(measured, undefined);
    for (const socket of this.#sockets) socket.destroy();
    this.#upstream.close();
  }

  #serveTls({ leaf }: HostSettings): TlsServer {
    const server = createTlsServer({
      ...{ key: leaf.key, cert: leaf.certificate, minVersion: 'TLSv1.2', handshakeTimeout: HANDSHAKE_MS },
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    const note = (error: NodeJS.ErrnoException): void => {
      if (UNTRUSTED.test(error.code ?? '')) this.#account(this.#unread(), DISTRUST);
    };
    server.on('tlsClientError', note);
    server.on('secureConnection', (secure) => {
      secure.on('error', note);
      secure.setMaxListeners(0);
      if (secure.alpnProtocol === 'h2') this.#beginHttp2(secure);
      else this.#http1.emit('connection', secure);
    });
    return server;
  }

  #refusePlain(): Server {
    const { host } = this.#settings;
    const server = serverOf(this.#limits, (refusal) => this.#account(this.#unread(), refusal));
    const refuse = (request: IncomingMessage, response: ServerResponse): void => {
      if (!this.#takes(request, response)) return;
      const refusal: HttpRefusal = {
        reason: 'https_only',
        message: `${host} is reached by https alone: a secret must not leave in the clear`,
        suggestion: `https://${host}/`,
      };
      writeRefusal(response, refusal);
      // For the program alone: it is no rule.
      this.#account(this.#measured(headOf(request)), { ...refusal, suggestion: undefined });
    };
    server.on('request', refuse).on('checkContinue', refuse).on('checkExpectation', refuse);
    return server;
  }

  /** @param plainName without TLS: the name of the host. An upgrade is passed over there: programs ask for HTTP/2 by it */
  #serveHttp1(plainName?: string): Server {
    const server = serverOf(this.#limits, (refusal) => this.#account(this.#unread(), refusal));
    const serve = (request: IncomingMessage, response: ServerResponse): void => {
      if (!this.#takes(request, response)) return;
      follow(request, response);
      void this.#serve(exchangeOf(request, response, plainName));
    };
    server.on('request', serve).on('checkContinue', serve);
    // Any expectation besides 100-continue.
    server.on('checkExpectation', serve);
    if (plainName === undefined)
      server.on('upgrade', (request: IncomingMessage, socket: Duplex, first: Buffer) => {
        // protects: G23 gateway: behind a refused head no WebSocket begins
        if (givenUp.has(request.socket)) return;
        void this.#upgrade(request, socket, first);
      });
    // protects: G23 gateway: CONNECT makes no tunnel
    server.on('connect', (request: IncomingMessage, socket: Duplex) => {
      const refusal: HttpRefusal = { reason: 'bad_request', message: 'the gateway makes no tunnel' };
      socket.end(rawRefusal(refusal));
      this.#account(this.#measured(headOf(request)), refusal);
    });
    return server;
  }

  #serveHttp2(): Http2Server {
    const server = createHttp2Server({
      maxSessionMemory: 10,
      maxSessionInvalidFrames: 100,
      settings: {
        // protects: G8 gateway: streams of a connection are bounded
        maxConcurrentStreams: STREAMS,
        maxHeaderListSize: HEADER_BYTES,
      },
    });
    server.on('sessionError', () => {});
    const serve = (request: Http2ServerRequest, response: Http2ServerResponse): void => {
      const exchange = http2ExchangeOf(request, response);
      const { stream } = request;
      // protects: G8 gateway: streams whose answers a program does not take are bounded
      if (!this.#hasRoom(stream)) {
        stream.close(constants.NGHTTP2_REFUSED_STREAM);
        this.#account(this.#measured(exchange.head), TOO_MANY_ANSWERS);
        return;
      }
      void this.#serve(exchange);
    };
    server.on('request', serve).on('checkContinue', serve).on('checkExpectation', serve);
    server.on('connect', serve);
    return server;
  }

  #beginHttp2(connection: TLSSocket): void {
    // The server tells the session at once.
    const begin = (session: ServerHttp2Session): void => {
      // protects: G8 gateway: a connection by HTTP/2 without a stream ends
      limitIdle(session, connection, this.#limits);
    };
    this.#http2.once('session', begin);
    this.#http2.emit('connection', connection);
    this.#http2.removeListener('session', begin);
  }

  /** Whether there is room for one more answer. It counts until one of these is closed: the program has taken it then, or has left. */
  #hasRoom(...ends: readonly EventEmitter[]): boolean {
    this.#shared.answers += 1;
    let isOpen = true;
    const free = (): void => {
      for (const one of ends) one.removeListener('close', free);
      // A connection's end can close its answer before this is called for itself.
      if (isOpen) this.#shared.answers -= 1;
      isOpen = false;
    };
    for (const one of ends) one.once('close', free);
    return this.#shared.answers <= OPEN_ANSWERS;
  }

  /** Whether a request by HTTP/1.1 is served. Node keeps one that is not until its connection ends, so that counts too. */
  #takes(request: IncomingMessage, response: ServerResponse): boolean {
    const { socket } = request;
    const isOver = givenUp.has(socket);
    // protects: G8 gateway: answers by HTTP/1.1 that a program does not take are bounded
    if (!this.#hasRoom(response, socket)) {
      givenUp.add(socket);
      socket.destroy();
      if (!isOver) this.#account(this.#measured(headOf(request)), TOO_MANY_ANSWERS);
      return false;
    }
    // protects: G23 gateway: nothing behind a refused head is read as a request => return true;
    return !isOver;
  }

  async #serve(exchange: Exchange): Promise<void> {
    const { head, response, sni, plainName } = exchange;
    const measured = this.#measured(head);
    const passed = this.#pass(head, sni, measured, plainName);
    if ('reason' in passed) {
      writeRefusal(response, passed);
      this.#account(measured, passed);
      return;
    }
    this.#shared.requests += 1;
    try {
      await this.#carry(exchange, passed, measured);
    } finally {
      this.#shared.requests -= 1;
    }
  }

  /** Decides. @returns what is sent, or why not */
  #pass(
    head: RequestHead,
    sni: string | undefined,
    measured: Measured,
    plainName?: string,
  ): Passed | HttpRefusal {
    const problem =
      plainName === undefined
        ? headProblem(head, this.#place, sni)
        : /* protects: G23 gateway: without TLS the host has another name => headProblem(head, this.#place, this.#place.host) */ headProblem(
            head,
            { host: plainName, port: PLAIN_PORTS.inside },
            plainName,
            PLAIN_PORTS.inside,
          );
    if (problem !== undefined) return problem;
    // protects: G23 gateway: requests of a program are bounded
    if (this.#shared.requests >= REQUESTS)
      return { reason: 'too_many_requests', message: `more than ${REQUESTS} requests at the same time` };
    const { rules, mode, placeholders, secrets, set, sign, masks } = this.#settings;
    const decision = decideHttp(rules, head);
    measured.rule = decision.rule;
    // protects: G23 gateway: a request that the rules refuse does not go out => false
    if (decision.decision === 'deny') {
      // Audit finds the rules that are missing. A deny rule is there.
      // protects: G23 gateway: a deny rule holds in mode audit => const isDenied = false;
      const isDenied = decision.rule !== undefined;
      if (mode === 'enforce' || isDenied || decision.target === undefined)
        return refusalOf(decision, head.method);
      Object.assign(measured, {
        decision: 'would_deny',
        reason: decision.reason,
        suggestion: decision.suggestion,
      });
    }
    const isRuled = rules.allow.length > 0 || rules.deny.length > 0;
    const second = isRuled ? secondPathOf(head.headers) : undefined;
    // protects: G23 gateway: with rules no header names a second path
    if (second !== undefined)
      return {
        reason: 'path_not_allowed',
        message: `the header ${second} names a second path, which no rule sees: read and write the content itself`,
      };
    const unsignable = sign && signingProblem(sign, head);
    if (unsignable !== undefined) return unsignable;
    const outgoing = outgoingHeaders(head.headers, {
      ...{ set, placeholders, secrets, searched: masks && secrets.size > 0 },
      ranged: this.#isRanged,
      ruled: isRuled,
    });
    if (outgoing === 'secret_missing')
      return { reason: 'secret_missing', message: 'a secret of this host could not be read' };
    if (outgoing === 'too_long')
      return { reason: 'bad_request', message: 'too many bytes of headers, with the secrets' };
    const injected = outgoing.injected + (sign === undefined ? 0 : 1);
    const onSent = (): void => {
      measured.injected = injected;
    };
    return { target: decision.target ?? head.target, headers: outgoing.headers, onSent };
  }

  async #carry(exchange: Exchange, { target, headers, onSent }: Passed, measured: Measured): Promise<void> {
    const { head, response, http2, body } = exchange;
    const [from, event] = exchange.leaves;
    const abort = new AbortController();
    // The program waits no longer.
    const leave = (): void => abort.abort();
    // protects: G23 gateway: a body that breaks off looks broken
    from.once(event, leave);
    body?.on('data', (chunk: Buffer) => {
      measured.sentBytes += chunk.length;
    });
    body?.pause();
    let isAsked = exchange.onContinue === undefined;
    const onContinue =
      exchange.onContinue &&
      (() => {
        isAsked = true;
        exchange.onContinue?.();
      });
    try {
      const request = {
        ...{ method: head.method, target, headers, body, http2, onContinue, onSent },
        signal: abort.signal,
      };
      const sent = this.#signed(request, measured).then((one) => this.#upstream.send(one));
      const answer = await (body === undefined
        ? sent
        : /* protects: G8 gateway: a body of which nothing comes ends => sent */ whileSent(
            body,
            this.#limits,
            () => isAsked || measured.sentBytes > 0,
            () => new ExchangeRefused(BODY_LATE),
            sent,
          ));
      await this.#answer(exchange, answer, measured, abort.signal);
      this.#account(measured, undefined);
    } catch (error) {
      const refusal = failureOf(error);
      const hasLeft = abort.signal.aborted;
      // protects: G23 gateway: an answer that breaks off looks broken => response.destroy()
      if (response.headersSent || hasLeft) response.destroy(new Error('the answer broke off'));
      else writeRefusal(response, refusal);
      abort.abort();
      this.#account(measured, hasLeft ? undefined : refusal);
    } finally {
      from.removeListener(event, leave);
      // The answer came before all of the body. A program may read it when it has sent that.
      if (body?.readableEnded === false) {
        body.unpipe().resume();
        abort.abort();
      }
    }
  }

  /** @throws ExchangeRefused for a body that is too long to be held */
  async #signed(request: OutgoingRequest, measured: Measured): Promise<OutgoingRequest> {
    const { sign } = this.#settings;
    if (sign === undefined) return request;
    const { body, onContinue } = request;
    if (body === undefined || !signsBody(sign))
      return { ...request, ...(await signAws(sign, this.#place, request)) };
    onContinue?.();
    const content = await this.#hold(body, measured, request.signal);
    const { target, headers } = await signAws(sign, this.#place, request, content);
    const framed = headers.filter(([name]) => name.toLowerCase() !== 'content-length');
    return {
      ...{ ...request, target, onContinue: undefined, body: Readable.from([content]) },
      headers: [...framed, ['content-length', String(content.length)]],
    };
  }

  async #hold(body: Readable, measured: Measured, signal: AbortSignal): Promise<Buffer> {
    // A program may send one byte at a time: a list of them would take a hundred times their size.
    let content = Buffer.alloc(HELD_AT_FIRST_BYTES);
    let length = 0;
    for await (const chunk of body.iterator({ destroyOnReturn: false })) {
      signal.throwIfAborted();
      if (length + chunk.length > content.length)
        content = Buffer.concat([content.subarray(0, length), chunk], 2 * (length + chunk.length));
      else content.set(chunk, length);
      length += chunk.length;
      measured.heldBytes += chunk.length;
      this.#shared.heldBytes += chunk.length;
      // protects: G8 gateway: a body that is held is bounded
      if (measured.heldBytes > HELD_BODY_BYTES) throw new ExchangeRefused(BODY_TOO_LARGE);
      // protects: G8 gateway: all bodies that are held are bounded
      if (this.#shared.heldBytes > HELD_BYTES) throw new ExchangeRefused(TOO_MANY_BODIES);
    }
    return content.subarray(0, length);
  }

  /** @throws the error of the upstream, or of the program */
  async #answer(
    { head, response }: Pick<Exchange, 'head' | 'response'>,
    { status, headers, encodings, body, trailers, endsWithHeaders }: UpstreamAnswer,
    measured: Measured,
    signal: AbortSignal,
  ): Promise<void> {
    const mask =
      this.#needles.length === 0
        ? undefined
        : new SecretMask(this.#needles, (bytes) => {
            measured.receivedBytes += bytes.length;
            response.write(bytes);
          });
    const hasBody = head.method !== 'HEAD' && status !== 204 && status !== 304;
    // protects: G23 gateway: a compressed answer, which cannot be searched, is refused
    if (mask !== undefined && hasBody && encodings.length > 0) throw new ExchangeRefused(COMPRESSED);
    // protects: G23 gateway: a part of an answer that nobody asked for is refused
    if (mask !== undefined && status === 206 && !this.#isRanged) throw new ExchangeRefused(PARTIAL);
    // Nobody waits for a piece of such an answer: it has an end.
    // protects: G23 gateway: an answer with a length waits for its end => const hasLength = false;
    const hasLength = valuesOf(headers, 'content-length').length > 0;
    // Node sends a Trailer in front of pieces alone, RFC 9112 section 7.1.2, and throws otherwise.
    const hasTrailers = hasBody && !hasLength && !endsWithHeaders;
    // protects: G23 gateway: an answer that has no trailers announces none => const shown = headers;
    const shown = hasTrailers ? headers : headers.filter(([name]) => name.toLowerCase() !== 'trailer');
    const passed = groupHeaders(this.#masked(shown, measured));
    if (endsWithHeaders) {
      response.statusCode = status;
      for (const [name, value] of Object.entries(passed)) response.setHeader(name, value);
      response.end();
      measured.status = status;
      return;
    }
    response.writeHead(status, passed);
    measured.status = status;
    // A program may wait for the head before it does what the upstream waits for.
    if (body.readableLength === 0) response.flushHeaders?.();
    const write = async (bytes: Buffer): Promise<void> => {
      measured.receivedBytes += bytes.length;
      // protects: G23 gateway: a slow program slows the upstream down
      if (bytes.length > 0 && !response.write(bytes)) await drained(response, signal);
    };
    try {
      for await (const chunk of body) {
        const passed = mask === undefined ? chunk : mask.take(chunk);
        // protects: G23 gateway: a program that pauses sees no part of a secret => if (!hasLength) mask?.wait(); await write(passed);
        await write(passed);
        if (!hasLength) mask?.wait();
      }
      if (mask !== undefined) await write(mask.end());
    } finally {
      mask?.end();
      measured.masked += mask?.masked ?? 0;
    }
    const last = this.#masked(trailers(), measured);
    if (last.length > 0 && head.method !== 'HEAD') response.addTrailers(Object.fromEntries(last));
    response.end();
  }

  /** A WebSocket. */
  async #upgrade(request: IncomingMessage, socket: Duplex, first: Buffer): Promise<void> {
    const head = headOf(request);
    const measured = this.#measured(head);
    const refuse = (refusal: HttpRefusal): void => {
      socket.end(rawRefusal(refusal));
      this.#account(measured, refusal);
    };
    socket.on('error', () => socket.destroy());
    if (!wantsWebSocket(head) || first.length > 0)
      return refuse({ reason: 'bad_request', message: 'the gateway switches to WebSocket alone' });
    const passed = this.#pass(head, sniOf(request.socket), measured);
    if ('reason' in passed) return refuse(passed);
    const abort = new AbortController();
    const { method } = head;
    const response = new ServerResponse(request);
    answers.set(request.socket, response);
    const leave = (): void => abort.abort();
    socket.once('close', leave);
    this.#shared.requests += 1;
    socket.once('close', () => {
      this.#shared.requests -= 1;
    });
    try {
      const outgoing = { ...passed, method, headers: this.#uncompressed(passed.headers) };
      const made = await this.#upstream.switch(
        await this.#signed({ ...outgoing, body: undefined, http2: false, signal: abort.signal }, measured),
      );
      if (!('socket' in made)) {
        response.shouldKeepAlive = false;
        response.assignSocket(request.socket);
        response.once('finish', () => socket.end());
        await this.#answer({ head, response }, made, measured, abort.signal);
        this.#account(measured, undefined);
        return;
      }
      socket.removeListener('close', leave);
      measured.status = 101;
      const lines = this.#masked(made.headers, measured).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n${lines.join('')}\r\n`,
      );
      join(socket, made.socket, made.first, measured, this.#needles, () =>
        this.#account(measured, undefined),
      );
    } catch (error) {
      const refusal = failureOf(error);
      const hasLeft = abort.signal.aborted;
      if (response.headersSent || hasLeft) socket.destroy();
      else socket.end(rawRefusal(refusal));
      abort.abort();
      this.#account(measured, hasLeft ? undefined : refusal);
    }
  }

  /** Messages that are compressed cannot be searched. */
  #uncompressed(headers: Pairs): Pairs {
    if (this.#needles.length === 0) return headers;
    return headers.filter(([name]) => name.toLowerCase() !== 'sec-websocket-extensions');
  }

  #masked(headers: Pairs, measured: Measured): Pairs {
    if (this.#needles.length === 0) return headers;
    return headers.map(([name, value]) => {
      const own = maskText(name, this.#needles);
      const { text, masked } = maskText(value, this.#needles);
      measured.masked += own.masked + masked;
      return [own.text, text];
    });
  }

  #measured({ method, target }: Pick<RequestHead, 'method' | 'target'>): Measured {
    const mark = target.indexOf('?');
    const path = mark < 0 ? target : target.slice(0, mark);
    // protects: G23 gateway: no event has a secret => const text = path;
    const { text } = maskText(path, this.#logNeedles);
    const measured: Measured = {
      ...{ method: method.slice(0, LOGGED_METHOD), startedAt: performance.now(), status: 0 },
      path: text.length > LOGGED_PATH ? `${text.slice(0, LOGGED_PATH - CUT.length)}${CUT}` : text,
      ...{ decision: 'allow', reason: undefined, rule: undefined, suggestion: undefined },
      ...{ sentBytes: 0, receivedBytes: 0, heldBytes: 0, injected: 0, masked: 0 },
    };
    this.#open.add(measured);
    // protects: G23 gateway: a request is announced before it goes out
    this.#shared.onBegun();
    return measured;
  }

  /** Of a request that no parser has understood. */
  #unread(): Measured {
    return this.#measured({ method: '', target: '' });
  }

  /** Each once. */
  #account(measured: Measured, refusal: HttpRefusal | undefined): void {
    if (!this.#open.delete(measured)) return;
    const { startedAt, heldBytes, ...known } = measured;
    this.#shared.heldBytes -= heldBytes;
    const { host, port } = this.#place;
    const suggestion = refusal?.suggestion ?? known.suggestion;
    const refused = refusal && {
      status: known.status || refusalAnswer(refusal).status,
      reason: refusal.reason,
      rule: refusal.rule ?? known.rule,
      decision: isFailure(refusal.reason) ? known.decision : ('deny' as const),
    };
    this.#onEvent({
      ...{ ...known, ...refused, host, port, durationMs: performance.now() - startedAt },
      suggestion: suggestion === undefined ? undefined : this.#logged(suggestion),
    });
  }

  /** A part of a rule is none. The supervisor drops an event that is too long. */
  #logged(suggestion: string): string | undefined {
    return suggestion.length > LOGGED_PATH ? undefined : maskText(suggestion, this.#logNeedles).text;
  }
}

const TLS_HANDSHAKE = 22;
/** What a program says that does not know the authority. */
const UNTRUSTED = /ALERT_(?:UNKNOWN_CA|CERTIFICATE_UNKNOWN|BAD_CERTIFICATE)/;
const DISTRUST: HttpRefusal = {
  reason: 'certificate_refused',
  message: 'the program does not take the certificate of the gateway',
};
const TOO_MANY_CONNECTIONS: HttpRefusal = {
  reason: 'too_many_requests',
  message: `more than ${CONNECTIONS} connections at the same time`,
};
const TOO_MANY_ANSWERS: HttpRefusal = {
  reason: 'too_many_requests',
  message: `more than ${OPEN_ANSWERS} answers that the program has not taken`,
};
/** Longer ones are cut, and end with a mark. */
const LOGGED_PATH = 1024;
const CUT = '...';
const LOGGED_METHOD = 32;

interface Passed {
  readonly target: string;
  readonly headers: Pairs;
  readonly onSent: () => void;
}

/** An event that is not over yet. */
interface Measured {
  readonly method: string;
  readonly path: string;
  readonly startedAt: number;
  status: number;
  decision: 'allow' | 'deny' | 'would_deny';
  reason: HttpReason | undefined;
  rule: string | undefined;
  suggestion: string | undefined;
  sentBytes: number;
  receivedBytes: number;
  heldBytes: number;
  injected: number;
  masked: number;
}

// Requests and answers of both protocols, as far as the gateway uses them.

type Response = Writable & {
  statusCode: number;
  readonly headersSent: boolean;
  setHeader(name: string, value: string | string[]): unknown;
  writeHead(status: number, headers: Record<string, string | string[]>): unknown;
  /** By HTTP/2 they go at once. */
  flushHeaders?(): void;
  getHeaderNames(): string[];
  removeHeader(name: string): void;
  addTrailers(headers: Record<string, string>): unknown;
};

interface Exchange {
  readonly head: RequestHead;
  readonly sni: string | undefined;
  /** Only of a request without TLS. */
  readonly plainName?: string | undefined;
  readonly response: Response;
  /**
   * What says that the program leaves. By HTTP/1.1 the connection: a response that waits behind another one on it does not close. By HTTP/2 an event
   * before the body ends: it ends there as a whole one does. For HEAD, Node has no such event, since nothing more is to be said.
   */
  readonly leaves: readonly [from: EventEmitter, event: string];
  /** Undefined: there is none. */
  readonly body: Readable | undefined;
  readonly http2: boolean;
  /** The program waits for it before it sends the body. */
  readonly onContinue: (() => void) | undefined;
}

function headOf(request: IncomingMessage): RequestHead {
  const { httpVersion, method = '', url: target = '', rawHeaders } = request;
  const version = httpVersion === '1.1' ? '1.1' : '1.0';
  return { version, method, target, authority: undefined, scheme: undefined, headers: pairsOf(rawHeaders) };
}

function exchangeOf(
  request: IncomingMessage,
  response: ServerResponse,
  plainName: string | undefined,
): Exchange {
  const head = headOf(request);
  const lengths = valuesOf(head.headers, 'content-length');
  const hasBody =
    valuesOf(head.headers, 'transfer-encoding').length > 0 || lengths.some((one) => one !== '0');
  return {
    ...{
      head,
      response,
      leaves: [request.socket, 'close'],
      http2: false,
      sni: sniOf(request.socket),
      plainName,
    },
    body: hasBody ? request : undefined,
    onContinue: waitsForContinue(head) ? () => response.writeContinue() : undefined,
  };
}

function http2ExchangeOf(request: Http2ServerRequest, response: Http2ServerResponse): Exchange {
  const { method, url, authority, scheme, rawHeaders, stream } = request;
  // A tunnel has none.
  const target: string = url ?? '';
  const headers = pairsOf(rawHeaders);
  const head: RequestHead = { version: '2.0', method, target, authority, scheme, headers };
  const event =
    /* protects: G23 gateway: by HTTP/2 a program that leaves a HEAD is noticed => false */ method === 'HEAD'
      ? 'close'
      : 'aborted';
  return {
    ...{ head, response, leaves: [stream, event], http2: true, sni: sniOf(stream.session?.socket) },
    body: stream.endAfterHeaders ? undefined : request,
    onContinue: waitsForContinue(head) ? () => response.writeContinue() : undefined,
  };
}

function waitsForContinue({ headers }: RequestHead): boolean {
  return valuesOf(headers, 'expect').some((one) => one.toLowerCase() === '100-continue');
}

/** The name that the program asked for in its TLS handshake. */
function sniOf(socket: unknown): string | undefined {
  const name = socket instanceof TLSSocket ? serverNameOf(socket) : undefined;
  return typeof name === 'string' ? name : undefined;
}

/** A server's socket has it too; the types do not say so. */
function serverNameOf(socket: TLSSocket & { readonly servername?: unknown }): unknown {
  return socket.servername;
}

function writeRefusal(response: Response, refusal: HttpRefusal): void {
  const { status, headers, body } = refusalAnswer(refusal);
  // The rest of the request is not read. A server of HTTP/2 has no such header. With another reason it is clear where the body ends: the program may go on to
  // send it before it reads the answer, and uses the connection again.
  if (response instanceof ServerResponse && CLOSING.includes(refusal.reason)) {
    response.shouldKeepAlive = false;
    // It has none once the program has left.
    const socket: Socket | null = response.req.socket;
    if (socket !== null) givenUp.add(socket);
  }
  // protects: G23 gateway: an answer that cannot be passed on is refused
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  response.writeHead(status, headers);
  response.end(body);
}

// Connections by HTTP/1.1 on which a request was refused for its form: where its body ends, nobody has agreed. They end with the refusal.

const CLOSING: readonly HttpReason[] = ['bad_request', 'host_mismatch', 'https_only', 'request_timeout'];
const givenUp = new WeakSet<object>();
/** The last answer on a connection by HTTP/1.1: nothing may be written into one that is under way. */
const answers = new WeakMap<object, ServerResponse>();
/** To be called when no head has begun on a connection by HTTP/1.1. */
const settles = new WeakMap<object, () => void>();

function follow(request: IncomingMessage, response: ServerResponse): void {
  const { socket } = request;
  answers.set(socket, response);
  for (const one of [request, response]) one.once('close', () => settles.get(socket)?.());
}

/** What comes is no head, or one that waits for its turn. */
function isServing(socket: Socket): boolean {
  const answer = answers.get(socket);
  return socket.writable && answer !== undefined && !(answer.writableFinished && answer.req.complete);
}

function refusalOf(decision: Extract<HttpDecision, { decision: 'deny' }>, method: string): HttpRefusal {
  const { reason, rule, suggestion } = decision;
  const message =
    reason === 'bad_request'
      ? 'servers could read the path in different ways'
      : rule === undefined
        ? `no rule allows ${method} on this path`
        : 'a rule denies it';
  return { reason, rule, suggestion, message };
}

const COMPRESSED: HttpRefusal = {
  reason: 'answer_compressed',
  message:
    'the upstream has compressed its answer, although it was asked not to, and it cannot be searched for secrets; reflect: allow lets it through',
};
const PARTIAL: HttpRefusal = {
  reason: 'upstream_failed',
  message:
    'the upstream has answered with a part, although it was asked for the whole, and a part cannot be searched for secrets; reflect: allow lets it through',
};
const BODY_TOO_LARGE: HttpRefusal = {
  reason: 'body_too_large',
  message: `the body has more than ${HELD_BODY_BYTES / 1024 / 1024} MiB, and its signature needs all of it: send it in parts`,
};
const TOO_MANY_BODIES: HttpRefusal = {
  reason: 'too_many_requests',
  message: `more than ${HELD_BYTES / 1024 / 1024} MiB of bodies that wait for their signatures at the same time`,
};

const HEAD_LATE: HttpRefusal = {
  reason: 'request_timeout',
  message: 'the head of the request did not come in time: send it at once',
};
const BODY_LATE: HttpRefusal = {
  reason: 'request_timeout',
  message: 'nothing more of the body came for too long: send the request again',
};

/** A body that does not go on, of a request or of an answer. */
class ExchangeRefused extends Error {
  readonly refusal: HttpRefusal;

  constructor(refusal: HttpRefusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/** What a program reads says nothing of the upstream's address. */
function failureOf(error: unknown): HttpRefusal {
  if (error instanceof ExchangeRefused) return error.refusal;
  const { code, reason } = error as { readonly code?: unknown; readonly reason?: unknown };
  if (code === 'EACCES')
    return { reason: 'connect_refused', message: `the rules refuse the connection: ${String(reason)}` };
  const why = typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : 'the exchange broke off';
  return { reason: 'upstream_failed', message: `the upstream did not answer: ${why}` };
}

function isFailure(reason: HttpReason): boolean {
  return reason === 'upstream_failed' || reason === 'secret_missing' || reason === 'answer_compressed';
}

/** @throws Error if the program leaves before */
async function drained(stream: Writable, signal: AbortSignal): Promise<void> {
  await once(stream, 'drain', { signal });
}

/**
 * Both ways, until one side ends. A server's frames carry their text as it is (RFC 6455 section 5.3), so they are searched without being parsed: a secret in
 * two frames is not found.
 */
function join(
  program: Duplex,
  upstream: Duplex,
  first: Buffer,
  measured: Measured,
  needles: Needles,
  onEnd: () => void,
): void {
  const mask = new SecretMask(needles, (bytes) => program.write(bytes), Number.POSITIVE_INFINITY);
  // Before somebody listens: a stream that flows would lose it.
  if (first.length > 0) upstream.unshift(first);
  program.on('data', (chunk: Buffer) => {
    measured.sentBytes += chunk.length;
  });
  upstream.on('error', () => program.destroy());
  // What one side has sent before it closed, the other one gets.
  program.once('close', () => {
    upstream.end(() => upstream.destroy());
    mask.end();
    measured.masked += mask.masked;
    onEnd();
  });
  const end = (): void => {
    if (!program.writableEnded) program.end(mask.end());
  };
  upstream.once('end', end).once('close', end);
  program.once('finish', () => program.destroy());
  program.pipe(upstream);
  upstream.on('data', (chunk: Buffer) => {
    measured.receivedBytes += chunk.length;
    // protects: G23 gateway: a secret in a message of a WebSocket is masked => const passed = chunk;
    const passed = mask.take(chunk);
    if (program.write(passed)) {
      mask.wait();
      return;
    }
    upstream.pause();
    const goOn = (): void => {
      upstream.resume();
      mask.wait();
    };
    // protects: G23 gateway: a program that pauses sees no part of a secret in a message => mask.wait(); program.once('drain', () => upstream.resume());
    program.once('drain', goOn);
  });
}

/** @param onBad takes what no parser has understood */
function serverOf(limits: TimeLimits, onBad: (refusal: HttpRefusal) => void): Server {
  const server = createServer({
    maxHeaderSize: HEADER_BYTES,
    // protects: G23 gateway: the parser is strict => insecureHTTPParser: true
    insecureHTTPParser: false,
    // request-head.ts says what is wrong without one, or with two.
    requireHostHeader: false,
    keepAliveTimeout: limits.idleMs,
    requestTimeout: 0,
  });
  // Node hides headers past a number. Their bytes are bounded.
  // protects: G23 gateway: no header is hidden from what decides
  server.maxHeadersCount = 0;
  server.setTimeout(limits.idleMs, (socket: Socket) => {
    // A request may take as long as it does.
    if (answers.get(socket)?.writableFinished !== false) socket.destroy();
  });
  const refuse = (socket: Duplex, refusal: HttpRefusal): void => {
    givenUp.add(socket);
    if (!socket.destroyed) socket.end(rawRefusal(refusal));
    onBad(refusal);
  };
  server.on('connection', (socket: Socket) => {
    const late = (): void => {
      if (socket.writable) {
        refuse(socket, HEAD_LATE);
        return;
      }
      // The program has had time to read why.
      socket.destroy();
    };
    // protects: G8 gateway: a head that stays unfinished ends
    settles.set(
      socket,
      limitHeads(socket, limits, () => isServing(socket), late),
    );
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (givenUp.has(socket)) return;
    // The connection is gone, and its requests say so.
    if (error.code?.startsWith('HPE_') !== true || error.code === 'HPE_INVALID_EOF_STATE') {
      socket.destroy();
      return;
    }
    const refusal: HttpRefusal = {
      reason: 'bad_request',
      message:
        error.code === 'HPE_HEADER_OVERFLOW' ? 'too many bytes of headers' : 'not well-formed HTTP/1.1',
    };
    const answer = answers.get(socket);
    const isUnderWay = answer?.headersSent === true && !answer.writableFinished;
    if (!socket.writable || isUnderWay) socket.destroy();
    refuse(socket, refusal);
  });
  return server;
}
