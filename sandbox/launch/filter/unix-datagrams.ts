// AF_UNIX datagram sockets. One of them sends to any path, and no filter sees it. Where Landlock keeps the plugin's calls from the sockets of the
// host, it has them. Elsewhere it has none. With egress `transparent` the filter reports socketpair(2) there, and the broker gives a pair of packet
// sockets, on which the kernel ignores an address. A plugin that says itself when it is ready gets its notify socket for each of them, on every kernel.
import type { FilterAction, FilterRule } from '../../../shared/sys/filter.js';
import { AF_UNIX } from '../../../shared/sys/sockaddr.js';
import { SOCK_DGRAM, SOCK_TYPE_MASK } from '../../../shared/sys/socket.js';

const unixDatagrams = (call: string, action: FilterAction): FilterRule => ({
  calls: [call],
  action,
  when: [
    { index: 0, equals: AF_UNIX },
    { index: 1, mask: SOCK_TYPE_MASK, equals: SOCK_DGRAM },
  ],
});

export const datagramPairs = (action: FilterAction): FilterRule => unixDatagrams('socketpair', action);
export const datagramSockets = (action: FilterAction): FilterRule => unixDatagrams('socket', action);
