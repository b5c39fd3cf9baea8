// A socket whose connect() goes through the channel. Runs in the plugin, on the main thread.
import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { routeSockets } from './route-sockets.js';

/**
 * A `net.Socket` that connects through the channel, for libraries that want a socket at once and connect it later: its
 * connect() takes what that of net.Socket takes, and emits `connect` and `ready` once the broker has handed the connection
 * over. Until then it keeps what is written. Each chunk passes through one stream more than with connect(), whose socket is
 * the connection itself.
 *
 * Names go to the broker as they are; `lookup`, `family` and `hints` are passed over. A path of AF_UNIX is connected to
 * inside the sandbox.
 *
 * @example
 * import { ChannelSocket } from 'postern/plugin';
 *
 * const socket = new ChannelSocket();
 * socket.connect(80, 'example.com');
 * socket.on('error', (error) => console.error(error.code, error.suggestion));
 * socket.end('HEAD / HTTP/1.0\r\nHost: example.com\r\n\r\n');
 * socket.pipe(process.stdout);
 *
 * @throws PosternError as `error` event, with the codes of connect(); `EINVAL` where `localAddress`, `localPort`,
 *   `blockList` or `onread` is asked for
 * @throws TypeError and RangeError from connect(), as connect() of postern/plugin rejects with
 */
export class ChannelSocket extends Socket {}

routeSockets(ChannelSocket.prototype);

/**
 * tls.connect({ socket }) waits for `connect` on every net.Socket without a handle of its own, however long it has been
 * connected: so it is told at once.
 */
function once(this: ChannelSocket, event: string, listener: () => void): ChannelSocket {
  if (event !== 'connect' || this.pending) {
    EventEmitter.prototype.once.call(this, event, listener);
    return this;
  }
  process.nextTick(() => listener.call(this));
  return this;
}

Object.defineProperty(ChannelSocket.prototype, 'once', { configurable: true, writable: true, value: once });
