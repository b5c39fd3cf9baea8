// A server of a rounds run: it sends back what it gets, and counts.
import type { Socket } from 'node:net';
import { type Listener, listen } from '../harness/listener.js';

export interface Upstream {
  readonly port: number;
  /** Connections so far. */
  readonly connections: () => number;
  /** Connections that are open now. */
  readonly open: () => number;
  /** Bytes of all connections so far. */
  readonly received: () => number;
  readonly sent: () => number;
  readonly close: () => Promise<void>;
}

export async function startUpstream(): Promise<Upstream> {
  let open = 0;
  let received = 0;
  let sent = 0;
  const listener: Listener = await listen((socket: Socket) => {
    open += 1;
    socket.on('data', (bytes: Buffer) => {
      received += bytes.length;
      sent += bytes.length;
      socket.write(bytes);
    });
    socket.on('close', () => {
      open -= 1;
    });
  });
  const { port, connections, close } = listener;
  return { port, connections, close, open: () => open, received: () => received, sent: () => sent };
}
