// Makes tls.connect() use a connection from the channel. Runs in the plugin.
import net from 'node:net';
import type { ConnectionOptions, TLSSocket, connect as tlsConnect } from 'node:tls';
import { connectArguments } from './connect-arguments.js';
import { carry } from './route-sockets.js';

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
