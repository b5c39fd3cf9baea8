// Puts the descriptors where the plugin expects them, and leaves nothing else to it.
import { duplicate, duplicateOnto, setCloseOnExecFrom } from '../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';

/** Above every descriptor that Node has opened by now. */
const ASIDE = 200;

/**
 * @param launchSocket where the supervisor listens; it moves aside
 * @param passed standard streams, listeners, request pipe, reply socket, in the order of their final numbers
 * @param documented how many numbers, from 0 on, the plugin keeps
 * @returns the launch socket's new number; execve closes it
 */
export function arrangeDescriptors(
  launchSocket: number,
  passed: readonly OwnedFd[],
  documented: number,
): number {
  if (passed.length !== documented)
    throw new RangeError(`${passed.length} descriptors for ${documented} places`);
  const aside = duplicate(launchSocket, ASIDE).release();
  const moved = passed.map((descriptor) => duplicate(descriptor.number, ASIDE).release());
  for (const [place, descriptor] of moved.entries()) duplicateOnto(descriptor, place);
  // Marked, not closed: Node's worker threads still write to their own descriptors, and a write to a closed one would
  // end the process, to a reused one reach the plugin.
  setCloseOnExecFrom(documented);
  return aside;
}
