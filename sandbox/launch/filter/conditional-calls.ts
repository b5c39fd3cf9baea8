// Calls that the plugin has only with the listed arguments.
import type { FilterRule } from '../../../shared/sys/filter.js';
import { AF_INET, AF_INET6, AF_UNIX } from '../../../shared/sys/sockaddr.js';
import {
  AF_NETLINK,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOCK_TYPE_MASK,
} from '../../../shared/sys/socket.js';
import type { FilterGroup } from './filter-group.js';
import { optionCalls } from './socket-options.js';

const NETLINK_ROUTE = 0;
const IPPROTO = { IP: 0, ICMP: 1, TCP: 6, UDP: 17, IPV6: 41, ICMPV6: 58 };

const inet = (family: number, type: number, protocols: readonly number[]): FilterRule[] =>
  protocols.map((protocol) => ({
    calls: ['socket'],
    action: 'allow',
    when: [
      { index: 0, equals: family },
      { index: 1, mask: SOCK_TYPE_MASK, equals: type },
      { index: 2, equals: protocol },
    ],
  }));

const UNIX_TYPES = [SOCK_STREAM, SOCK_SEQPACKET];
const unix = (call: string, type: number): FilterRule => ({
  calls: [call],
  action: 'allow',
  when: [
    { index: 0, equals: AF_UNIX },
    { index: 1, mask: SOCK_TYPE_MASK, equals: type },
  ],
});

export const conditionalCalls: readonly FilterGroup[] = [
  // protects: G4 (row of seccomp)
  {
    name: 'seccomp.families',
    why: 'another family is another way out: AF_VSOCK reaches the hypervisor from an empty network namespace',
    rules: [
      // No datagrams, and no pair of them: sendmsg(2) sends one to any path without a connect, and the path lies in memory, unix(7). With
      // egress `transparent` a pair is reported: see unix-datagrams.ts.
      ...UNIX_TYPES.map((type) => unix('socket', type)),
      ...[AF_INET, AF_INET6].flatMap((family) => [
        ...inet(family, SOCK_STREAM, [IPPROTO.IP, IPPROTO.TCP]),
        ...inet(family, SOCK_DGRAM, [
          IPPROTO.IP,
          IPPROTO.UDP,
          family === AF_INET ? IPPROTO.ICMP : IPPROTO.ICMPV6,
        ]),
      ]),
      {
        calls: ['socket'],
        action: 'allow',
        when: [
          { index: 0, equals: AF_NETLINK },
          { index: 2, equals: NETLINK_ROUTE },
        ],
      },
      ...UNIX_TYPES.map((type) => unix('socketpair', type)),
    ],
  },
  optionCalls,
  // protects: G10 (row of seccomp)
  {
    name: 'seccomp.personality',
    why: 'in other execution domains the same calls behave differently',
    rules: [0x0, 0x8, 0x20000, 0x20008, 0x40000, 0xffffffff].map((domain) => ({
      calls: ['personality'],
      action: 'allow' as const,
      when: [{ index: 0 as const, equals: domain }],
    })),
  },
];
