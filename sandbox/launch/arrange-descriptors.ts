// Moves the plugin's descriptors to the numbers that it expects, and keeps all others from it. Runs in the launcher.
import { duplicate, duplicateOnto, setCloseOnExecFrom } from '../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';

/**
 * @param launchSocket the socket to the supervisor, which is moved out of the way
 * @param passed standard streams, listeners, request pipe, reply socket, in the order of their final numbers
 * @param documented how many descriptors the plugin keeps, from 0 on
 * @returns the launch socket's new number; execve closes it
 */
export function arrangeDescriptors(
  launchSocket: number,
  passed: readonly OwnedFd[],
  documented: number,
): number {
  if (passed.length !== documented)
    throw new RangeError(`${passed.length} descriptors for ${documented} places`);
  // Only numbers above the plugin's: a low hard limit has few.
  const aside = duplicate(launchSocket, documented).release();
  const moved = passed.map((descriptor) => duplicate(descriptor.number, documented).release());
  for (const [place, descriptor] of moved.entries()) duplicateOnto(descriptor, place);
  // Marked close-on-exec, not closed: Node's worker threads still write to their descriptors. A write to a closed one would end
  // the process, and a write to a reused one would reach the plugin.
  // protects: G15 no descriptor but the documented ones (with: the broker gets no descriptor of postern's starter; job control keeps no descriptor)
  setCloseOnExecFrom(documented);
  return aside;
}
