// connect() of postern/plugin. Runs in the plugin, on the main thread.
import type { Socket } from 'node:net';
import type { ConnectOptions } from './connect-options.js';
import { connectOver } from './connect-over.js';
import { processChannel } from './open-channel.js';

/**
 * Asks postern for a connection and returns the connected socket. It is like any other `net.Socket`, and can be passed to
 * `tls.connect({ socket })` or `http.request({ createConnection })`. It is connected already, so it emits no `connect` event.
 * Set `noDelay` and `keepAlive` with its methods.
 *
 * @example
 * import { connect } from 'postern/plugin';
 *
 * try {
 *   const socket = await connect({ host: 'example.com', port: 80, timeout: 5000 });
 *   socket.end('HEAD / HTTP/1.0\r\nHost: example.com\r\n\r\n');
 *   socket.pipe(process.stdout);
 * } catch (error) {
 *   console.error(error.code, error.reason, error.suggestion); // EACCES no_rule example.com:80
 * }
 *
 * @example
 * import http from 'node:http';
 * import { connect } from 'postern/plugin';
 *
 * const createConnection = ({ host, port }, done) => {
 *   connect({ host, port: Number(port) }).then((socket) => done(null, socket), done);
 * };
 * http.get({ host: 'example.com', createConnection }, (response) => response.pipe(process.stdout));
 *
 * @param options `host` (a name, or an address as text) and `port`, or `path` of an AF_UNIX stream socket of the host; `signal`, `timeout` (ms), `allowHalfOpen`
 * @returns the connected socket, which the caller must end or destroy
 * @throws PosternError `EACCES` with `reason` and `suggestion` where the policy refuses; `ECONNREFUSED`, `EHOSTUNREACH`,
 *   `ENETUNREACH`, `ECONNRESET` and others from the kernel; `ETIMEDOUT` after the time; `ENOTFOUND`, `EAI_AGAIN`
 *   where the name has no address; `EAGAIN` where a limit is reached; `EMFILE` where the process has no descriptor left;
 *   `EPIPE` where the channel has ended; `ENOCHANNEL` where the program does not run under postern, or on another
 *   thread than the main one
 * @throws AbortError `ABORT_ERR`, with the signal's reason as `cause`
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`; RangeError `ERR_SOCKET_BAD_PORT`, `ERR_OUT_OF_RANGE`
 * @see PROTOCOL.md; connect(2) and tcp(7) for the errors
 */
export function connect(options: ConnectOptions): Promise<Socket> {
  return connectOver(processChannel, options);
}
