// The connection of an agent's request. Runs in the plugin, on the main thread.
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect } from './connect.js';
import { impossibleOption } from './impossible-option.js';

export type SocketCallback = (error: Error | null, stream: Duplex) => void;

/** What an agent passes to createConnection(), as far as it concerns the connection. */
interface AgentConnection {
  readonly host?: string | null | undefined;
  readonly port?: number | string | null | undefined;
  readonly timeout?: number | undefined;
  readonly noDelay?: boolean | undefined;
  readonly keepAlive?: boolean | undefined;
  readonly keepAliveInitialDelay?: number | undefined;
}

/** @param wrap what goes over the connection */
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
  // Out of the promise: what a listener throws is an uncaught exception, as it is with any agent.
  connect({ host: host || 'localhost', port: Number(port) }).then(
    (socket) => process.nextTick(adopt, socket),
    (error) => process.nextTick(() => fail?.(error)),
  );
}
