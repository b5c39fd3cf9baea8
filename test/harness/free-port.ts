// A TCP port of the loopback that was free a moment ago.
import { listen } from './listener.js';

export async function freePort(host = '127.0.0.1'): Promise<number> {
  const listener = await listen(undefined, host);
  await listener.close();
  return listener.port;
}
