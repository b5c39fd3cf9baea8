// Binds the sockets of the sandbox's DNS server. The broker serves them, and from execve on only the broker holds them.
import { boundDatagramSocket, listeningSocket } from '../../shared/sys/datagram.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';

const LOOPBACK = new Uint8Array([127, 0, 0, 1]);
const PORT = 53;
const BACKLOG = 16;

/** Bound to the address in /etc/resolv.conf: an answer then comes from the address that was asked. */
export function openNameService(): readonly [datagrams: OwnedFd, listener: OwnedFd] {
  return [
    boundDatagramSocket({ bytes: LOOPBACK, port: PORT }),
    listeningSocket({ bytes: LOOPBACK, port: PORT }, BACKLOG),
  ];
}
