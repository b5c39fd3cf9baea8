// The errnos of socket(2) and socketpair(2) for families and protocols that a plugin does not have: those of a kernel without them. Programs fall
// back on these. The sockets themselves are refused by seccomp.families, whatever this says.
import type { ArgumentMatch, FilterRule } from '../../../shared/sys/filter.js';
import { AF_INET, AF_INET6 } from '../../../shared/sys/sockaddr.js';
import {
  AF_NETLINK,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOCK_TYPE_MASK,
} from '../../../shared/sys/socket.js';
import type { FilterGroup } from './filter-group.js';

/** The numbers of which `mask` selects these bits. Without a mask: one number. */
type Numbers = Omit<ArgumentMatch, 'index'>;

const one = (equals: number): Numbers => ({ equals });
/** The four numbers from this one on, a multiple of four. */
const four = (equals: number): Numbers => ({ mask: 0xfffffffc, equals });
const withBits = (bits: number): Numbers => ({ mask: bits, equals: bits });

/** All up to 63 but AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, and AF_PACKET (17): for want of a capability the kernel says EPERM. */
const ABSENT_FAMILIES = [
  ...[one(0), one(3), four(4), one(8), one(9), one(11), four(12)],
  ...[withBits(0x12), withBits(0x14), withBits(0x18), withBits(0x20)],
];
/** SCTP is 132, UDP-Lite 136, MPTCP 262. */
const HIGH = [withBits(0x40), withBits(0x80), withBits(0x100)];
const ABSENT_PROTOCOLS: readonly (readonly [family: number, type: number, absent: readonly Numbers[]])[] = [
  // Each has IPPROTO_IP, 0, and: TCP, 6.
  ...[AF_INET, AF_INET6].map(
    (family) =>
      [
        family,
        SOCK_STREAM,
        [...[1, 2, 3, 4, 5].map(one), ...[8, 0x10, 0x20].map(withBits), ...HIGH],
      ] as const,
  ),
  // ICMP, 1, and UDP, 17.
  [AF_INET, SOCK_DGRAM, [one(6), withBits(0x20), ...HIGH]],
  // UDP, 17, and ICMPv6, 58.
  [AF_INET6, SOCK_DGRAM, [one(1), one(6), one(33), ...HIGH]],
  // None.
  ...[AF_INET, AF_INET6].map((family) => [family, SOCK_SEQPACKET, HIGH] as const),
];
/** NETLINK_ROUTE is 0, and 31 the last. */
const ABSENT_NETLINK = [1, 2, 4, 8, 16].map(withBits);

const absent = (call: string, action: FilterRule['action'], when: readonly ArgumentMatch[]): FilterRule => ({
  calls: [call],
  action,
  when,
});

export const absentProtocols: FilterGroup =
  // protects: G4 (row of seccomp)
  {
    name: 'seccomp.absent_protocols',
    why: 'a program that reads EAFNOSUPPORT or EPROTONOSUPPORT does without the protocol, and one that reads EPERM gives up',
    rules: [
      ...['socket', 'socketpair'].flatMap((call) =>
        ABSENT_FAMILIES.map((family) => absent(call, 'EAFNOSUPPORT', [{ index: 0, ...family }])),
      ),
      ...[AF_INET, AF_INET6].map((family) =>
        absent('socketpair', 'EOPNOTSUPP', [{ index: 0, equals: family }]),
      ),
      ...ABSENT_PROTOCOLS.flatMap(([family, type, protocols]) =>
        protocols.map((protocol) =>
          absent('socket', 'EPROTONOSUPPORT', [
            { index: 0, equals: family },
            { index: 1, mask: SOCK_TYPE_MASK, equals: type },
            { index: 2, ...protocol },
          ]),
        ),
      ),
      ...ABSENT_NETLINK.map((protocol) =>
        absent('socket', 'EPROTONOSUPPORT', [
          { index: 0, equals: AF_NETLINK },
          { index: 2, ...protocol },
        ]),
      ),
    ],
  };
