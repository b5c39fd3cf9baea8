// Calls that the plugin has only with the listed arguments.
import type { ArgumentMatch, FilterAction, FilterRule } from '../../../shared/sys/filter.js';
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
      // egress `transparent` a pair is reported.
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

// The ids that a plugin of a user may name in a call that sets ids: its own, and -1, which keeps one. Its user namespace has no other. There
// the kernel answers EINVAL, but outside an ordinary user reads EPERM, and programs handle that one.

/** Ids of the plugin, where its user namespace has no others. */
export interface OnlyIds {
  readonly uid: number;
  readonly gid: number;
}

type Index = ArgumentMatch['index'];
const KEEP = 0xffffffff;

/** @param ids by the index of their argument @returns a rule for each choice of an own id or -1 for each argument */
function rules(
  calls: readonly string[],
  ids: readonly (readonly [index: Index, own: number])[],
): FilterRule[] {
  let choices: ArgumentMatch[][] = [[]];
  for (const [index, own] of ids)
    choices = choices.flatMap((before) => [own, KEEP].map((equals) => [...before, { index, equals }]));
  return choices.map((when) => ({ calls, action: 'allow', when }));
}

export function ownIds({ uid, gid }: OnlyIds): FilterGroup {
  const same = (own: number, indexes: readonly Index[]): (readonly [Index, number])[] =>
    indexes.map((index) => [index, own]);
  return {
    name: 'seccomp.own_ids',
    why: 'a program that may not change an id reads EPERM outside, and would read EINVAL',
    rules: [
      ...rules(
        ['chown', 'lchown', 'fchown'],
        [
          [1, uid],
          [2, gid],
        ],
      ),
      ...rules(
        ['fchownat'],
        [
          [2, uid],
          [3, gid],
        ],
      ),
      ...rules(['setuid'], same(uid, [0])),
      ...rules(['setreuid'], same(uid, [0, 1])),
      ...rules(['setresuid'], same(uid, [0, 1, 2])),
      ...rules(['setgid'], same(gid, [0])),
      ...rules(['setregid'], same(gid, [0, 1])),
      ...rules(['setresgid'], same(gid, [0, 1, 2])),
    ],
  };
}

// AF_UNIX datagram sockets. One of them sends to any path, and no filter sees it. Where Landlock keeps the plugin's calls from the sockets of the
// host, it has them. Elsewhere it has none. With egress `transparent` the filter reports socketpair(2) there, and the broker gives a pair of packet
// sockets, on which the kernel ignores an address. A plugin that says itself when it is ready gets its notify socket for each of them, on every kernel.

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
