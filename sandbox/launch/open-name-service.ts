// The sockets of the sandbox's DNS: bound here, served by the broker, which alone holds them from execve on.
import { boundDatagramSocket, listeningSocket } from '../../shared/sys/datagram.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';

const LOOPBACK = new Uint8Array([127, 0, 0, 1]);
const PORT = 53;
const BACKLOG = 16;

/** On the address that /etc/resolv.conf names: an answer then comes from where it was asked for. */
export function openNameService(): readonly [datagrams: OwnedFd, listener: OwnedFd] {
  return [
    boundDatagramSocket({ bytes: LOOPBACK, port: PORT }),
    listeningSocket({ bytes: LOOPBACK, port: PORT }, BACKLOG),
  ];
}
