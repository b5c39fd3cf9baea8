// socketpair(2) of AF_UNIX datagram sockets. One of them could send to any path. With egress `transparent` the filter reports the call, and the
// broker gives a pair of packet sockets, on which the kernel ignores an address.
import type { FilterAction, FilterRule } from '../../../shared/sys/seccomp.js';
import { AF_UNIX } from '../../../shared/sys/sockaddr.js';
import { SOCK_DGRAM, SOCK_TYPE_MASK } from '../../../shared/sys/socket-constants.js';

export const datagramPairs = (action: FilterAction): FilterRule => ({
  calls: ['socketpair'],
  action,
  when: [
    { index: 0, equals: AF_UNIX },
    { index: 1, mask: SOCK_TYPE_MASK, equals: SOCK_DGRAM },
  ],
});
