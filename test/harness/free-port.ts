// Finds TCP ports of the loopback that are free at the moment.
import { type Listener, listen } from './listener.js';

/** A port that is free, and that the kernel gives to no connection meanwhile. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const listener = await listenLow(host);
  await listener.close();
  return listener.port;
}

/** The kernel picks ports above these, net.ipv4.ip_local_port_range. */
const LOWEST = 10_000;
const HIGHEST = 32_000;

/**
 * A listener at a port that the kernel does not pick by itself. Where a rule opens a port of the host's loopback, a program in a
 * sandbox must not happen to listen on the same port of its own loopback.
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
