// Makes the connection for an agent's request. Runs in the plugin, on the main thread.
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect } from './connect.js';
import { impossibleOption } from './impossible-option.js';

export type SocketCallback = (error: Error | null, stream: Duplex) => void;

/** The part of createConnection()'s arguments that concerns the connection. */
interface AgentConnection {
  readonly host?: string | null | undefined;
  readonly port?: number | string | null | undefined;
  readonly timeout?: number | undefined;
  readonly noDelay?: boolean | undefined;
  readonly keepAlive?: boolean | undefined;
  readonly keepAliveInitialDelay?: number | undefined;
}

/** @param wrap makes the socket for the agent from the connection, for example a TLS socket */
export function connectFor(
  options: AgentConnection,
  wrap: (socket: Socket) => Duplex | null | undefined,
  callback: SocketCallback | undefined,
): void {
  const { host, port, timeout, noDelay = true, keepAlive, keepAliveInitialDelay } = options;
  // Node's type has no call with an error alone.
  const fail = callback as ((error: Error) => void) | undefined;
  const problem = impossibleOption(options);
  if (problem !== undefined) {
    process.nextTick(() => fail?.(problem));
    return;
  }
  const adopt = (socket: Socket): void => {
    socket.setNoDelay(noDelay);
    if (keepAlive === true) socket.setKeepAlive(true, keepAliveInitialDelay);
    let stream: Duplex;
    try {
      stream = wrap(socket) ?? socket;
    } catch (error) {
      socket.destroy();
      fail?.(error as Error);
      return;
    }
    if (timeout && 'setTimeout' in stream) (stream as Socket).setTimeout(timeout);
    callback?.(null, stream);
  };
  // Outside of the promise: an exception of a listener is then uncaught, as with any agent.
  connect({ host: host || 'localhost', port: Number(port) }).then(
    (socket) => process.nextTick(adopt, socket),
    (error) => process.nextTick(() => fail?.(error)),
  );
}
