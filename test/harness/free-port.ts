// TCP ports of the loopback that were free a moment ago.
import { type Listener, listen } from './listener.js';

export async function freePort(host = '127.0.0.1'): Promise<number> {
  const listener = await listen(undefined, host);
  await listener.close();
  return listener.port;
}

/** Below those that the kernel picks, net.ipv4.ip_local_port_range. */
const LOWEST = 10_000;
const HIGHEST = 32_000;

/**
 * A listener at a port that the kernel picks for nobody: where a rule opens a port of the host's loopback, a program in a sandbox must
 * not come to listen at the same one of its own.
 */
export async function listenLow(host = '127.0.0.1'): Promise<Listener> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    try {
      return await listen(undefined, host, port);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

/** A port as of {@link listenLow}. */
export async function freeLowPort(): Promise<number> {
  const listener = await listenLow();
  await listener.close();
  return listener.port;
}
