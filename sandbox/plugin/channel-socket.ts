// A socket whose connect() goes through the channel. Runs in the plugin, on the main thread.
import { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { routeSockets } from './route-sockets.js';

/**
 * A `net.Socket` that connects through the channel, for libraries that want a socket first and connect it later. Its connect()
 * takes the arguments of net.Socket's, and the socket emits `connect` and `ready` when the broker has handed the connection
 * over. Until then it keeps the data that is written. Each chunk passes through one more stream than with connect(), whose
 * socket is the connection itself.
 *
 * Names go to the broker as they are; `lookup`, `family` and `hints` are ignored. The path of an AF_UNIX socket is connected
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
 * tls.connect({ socket }) waits for `connect` on every net.Socket without an own handle, even if it is connected already. So the
 * event is emitted again.
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
