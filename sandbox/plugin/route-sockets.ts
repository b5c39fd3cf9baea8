// Makes the sockets of a prototype connect through the channel. Runs in the plugin. Node documents every replaced method, for
// sockets or for implementers of streams. For a socket that does not use the channel they work as before.

import net, { Socket } from 'node:net';
import { type ConnectionOptions, TLSSocket, type connect as tlsConnect } from 'node:tls';
import { checkDestination } from './connect-options.js';
import { impossibleOption, PluginError } from './plugin-error.js';
import { Relay, type Settings } from './relay.js';

const relays = new WeakMap<Socket, Relay>();
const transports = new WeakMap<Socket, Socket>();
const remembered = new WeakMap<Socket, Settings>();

/**
 * Lets a TLS socket pass calls on to the connection below it, where that one goes through the channel.
 *
 * @returns whether it does
 */
function carry(secure: TLSSocket, transport: unknown): transport is Socket {
  if (!(transport instanceof Socket) || !relays.has(transport)) return false;
  transports.set(secure, transport);
  for (const name of ['remoteAddress', 'remoteFamily', 'remotePort', 'localAddress', 'localPort'] as const) {
    Object.defineProperty(secure, name, { configurable: true, get: () => transport[name] });
  }
  return true;
}

/**
 * Replaces connect() and the methods that belong to it. Paths of AF_UNIX sockets, and a TLS socket's own connect(), work as before.
 *
 * `host` goes to the broker as it is, loopback too. No name is resolved here, so `lookup`, `family`, `hints` and
 * `autoSelectFamily` are ignored. `localAddress`, `localPort`, `blockList` and `onread` cannot be honoured and fail with
 * EINVAL. resetAndDestroy() works like destroy(). While it connects, a socket keeps the process alive.
 *
 * @param prototype net.Socket's, or that of a class derived from it
 */
export function routeSockets(prototype: Socket): void {
  const { setNoDelay, setKeepAlive, setTimeout, ref, unref, resetAndDestroy } = prototype;
  const { _read, _write, _writev, _final, _destroy } = prototype;
  // One function for all overloads.
  const connect: (this: Socket, ...args: never[]) => Socket = prototype.connect;

  const methods: Partial<Socket> & ThisType<Socket> = {
    connect(...args: unknown[]) {
      const { options, callback } = connectArguments(args);
      const own = Boolean(options.path) || options.port === undefined || this instanceof TLSSocket;
      if (own) {
        relays.get(this)?.leave();
        relays.delete(this);
        return connect.apply(this, args as never[]);
      }
      const destination = { host: options.host || 'localhost', port: asNumber(options.port) };
      checkDestination(destination);
      if (callback !== undefined) this.once('connect', callback);
      const problem = whyNot(this, options);
      if (problem !== undefined) return this.destroy(problem);
      if (this.destroyed) reopen(this);
      const { timeout = 0 } = this;
      if (timeout !== 0) setTimeout.call(this, 0);
      const relay = new Relay(this, destination, settingsFor(this, options));
      relays.set(this, relay);
      if (timeout !== 0) relay.setTimeout(timeout);
      return this;
    },
    setNoDelay(enable = true) {
      const on = Boolean(enable);
      return set(this, 'noDelay', (inner) => inner.setNoDelay(on)) ?? setNoDelay.call(this, enable);
    },
    setKeepAlive(enable, delay) {
      const change = (inner: Socket): Socket => inner.setKeepAlive(enable, delay);
      return set(this, 'keepAlive', change) ?? setKeepAlive.call(this, enable, delay);
    },
    ref() {
      return set(this, 'ref', (inner) => inner.ref()) ?? ref.call(this);
    },
    unref() {
      return set(this, 'ref', (inner) => inner.unref()) ?? unref.call(this);
    },
    setTimeout(ms, callback) {
      const relay = relays.get(this);
      if (relay === undefined || this.destroyed) return setTimeout.call(this, ms, callback);
      relay.setTimeout(ms);
      if (callback === undefined) return this;
      return ms === 0 ? this.removeListener('timeout', callback) : this.once('timeout', callback);
    },
    resetAndDestroy() {
      // A reset needs SO_LINGER, which a program may not set where egress is `channel`.
      const isOurs = relays.has(this) && !this.destroyed;
      return isOurs ? this.destroy() : resetAndDestroy.call(this);
    },
    _read(size) {
      const relay = relays.get(this);
      if (relay === undefined) _read.call(this, size);
      else relay.read();
    },
    _write(chunk, encoding, done) {
      const relay = relays.get(this);
      if (relay === undefined) _write.call(this, chunk, encoding, done);
      else relay.write(chunk, encoding, done);
    },
    _writev(chunks, done) {
      const relay = relays.get(this);
      if (relay === undefined) _writev?.call(this, chunks, done);
      else relay.writeAll(chunks, done);
    },
    _final(done) {
      const relay = relays.get(this);
      if (relay === undefined) _final.call(this, done);
      else relay.end(done);
    },
    _destroy(error, done) {
      const relay = relays.get(this);
      if (relay === undefined) {
        _destroy.call(this, error, done);
        return;
      }
      relay.close(error);
      done(error);
      process.nextTick(() => this.emit('close', error !== null));
    },
  };
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(prototype, name, { configurable: true, writable: true, value });
  }
}

function asNumber(port: unknown): number {
  return (typeof port === 'string' && port.trim() !== '' ? Number(port) : port) as number;
}

/** @returns the socket where the setting went to the connection; undefined where the socket's own method must do it */
function set(
  socket: Socket,
  name: 'noDelay' | 'keepAlive' | 'ref',
  change: (inner: Socket) => Socket,
): Socket | undefined {
  const transport = transports.get(socket);
  if (transport !== undefined) {
    change(transport);
    return socket;
  }
  const relay = relays.get(socket);
  if (relay !== undefined) {
    relay.set(name, change);
    return socket;
  }
  // Node keeps settings from before connect() where only it can read them. ref() and unref() repeat the call on `connect`.
  if (name === 'ref' || !socket.pending) return undefined;
  const settings: Settings = remembered.get(socket) ?? new Map();
  remembered.set(socket, settings.set(name, change));
  return undefined;
}

function settingsFor(socket: Socket, options: ConnectArguments): Settings {
  const settings: Settings = new Map();
  const { noDelay, keepAlive, keepAliveInitialDelay } = options;
  if (noDelay) settings.set('noDelay', (inner) => inner.setNoDelay(true));
  if (keepAlive) settings.set('keepAlive', (inner) => inner.setKeepAlive(true, keepAliveInitialDelay));
  for (const [name, change] of remembered.get(socket) ?? []) settings.set(name, change);
  return settings;
}

function whyNot(socket: Socket, options: ConnectArguments): PluginError | undefined {
  if (!socket.destroyed && (relays.has(socket) || !socket.pending)) {
    return new PluginError(socket.connecting ? 'EALREADY' : 'EISCONN', 'The socket has a connection already');
  }
  return impossibleOption(options);
}

/** Node does this when a closed socket connects again. It has no documented name for it. */
function reopen(socket: Socket & { _undestroy?: () => void }): void {
  socket._undestroy?.();
  // When the peer has ended, Node replaces the socket's write().
  if (Object.hasOwn(socket, 'write')) Reflect.deleteProperty(socket, 'write');
}

// Reads the arguments of net.Socket's connect(), in any of its forms.

/** The options that postern reads; a program may pass others too. */
interface ConnectArguments {
  readonly host?: string | undefined;
  readonly port?: number | string | undefined;
  readonly path?: string | undefined;
  readonly noDelay?: boolean | undefined;
  readonly keepAlive?: boolean | undefined;
  readonly keepAliveInitialDelay?: number | undefined;
}

interface ConnectCall {
  readonly options: ConnectArguments;
  readonly callback: (() => void) | undefined;
}

/**
 * Reads `(options[, callback])`, `(port[, host][, callback])`, `(path[, callback])`, and the array of options and callback
 * that net.connect() passes on.
 */
function connectArguments(args: readonly unknown[]): ConnectCall {
  const [first, second] = args;
  if (Array.isArray(first)) return connectArguments(first);
  const callback = args.findLast((value) => typeof value === 'function') as (() => void) | undefined;
  if (typeof first === 'object' && first !== null) return { options: first, callback };
  if (typeof first === 'string' && !(Number(first) >= 0)) return { options: { path: first }, callback };
  const port = first as number | string | undefined;
  return { options: typeof second === 'string' ? { port, host: second } : { port }, callback };
}

// Makes tls.connect() use a connection from the channel.

type TlsConnect = (options: ConnectionOptions, callback?: () => void) => TLSSocket;

/**
 * The replacement for tls.connect(): it makes the connection with net.connect() and passes it as `socket`. Certificate and server
 * name are checked as usual, against `servername` or `host`. With `path` it works as before.
 *
 * @param original Node's tls.connect()
 */
export function routeTls(original: TlsConnect): typeof tlsConnect {
  return (...args: unknown[]): TLSSocket => {
    const { options: target, callback } = connectArguments(args);
    const extra = args.slice(1).find((value) => typeof value === 'object' && value !== null);
    const options: ConnectionOptions = { ...target, ...extra } as ConnectionOptions;
    if (options.path) return original(options, callback);
    const socket = options.socket ?? transportFor(options);
    const before = socket.listeners('connect');
    const secure = original({ ...options, socket }, callback);
    if (carry(secure, socket) && !socket.connecting) tellConnected(socket, before);
    if (options.socket === undefined && options.timeout) secure.setTimeout(options.timeout);
    return secure;
  };
}

/**
 * A TLS socket waits for `connect` on every net.Socket without an own handle, even if it is connected already.
 *
 * @param before the listeners that waited before the TLS socket
 */
function tellConnected(socket: net.Socket, before: readonly unknown[]): void {
  for (const listener of socket.listeners('connect')) {
    if (before.includes(listener)) continue;
    socket.removeListener('connect', listener as () => void);
    process.nextTick(listener as () => void);
  }
}

type Passed = { readonly [key in keyof net.TcpNetConnectOpts]?: net.TcpNetConnectOpts[key] | undefined };

/** The TLS socket handles timeout, abort and reading. */
function transportFor(options: ConnectionOptions): net.Socket {
  const own = { timeout: undefined, signal: undefined, onread: undefined };
  const passed: Passed = { ...options, ...own };
  // net.connect() reports a missing port, as usual.
  return net.connect(passed as net.TcpNetConnectOpts);
}
