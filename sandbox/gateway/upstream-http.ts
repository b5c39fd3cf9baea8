// The connections of a gateway to one upstream: TLS with full verification, over sockets that the broker has connected. Kept open and used again. A request
// that came by HTTP/2 goes on by HTTP/2 if the upstream speaks it, every other one by HTTP/1.1. Runs in the gateway. Trusts nothing of the
// upstream: its bytes are parsed by Node.
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import {
  type ClientHttp2Session,
  constants,
  connect as http2Connect,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { ChannelAgent } from '../outgoing/channel-agent.js';
import { openTls } from '../outgoing/open-tls.js';
import { authorityOf, endToEnd, type Pairs, type Place, pairsOf, valuesOf } from './request-head.js';

/**
 * By HTTP/1.1, they wait for the next request. Fewer would make a busy program connect all the time. A request never waits for a connection: there are as many
 * as requests.
 */
const IDLE_CONNECTIONS = 64;
const IDLE_MS = 30_000;
/** A second one does nothing more, RFC 9110 section 9.2.2. */
const IDEMPOTENT: readonly string[] = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'];
/** Of all headers of an answer. */
const HEADER_BYTES = 65_536;

/** Makes a connection by the broker, under the plugin's rules. */
export type Connect = (place: Place) => Promise<Socket>;

/** In PEM. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface OutgoingRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Pairs;
  /** Undefined: there is none. If it breaks off, the signal says so, and it does not end. */
  readonly body: Readable | undefined;
  readonly http2: boolean;
  /** The program waits for `100 Continue` before it sends the body. */
  readonly onContinue?: (() => void) | undefined;
  /** Its headers go out now, to an upstream that has proved its name. */
  readonly onSent: () => void;
  readonly signal: AbortSignal;
}

export interface UpstreamAnswer {
  readonly status: number;
  readonly headers: Pairs;
  /** What was done to its body, on the way too. */
  readonly encodings: readonly string[];
  /** HTTP/2 may end an answer with its headers: gRPC then looks for its status there. */
  readonly endsWithHeaders: boolean;
  readonly body: Readable;
  /** Known when the body has ended. */
  readonly trailers: () => Pairs;
}

/** The upstream speaks another protocol from then on. */
export interface Switched {
  readonly headers: Pairs;
  readonly socket: Duplex;
  /** Its first bytes. */
  readonly first: Buffer;
}

export class Upstream {
  readonly #place: Place;
  readonly #connect: Connect;
  readonly #context: SecureContext;
  readonly #agent: ChannelAgent;
  /** Undefined until it is known, and where the upstream does not speak HTTP/2. */
  #session: Promise<ClientHttp2Session | undefined> | undefined;

  /** @param roots certificates in PEM; undefined: those of Node */
  constructor(place: Place, connect: Connect, roots: string | undefined, client?: ClientCertificate) {
    this.#place = place;
    this.#connect = connect;
    this.#context = createSecureContext({
      minVersion: 'TLSv1.2',
      ...(roots === undefined ? {} : { ca: roots }),
      ...client,
    });
    this.#agent = new ChannelAgent(() => this.#open(['http/1.1']), IDLE_CONNECTIONS);
  }

  /** @throws the error of the connect, of the handshake, or of the exchange */
  async send(request: OutgoingRequest, isRepeated = false): Promise<UpstreamAnswer> {
    const opened = request.http2 ? this.#http2() : undefined;
    const session = await opened;
    if (session === undefined) return this.#sendHttp1(request);
    // Its body waits for the window of the upstream, and not for its word.
    request.onContinue?.();
    try {
      return await sendHttp2(session, this.#place, request);
    } catch (error) {
      // The upstream closes the session, and has not looked at the request, RFC 9113 section 8.7.
      const mayRepeat = isUnprocessed(error) && request.body === undefined && !request.signal.aborted;
      if (!mayRepeat || isRepeated) throw error;
      if (this.#session === opened) this.#session = undefined;
      session.close();
      return this.send(request, true);
    }
  }

  /** @throws as {@link send} does @returns the answer if the upstream goes on as before */
  switch(request: OutgoingRequest): Promise<Switched | UpstreamAnswer> {
    return new Promise((resolve, reject) => {
      const sent = this.#begin(request, [
        ['connection', 'Upgrade'],
        ['upgrade', 'websocket'],
      ]);
      sent.once('upgrade', (answer, socket, first) =>
        resolve({ headers: endToEnd(pairsOf(answer.rawHeaders)), socket, first }),
      );
      sent.once('response', (answer) => resolve(answerOf(answer)));
      sent.on('error', reject).once('close', () => reject(unanswered()));
      sent.end();
    });
  }

  close(): void {
    this.#agent.destroy();
    void this.#session?.then((session) => session?.destroy()).catch(() => {});
  }

  #sendHttp1(request: OutgoingRequest): Promise<UpstreamAnswer> {
    return new Promise((resolve, reject) => {
      const { body, onContinue } = request;
      const sent = this.#begin(request, onContinue === undefined ? [] : [['expect', '100-continue']]);
      if (onContinue !== undefined) sent.once('continue', onContinue);
      let answered = false;
      sent.once('response', (answer) => {
        answered = true;
        resolve(answerOf(answer));
      });
      sent.on('error', (error: NodeJS.ErrnoException) => {
        // The upstream has closed a connection that waited for the next request.
        const isStale = sent.reusedSocket && !answered && error.code === 'ECONNRESET';
        const mayRepeat = body === undefined && IDEMPOTENT.includes(request.method);
        if (isStale && mayRepeat && !request.signal.aborted) resolve(this.#sendHttp1(request));
        else reject(error);
      });
      // protects: G23 gateway: an upstream that switches unasked is no answer
      sent.once('close', () => reject(unanswered()));
      if (body === undefined) sent.end();
      else {
        // What Node finds wrong with the head is thrown here. From a later write() it would end this process.
        sent.flushHeaders();
        body.pipe(sent);
      }
    });
  }

  #begin({ method, target, headers, body, onSent, signal }: OutgoingRequest, more: Pairs): ClientRequest {
    const framing: [string, string][] = [];
    if (body !== undefined) {
      framing.push(['connection', 'close']);
      if (!headers.some(([name]) => name.toLowerCase() === 'content-length'))
        framing.push(['transfer-encoding', 'chunked']);
    }
    const sent = httpRequest({
      agent: this.#agent,
      method,
      path: target,
      headers: groupHeaders([['host', authorityOf(this.#place)], ...headers, ...framing, ...more]),
      setHost: false,
      maxHeaderSize: HEADER_BYTES,
      insecureHTTPParser: false,
      signal,
    });
    sent.once('socket', onSent);
    // Some servers leave a body unread, and read it as the next request.
    // protects: G23 gateway: behind a body no request follows
    if (body !== undefined) sent.shouldKeepAlive = false;
    return sent;
  }

  /** @returns undefined if the upstream does not speak it */
  #http2(): Promise<ClientHttp2Session | undefined> {
    this.#session ??= this.#openSession().catch((error: unknown) => {
      this.#session = undefined;
      throw error;
    });
    return this.#session;
  }

  async #openSession(): Promise<ClientHttp2Session | undefined> {
    const socket = await this.#open(['h2', 'http/1.1']);
    if (socket.alpnProtocol !== 'h2') {
      this.#agent.keep(socket);
      return undefined;
    }
    const session = http2Connect(`https://${authorityOf(this.#place)}`, {
      createConnection: () => socket,
      maxSessionMemory: 10,
      settings: { enablePush: false, maxHeaderListSize: HEADER_BYTES },
    });
    const own = this.#session;
    const forget = (): void => {
      if (this.#session === own) this.#session = undefined;
    };
    session.on('error', forget).on('goaway', forget).on('close', forget);
    // Not a reason for this process to go on.
    session.setTimeout(IDLE_MS, () => {
      if (session.destroyed) return;
      forget();
      session.close();
    });
    return session;
  }

  async #open(protocols: string[]): Promise<TLSSocket> {
    const { host } = this.#place;
    return openTls(await this.#connect(this.#place), host, this.#context, protocols);
  }
}

function answerOf(answer: IncomingMessage): UpstreamAnswer {
  const headers = pairsOf(answer.rawHeaders);
  return {
    status: answer.statusCode ?? 502,
    headers: endToEnd(headers),
    encodings: encodingsOf(headers),
    endsWithHeaders: false,
    body: answer,
    trailers: () => endToEnd(pairsOf(answer.rawTrailers)),
  };
}

function encodingsOf(headers: Pairs): readonly string[] {
  return [
    ...valuesOf(headers, 'content-encoding'),
    /* protects: G23 gateway: an answer that is compressed on the way is refused */ ...valuesOf(
      headers,
      'transfer-encoding',
    ),
  ]
    .flatMap((value) => value.split(','))
    .map((one) => one.trim().toLowerCase())
    .filter((one) => !['', 'identity', 'chunked'].includes(one));
}

/** Headers of one name stand together. One that stands there twice counts once: by HTTP/2, Node takes no second one of many. */
export function groupHeaders(headers: Pairs): Record<string, string | string[]> {
  const groups = new Map<string, { readonly name: string; readonly values: string[] }>();
  for (const [name, value] of headers) {
    const group = groups.get(name.toLowerCase()) ?? { name, values: [] };
    if (!group.values.includes(value)) group.values.push(value);
    groups.set(name.toLowerCase(), group);
  }
  const entries = [...groups].map(
    ([
      lower,
      {
        name,
        values: [first = '', ...more],
      },
    ]) => [
      name,
      // HTTP/2 may have it in parts, RFC 9113 section 8.2.3.
      more.length === 0 || lower === 'cookie' ? [first, ...more].join('; ') : [first, ...more],
    ],
  );
  return Object.fromEntries(entries);
}

function sendHttp2(
  session: ClientHttp2Session,
  place: Place,
  { method, target, headers, body, onSent, signal }: OutgoingRequest,
): Promise<UpstreamAnswer> {
  return new Promise((resolve, reject) => {
    const fields = Object.fromEntries(
      Object.entries(groupHeaders(headers)).map(([name, value]) => [name.toLowerCase(), value]),
    );
    const stream = session.request(
      {
        ...fields,
        // Servers of gRPC look for it.
        te: 'trailers',
        [constants.HTTP2_HEADER_METHOD]: method,
        [constants.HTTP2_HEADER_SCHEME]: 'https',
        [constants.HTTP2_HEADER_AUTHORITY]: authorityOf(place),
        [constants.HTTP2_HEADER_PATH]: target,
      },
      { endStream: body === undefined, signal },
    );
    onSent();
    let trailers: Pairs = [];
    stream.once('trailers', (_, __, raw: unknown) => {
      trailers = rawPairs(raw);
    });
    stream.once(
      'response',
      (received: IncomingHttpHeaders & IncomingHttpStatusHeader, flags: number, raw: unknown) =>
        resolve({
          status: received[':status'] ?? 502,
          headers: endToEnd(rawPairs(raw)),
          encodings: encodingsOf(rawPairs(raw)),
          endsWithHeaders: (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0,
          body: stream,
          trailers: () => {
            // Node ends the body of a stream that breaks off as that of a whole one.
            // protects: G23 gateway: an answer that an upstream breaks off by HTTP/2 looks broken
            if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) throw unanswered();
            return trailers;
          },
        }),
    );
    stream.on('error', (error) =>
      reject(stream.rstCode === constants.NGHTTP2_REFUSED_STREAM ? new Unprocessed() : error),
    );
    stream.once('close', () => reject(unanswered()));
    body?.pipe(stream);
  });
}

class Unprocessed extends Error {
  readonly code = 'REFUSED_STREAM';
}

function isUnprocessed(error: unknown): boolean {
  if (error instanceof Unprocessed) return true;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  // The session has ended since it was asked for.
  return code === 'ERR_HTTP2_INVALID_SESSION' || code === 'ERR_HTTP2_GOAWAY_SESSION';
}

function unanswered(): Error {
  return new Error('the upstream has ended the exchange');
}

/** Node hands the raw headers over as one list. */
function rawPairs(raw: unknown): Pairs {
  return Array.isArray(raw) ? pairsOf(raw.map(String)) : [];
}
