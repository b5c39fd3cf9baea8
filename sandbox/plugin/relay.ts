// Makes a net.Socket without a connection read and write the socket that the broker hands over. Runs in the plugin. It relies on
// the documented behaviour of Node's streams and sockets; no private handle is moved between them.
import { Socket } from 'node:net';
import { connect } from './connect.js';
import type { Destination } from './connect-options.js';

/** Settings made on a socket, by name, to be repeated on the connection. */
export type Settings = Map<'noDelay' | 'keepAlive' | 'ref', (inner: Socket) => void>;

type Done = (error?: Error | null) => void;

interface Waiting {
  readonly act: (inner: Socket) => void;
  readonly done: Done;
}

const ADDRESSES = [
  'remoteAddress',
  'remoteFamily',
  'remotePort',
  'localAddress',
  'localFamily',
  'localPort',
] as const;

/** One connection of a socket. It is requested at once, and ends with the socket. */
export class Relay {
  readonly #socket: Socket;
  readonly #settings: Settings;
  readonly #abort = new AbortController();
  readonly #waiting: Waiting[] = [];
  #clock: Socket | undefined;
  #inner: Socket | undefined;
  /** A stream that was asked to read does not ask again before data came. */
  #wanted = false;

  /** @throws as connect() does for its arguments, but synchronously */
  constructor(socket: Socket, destination: Destination, settings: Settings) {
    this.#socket = socket;
    this.#settings = settings;
    Object.assign(socket, { connecting: true });
    this.#present();
    // Outside of the promise: an exception of a listener is then uncaught, as with any socket.
    connect({ ...destination, allowHalfOpen: true, signal: this.#abort.signal }).then(
      (inner) => process.nextTick(() => this.#adopt(inner)),
      (error) =>
        process.nextTick(() => {
          // By then the socket may have ended, and begun another connection.
          if (!this.#abort.signal.aborted) socket.destroy(error);
        }),
    );
  }

  /** Sets something on the connection, now or when it is made. */
  set(name: 'noDelay' | 'keepAlive' | 'ref', change: (inner: Socket) => void): void {
    this.#settings.set(name, change);
    if (this.#inner !== undefined) change(this.#inner);
  }

  /** @throws as net.Socket's does for its argument */
  setTimeout(ms: number): void {
    // The inner socket knows the idle time of the connection. Before it exists, this socket is the clock.
    (this.#inner ?? this.#clockUntilThen()).setTimeout(ms);
    Object.assign(this.#socket, { timeout: ms });
  }

  read(): void {
    this.#wanted = true;
    this.#inner?.resume();
  }

  write(chunk: Buffer | string, encoding: BufferEncoding, done: Done): void {
    this.#whenOpen({ done, act: (inner) => void inner.write(chunk, encoding, done) });
  }

  writeAll(chunks: readonly { chunk: Buffer | string; encoding: BufferEncoding }[], done: Done): void {
    const act = (inner: Socket): void => {
      inner.cork();
      for (const [index, { chunk, encoding }] of chunks.entries()) {
        inner.write(chunk, encoding, index === chunks.length - 1 ? done : undefined);
      }
      inner.uncork();
    };
    this.#whenOpen({ done, act });
  }

  end(done: Done): void {
    this.#whenOpen({ done, act: (inner) => void inner.end(done) });
  }

  close(error: Error | null): void {
    Object.assign(this.#socket, { connecting: false });
    this.#abort.abort();
    this.#clock?.destroy();
    this.#inner?.destroy();
    for (const { done } of this.#waiting.splice(0)) done(error ?? closedError());
  }

  /** Restores the socket, which will connect without the channel. */
  leave(): void {
    for (const name of ['pending', 'bytesRead', 'bytesWritten', 'address', ...ADDRESSES]) {
      Reflect.deleteProperty(this.#socket, name);
    }
  }

  #clockUntilThen(): Socket {
    this.#clock ??= new Socket().on('timeout', () => this.#socket.emit('timeout'));
    return this.#clock;
  }

  #whenOpen(waiting: Waiting): void {
    if (this.#inner === undefined) this.#waiting.push(waiting);
    else waiting.act(this.#inner);
  }

  #adopt(inner: Socket): void {
    const socket = this.#socket;
    if (socket.destroyed || this.#abort.signal.aborted) {
      inner.destroy();
      return;
    }
    this.#clock?.destroy();
    this.#inner = inner;
    if (socket.timeout !== undefined) this.setTimeout(socket.timeout);
    for (const change of this.#settings.values()) change(inner);
    this.#presentAddresses(inner);
    inner.on('data', (chunk) => {
      if (!socket.push(chunk)) inner.pause();
    });
    if (!this.#wanted) inner.pause();
    inner.on('end', () => {
      socket.push(null);
      socket.read(0);
    });
    inner.on('error', (error) => socket.destroy(error));
    inner.on('timeout', () => socket.emit('timeout'));
    Object.assign(socket, { connecting: false });
    for (const { act } of this.#waiting.splice(0)) act(inner);
    socket.emit('connect');
    socket.emit('ready');
    // The first data, or the peer's end where nobody reads.
    if (!socket.isPaused()) socket.read(0);
  }

  /** Defined on the socket itself: Node's own getters are not configurable, and read the socket's handle. */
  #present(): void {
    const socket = this.#socket;
    const bytesWritten = (): number => {
      const inner = this.#inner;
      if (inner === undefined) return socket.writableLength;
      return inner.bytesWritten + Math.max(0, socket.writableLength - inner.writableLength);
    };
    const getters = {
      pending: () => this.#inner === undefined || socket.destroyed,
      bytesRead: () => this.#inner?.bytesRead ?? 0,
      bytesWritten,
    };
    for (const [name, get] of Object.entries(getters)) {
      Object.defineProperty(socket, name, { configurable: true, get });
    }
    for (const name of ADDRESSES) {
      Object.defineProperty(socket, name, { configurable: true, writable: true, value: undefined });
    }
    const address = { configurable: true, writable: true, value: () => this.#inner?.address() ?? {} };
    Object.defineProperty(socket, 'address', address);
  }

  /** Read while the connection surely exists: the inner socket may close before the outer one is read to its end. */
  #presentAddresses(inner: Socket): void {
    for (const name of ADDRESSES) {
      Object.defineProperty(this.#socket, name, { configurable: true, writable: true, value: inner[name] });
    }
  }
}

function closedError(): Error {
  const message = 'Socket closed before the connection was established';
  return Object.assign(new Error(message), { code: 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION' });
}
