// Calls that the plugin has only with the listed arguments.
import type { FilterRule } from '../../../shared/sys/filter.js';
import { AF_INET, AF_INET6, AF_UNIX } from '../../../shared/sys/sockaddr.js';
import {
  AF_NETLINK,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOCK_TYPE_MASK,
  SOL_NETLINK,
  SOL_SOCKET,
} from '../../../shared/sys/socket-constants.js';
import type { FilterGroup } from './filter-group.js';

const NETLINK_ROUTE = 0;
const IPPROTO = { IP: 0, ICMP: 1, TCP: 6, UDP: 17, IPV6: 41, ICMPV6: 58 };

/** Every (level, name) of setsockopt(2) that a plugin has; socket(7), ip(7), ipv6(7), tcp(7), udp(7), netlink(7). */
const OPTIONS: readonly (readonly [level: number, names: readonly number[]])[] = [
  [
    SOL_SOCKET,
    [
      2, // SO_REUSEADDR
      6, // SO_BROADCAST
      7, // SO_SNDBUF
      8, // SO_RCVBUF
      9, // SO_KEEPALIVE
      10, // SO_OOBINLINE
      15, // SO_REUSEPORT
      16, // SO_PASSCRED
      18, // SO_RCVLOWAT
      20, // SO_RCVTIMEO
      21, // SO_SNDTIMEO
      29, // SO_TIMESTAMP
      35, // SO_TIMESTAMPNS
      42, // SO_PEEK_OFF
      66, // SO_RCVTIMEO_NEW
      /* protects: G22 rate: no program raises it => ...[67, 47] */ 67, // SO_SNDTIMEO_NEW
    ],
  ],
  // IP_TOS, IP_TTL, IP_MTU_DISCOVER, IP_RECVERR, IP_RECVTTL, IP_RECVTOS, IP_BIND_ADDRESS_NO_PORT; IP_MULTICAST_ALL, which joins
  // nothing, and without which the JDK makes no UDP socket. IP_PKTINFO, whose findings no call reads from a stream
  [IPPROTO.IP, [1, 2, 8, 10, 11, 12, 13, 24, 49]],
  // IPV6_UNICAST_HOPS, IPV6_MTU_DISCOVER, IPV6_RECVERR, IPV6_V6ONLY, IPV6_RECVHOPLIMIT, IPV6_DONTFRAG, IPV6_RECVTCLASS, IPV6_TCLASS;
  // for the JDK IPV6_MULTICAST_HOPS, IPV6_MULTICAST_ALL, and IPV6_RECVPKTINFO, whose findings no call reads from a stream
  [IPPROTO.IPV6, [16, 23, 25, 26, 51, 62, 66, 67, 18, 29, 49]],
  // IP_MULTICAST_IF, TTL and LOOP, IP_ADD_MEMBERSHIP and IP_DROP_MEMBERSHIP. On a stream, as every socket of the host's is, the kernel refuses
  // them, or LOOP has no effect. It does not refuse IP_ADD_SOURCE_MEMBERSHIP and MCAST_JOIN_GROUP there: they would join a group outside.
  [IPPROTO.IP, [32, 33, 34, 35, 36]],
  // IPV6_MULTICAST_IF and LOOP, IPV6_JOIN_GROUP and IPV6_LEAVE_GROUP, likewise
  [IPPROTO.IPV6, [17, 19, 20, 21]],
  // TCP_NODELAY, MAXSEG, CORK, KEEPIDLE, KEEPINTVL, KEEPCNT, SYNCNT, LINGER2, DEFER_ACCEPT, WINDOW_CLAMP, QUICKACK,
  // CONGESTION, THIN_LINEAR_TIMEOUTS, THIN_DUPACK, USER_TIMEOUT, NOTSENT_LOWAT, INQ
  [IPPROTO.TCP, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 16, 17, 18, 25, 36]],
  // UDP_SEGMENT, UDP_GRO
  [IPPROTO.UDP, [103, 104]],
  // NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK
  [SOL_NETLINK, [10, 11, 12]],
];

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
  // protects: G3 (row of seccomp)
  {
    name: 'seccomp.setsockopt',
    why: 'IPV6_RTHDR, IP_OPTIONS, SO_BINDTODEVICE, TCP_FASTOPEN_CONNECT and others redirect a connection',
    rules: OPTIONS.flatMap(([level, names]) =>
      names.map((name) => ({
        calls: ['setsockopt'],
        action: 'allow' as const,
        when: [
          { index: 1 as const, equals: level },
          { index: 2 as const, equals: name },
        ],
      })),
    ),
  },
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
