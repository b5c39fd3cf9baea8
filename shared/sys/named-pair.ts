// A connected pair of AF_UNIX packet sockets for a plugin, unix(7). Runs in the broker. Both belong to the host's network namespace. So both have a
// name from the start: no bind(2) can take a name of the host by one of them, and no SO_PASSCRED makes the kernel choose one later.
import { setNonBlocking } from './fcntl.js';
import { bindTo } from './listen.js';
import type { OwnedFd } from './owned-fd.js';
import { AF_UNIX } from './sockaddr.js';
import { packetSocketPair } from './socket.js';
import { SystemError } from './system-error.js';

/** A family alone: the kernel chooses an abstract name. */
const ANY_NAME = new Uint8Array(Uint16Array.of(AF_UNIX).buffer);

/** @returns the pair, or minus errno: EMFILE, ENOSPC, … */
export function namedPair(nonBlocking: boolean): readonly [OwnedFd, OwnedFd] | number {
  let pair: readonly [OwnedFd, OwnedFd];
  try {
    pair = packetSocketPair();
  } catch (error) {
    if (error instanceof SystemError) return -error.errno;
    throw error;
  }
  for (const { number } of pair) {
    const named = /* protects: G14 a pair can take no name of the host => 0 */ bindTo(number, ANY_NAME);
    if (named < 0) {
      for (const end of pair) end.close();
      return named;
    }
    setNonBlocking(number, nonBlocking);
  }
  return pair;
}
