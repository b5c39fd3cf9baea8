// Every socket option that postern knows, socket(7), ip(7), ipv6(7), tcp(7), udp(7), netlink(7). Made from this table: the filter's answer to
// setsockopt(2), what the filter reports, what the broker carries to the socket that takes the place of a program's own, and a part of
// docs/differences.md. An option that is not here is ENOPROTOOPT, as on a kernel without it. Pure.
//
// - The filter cannot see which socket a descriptor is. So what is permitted is permitted on sockets of the host's network too, and must be
//   harmless there.
// - An option is carried if it changes what a connection does. To read one costs every connect a system call. A report costs the program that
//   sets the option half a connect. So the broker reads in each connect what programs set again and again, and the filter reports the rest.
import {
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  SO_LINGER,
  SOL_NETLINK,
  SOL_SOCKET,
} from './socket.js';

export type OptionKind =
  /** Carried, and read in each connect. */
  | 'always'
  /** As `always`. One call reads both sizes. */
  | 'buffer'
  /** As `always`. If a program has set one, it may have set those `with_keep_alive` too. */
  | 'keep_alive'
  /** Carried, and read if a socket has one of `keep_alive`. */
  | 'with_keep_alive'
  /** Carried. The filter reports the call, and the kernel executes it. From then on the broker reads the option from the sandbox's sockets. */
  | 'rare'
  /** SO_LINGER: as `rare`, but the broker makes the call, since the value lies in memory. Refused where egress is `channel`. */
  | 'judged'
  /** Permitted. Carried for an AF_UNIX socket alone. */
  | 'unix'
  /** Permitted, and not carried. */
  | 'left'
  /** The filter answers 0, and the option stays off. */
  | 'off'
  /** EPERM: on a socket of the host's network it would end a guarantee. */
  | 'refused';

export interface SocketOption {
  readonly name: string;
  readonly kind: OptionKind;
  readonly level: number;
  readonly number: number;
  /** The size of its value. */
  readonly bytes: number;
  /** The value of a fresh IPv6 socket, if only such a socket has the option: the broker has none of the sandbox to ask. */
  readonly usual: number;
  /** Why it is not carried, or refused. Empty: it is carried. */
  readonly why: string;
}

/** In the order in which options are carried: IP_TOS sets SO_PRIORITY too. */
const LEVELS = [
  ['ip', IPPROTO_IP],
  ['ipv6', IPPROTO_IPV6],
  ['socket', SOL_SOCKET],
  ['tcp', IPPROTO_TCP],
  ['udp', IPPROTO_UDP],
  ['netlink', SOL_NETLINK],
] as const;

type Form = Pick<SocketOption, 'number'> & Partial<Pick<SocketOption, 'bytes' | 'usual'>>;
type Group = { readonly kind: OptionKind; readonly why?: string } & {
  readonly [level in (typeof LEVELS)[number][0]]?: Readonly<Record<string, number | Form>>;
};

const GROUPS: readonly Group[] = [
  {
    kind: 'always',
    socket: {
      SO_RCVTIMEO: { number: 20, bytes: 16 },
      SO_SNDTIMEO: { number: 21, bytes: 16 },
    },
    tcp: { TCP_NODELAY: 1, TCP_CORK: 3 },
  },
  { kind: 'buffer', socket: { SO_SNDBUF: 7, SO_RCVBUF: 8 } },
  { kind: 'keep_alive', socket: { SO_KEEPALIVE: 9 }, tcp: { TCP_KEEPIDLE: 4 } },
  {
    kind: 'with_keep_alive',
    why: 'programs set them on connection after connection, so a report would cost too much, and so would two more reads in every connect',
    tcp: { TCP_KEEPINTVL: 5, TCP_KEEPCNT: 6 },
  },
  { kind: 'judged', socket: { SO_LINGER: { number: SO_LINGER, bytes: 8 } } },
  {
    kind: 'rare',
    ip: { IP_TOS: 1, IP_TTL: 2, IP_MTU_DISCOVER: 10, IP_MINTTL: 21 },
    ipv6: {
      IPV6_UNICAST_HOPS: { number: 16, usual: 64 },
      IPV6_MTU_DISCOVER: { number: 23, usual: 1 },
      IPV6_TCLASS: 67,
      IPV6_MINHOPCOUNT: 73,
    },
    // The kernel refuses an SO_PRIORITY above 6: the plugin has no capability where the socket belongs to the host.
    socket: {
      SO_OOBINLINE: 10,
      SO_PRIORITY: 12,
      SO_RCVLOWAT: 18,
      SO_TIMESTAMP: 29,
      SO_TIMESTAMPNS: 35,
      SO_PEEK_OFF: 42,
    },
    tcp: {
      TCP_MAXSEG: 2,
      TCP_SYNCNT: 7,
      TCP_LINGER2: 8,
      TCP_DEFER_ACCEPT: 9,
      TCP_WINDOW_CLAMP: 10,
      TCP_CONGESTION: { number: 13, bytes: 16 },
      TCP_THIN_LINEAR_TIMEOUTS: 16,
      TCP_USER_TIMEOUT: 18,
      TCP_NOTSENT_LOWAT: 25,
      TCP_INQ: 36,
    },
  },
  { kind: 'unix', why: 'a TCP socket has no use for it', socket: { SO_PASSCRED: 16 } },
  {
    kind: 'left',
    why: 'they are for bind(2), which is not carried over either',
    ip: { IP_BIND_ADDRESS_NO_PORT: 24 },
    socket: { SO_REUSEADDR: 2, SO_REUSEPORT: 15 },
  },
  {
    kind: 'left',
    why: 'programs set it again and again, and the kernel changes it by itself',
    tcp: { TCP_QUICKACK: 12 },
  },
  {
    kind: 'left',
    why: 'they change nothing on a TCP connection',
    // The JDK makes no UDP socket without IP_MULTICAST_ALL. Here a TCP socket joins no group: the kernel refuses it.
    ip: {
      IP_PKTINFO: 8,
      IP_RECVTTL: 12,
      IP_RECVTOS: 13,
      IP_MULTICAST_IF: 32,
      IP_MULTICAST_TTL: 33,
      IP_MULTICAST_LOOP: 34,
      IP_ADD_MEMBERSHIP: 35,
      IP_DROP_MEMBERSHIP: 36,
      IP_MULTICAST_ALL: 49,
    },
    // Go and the JDK set IPV6_V6ONLY on every IPv6 socket.
    ipv6: {
      IPV6_MULTICAST_IF: 17,
      IPV6_MULTICAST_HOPS: 18,
      IPV6_MULTICAST_LOOP: 19,
      IPV6_JOIN_GROUP: 20,
      IPV6_LEAVE_GROUP: 21,
      IPV6_V6ONLY: 26,
      IPV6_MULTICAST_ALL: 29,
      IPV6_RECVPKTINFO: 49,
      IPV6_RECVHOPLIMIT: 51,
      IPV6_DONTFRAG: 62,
      IPV6_RECVTCLASS: 66,
    },
    socket: { SO_BROADCAST: 6, SO_RXQ_OVFL: 40 },
    tcp: { TCP_THIN_DUPACK: 17 },
    udp: { UDP_CORK: 1, UDP_SEGMENT: 103, UDP_GRO: 104 },
    netlink: { NETLINK_CAP_ACK: 10, NETLINK_EXT_ACK: 11, NETLINK_GET_STRICT_CHK: 12 },
  },
  {
    kind: 'off',
    why: "the error queue names routers of the host's network. A connected UDP socket reports ECONNREFUSED without it; one that is not connected reports nothing",
    ip: { IP_RECVERR: 11 },
    ipv6: { IPV6_RECVERR: 25 },
  },
  {
    kind: 'refused',
    why: "they lead a connection by another route, interface or address, or mark its packets for the host's firewall",
    ip: { IP_OPTIONS: 4, IP_FREEBIND: 15, IP_TRANSPARENT: 19, IP_UNICAST_IF: 50 },
    ipv6: {
      IPV6_PKTINFO: 50,
      IPV6_HOPOPTS: 54,
      IPV6_RTHDRDSTOPTS: 55,
      IPV6_RTHDR: 57,
      IPV6_DSTOPTS: 59,
      IPV6_TRANSPARENT: 75,
      IPV6_UNICAST_IF: 76,
      IPV6_FREEBIND: 78,
    },
    socket: { SO_DONTROUTE: 5, SO_BINDTODEVICE: 25, SO_MARK: 36, SO_BINDTOIFINDEX: 62 },
  },
  {
    kind: 'refused',
    why: 'a send(2) would connect the socket',
    tcp: { TCP_FASTOPEN_CONNECT: 30 },
  },
  {
    kind: 'refused',
    why: 'they take the state of a connection over, or give the socket to another module of the kernel',
    tcp: { TCP_REPAIR: 19, TCP_ULP: 31 },
  },
  {
    kind: 'refused',
    why: 'a filter keeps packets from the other holders of a socket, and outlives the program',
    socket: {
      SO_ATTACH_FILTER: 26,
      SO_LOCK_FILTER: 44,
      SO_ATTACH_BPF: 50,
      SO_ATTACH_REUSEPORT_CBPF: 51,
      SO_ATTACH_REUSEPORT_EBPF: 52,
    },
  },
  {
    kind: 'refused',
    why: 'the kernel lets a TCP socket of the host join a group by these. IP_ADD_MEMBERSHIP and IPV6_JOIN_GROUP work',
    ip: { IP_ADD_SOURCE_MEMBERSHIP: 39, MCAST_JOIN_GROUP: 42, MCAST_JOIN_SOURCE_GROUP: 46 },
    ipv6: { IPV6_JOIN_ANYCAST: 27, MCAST_JOIN_GROUP: 42, MCAST_JOIN_SOURCE_GROUP: 46 },
  },
  {
    kind: 'refused',
    why: 'what they report comes by the error queue, with hardware addresses of the host. Programs send without them',
    socket: { SO_TIMESTAMPING: 37, SO_ZEROCOPY: 60, SO_TXTIME: 61 },
  },
  { kind: 'refused', why: 'it keeps the hardware addresses of a client', tcp: { TCP_SAVE_SYN: 27 } },
  { kind: 'refused', why: 'it would raise `bytes_per_second`', socket: { SO_MAX_PACING_RATE: 47 } },
];

export const SOCKET_OPTIONS: readonly SocketOption[] = GROUPS.flatMap(({ kind, why = '', ...options }) =>
  LEVELS.flatMap(([key, level]) =>
    Object.entries(options[key] ?? {}).map(([name, form]) => ({
      ...{ name, kind, level, bytes: 4, usual: 0, why },
      ...(typeof form === 'number' ? { number: form } : form),
    })),
  ),
);
