// The error queue of an inet socket, ip(7): ICMP errors, and packets that come back with a time stamp. Runs in the broker.
import { bind } from './libc.js';
import { MSG_DONTWAIT, MSG_ERRQUEUE } from './socket-constants.js';

/** More entries stay for the next call. */
const MOST_TAKEN = 64;

const recvfrom = bind(
  'long recvfrom(int fd, void *buffer, size_t length, int flags, void *address, void *addressLength)',
);

/** Takes entries out, and reads none of them. Never waits. @param fd an AF_INET or AF_INET6 socket: others ignore the flag, and return data */
export function emptyErrorQueue(fd: number): void {
  for (let taken = 0; taken < MOST_TAKEN; taken += 1) {
    if (recvfrom(fd, null, 0, MSG_ERRQUEUE | MSG_DONTWAIT, null, null) < 0) return;
  }
}
