// Finds out when a plugin accepts connections on a listener. The listener itself is bound before the plugin starts, and takes clients into its
// queue. So postern becomes a client, and looks whether the queue gets empty. Runs in the supervisor.
import { connect, type Socket } from 'node:net';
import { ACCEPT_LOOK_MS } from '../../../shared/limits.js';
import type { Listener } from './listener.js';

/**
 * Resolves when the plugin has accepted a connection, which is closed at once.
 *
 * @param over ends the wait
 */
export function awaitAccept(
  listener: Pick<Listener, 'reachedAt' | 'hasClients'>,
  over: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    let client: Client | undefined;
    const finish = (): void => {
      clearInterval(timer);
      client?.close();
      resolve();
    };
    const timer = setInterval(() => {
      if (client === undefined || client.state === 'failed') client = new Client(connect(listener.reachedAt));
      else if (client.state === 'answered' || (client.state === 'connected' && !listener.hasClients))
        finish();
    }, ACCEPT_LOOK_MS);
    over.addEventListener('abort', finish, { once: true });
  });
}

class Client {
  readonly #socket: Socket;
  /** `answered`: the plugin sent something, or closed the connection. So it had accepted it. */
  state: 'connecting' | 'connected' | 'answered' | 'failed' = 'connecting';

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.once('connect', () => {
      this.state = 'connected';
    });
    socket.once('data', () => this.close('answered'));
    socket.once('end', () => this.close('answered'));
    socket.on('error', () => this.close('failed'));
  }

  close(state = this.state): void {
    this.state = state;
    this.#socket.destroy();
  }
}
