// Requests of ioctl(2) on sockets, netdevice(7) and socket(7). The kernel answers those about interfaces for the network namespace of the
// socket, which can be the host's.

import type { FilterRule } from '../../../shared/sys/filter.js';
import { INTERFACE_READS } from '../../../shared/sys/network-interface.js';
import type { FilterGroup } from './filter-group.js';
import { allExcept, refuseRequests } from './requests-of-type.js';

const SOCKETS = 0x89;
const WIRELESS = 0x8b00;
/** FIOSETOWN, SIOCSPGRP, FIOGETOWN, SIOCGPGRP and SIOCATMARK name no interface. The first four are fcntl(2)'s F_SETOWN and F_GETOWN. */
const OF_THE_SOCKET = [0x01, 0x02, 0x03, 0x04, 0x05];

export const interfaceRequests: FilterGroup =
  // protects: G3 (row of seccomp)
  {
    name: 'seccomp.ioctl_interfaces',
    why: "the 0x89xx and 0x8bxx requests tell and set all of the socket's network namespace, which can be the host's",
    rules: [
      ...allExcept(
        SOCKETS,
        [...OF_THE_SOCKET, ...INTERFACE_READS.map((request) => request & 0xff)],
        /* protects: G3 a request of a socket that is permitted is no other one with high bits => 'type and number' */ 'all bits',
      ),
      refuseRequests({ mask: 0xff00, equals: WIRELESS }),
    ],
  };

/** The broker answers these, where it sees the calls. Before {@link interfaceRequests}, which allows them. */
export const interfaceReads: FilterGroup =
  // protects: G3 (row of seccomp)
  {
    name: 'seccomp.ioctl_interface_reads',
    why: "SIOCGIFCONF and others read the interfaces of the socket's network namespace, which can be the host's",
    rules: readRules('EPERM'),
  };

export function readRules(action: FilterRule['action']): readonly FilterRule[] {
  return INTERFACE_READS.map((request) => ({
    calls: ['ioctl'],
    action,
    when: [{ index: 1, equals: request }],
  }));
}
