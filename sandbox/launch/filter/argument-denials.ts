// Calls that are refused for some values of an argument: protocols, requests of ioctl(2), socket options, modes. Data for the filters, with the
// reason of each.

import type { ArgumentMatch, FilterAction, FilterRule } from '../../../shared/sys/filter.js';
import { INTERFACE_READS } from '../../../shared/sys/network-interface.js';
import { AF_INET, AF_INET6, AF_UNIX } from '../../../shared/sys/sockaddr.js';
import {
  AF_NETLINK,
  IPPROTO_IP,
  IPPROTO_IPV6,
  MSG_ERRQUEUE,
  MSG_FASTOPEN,
  SOCK_DGRAM,
  SOCK_RDM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOCK_TYPE_MASK,
  SOL_SOCKET,
} from '../../../shared/sys/socket.js';
import { MODE_CALLS, type ModeCall } from '../../../shared/trap-calls.js';
import type { FilterGroup } from './filter-group.js';
import { errorReports } from './socket-options.js';

// Requests of ioctl(2) of one type, ioctl(2): the low byte of a request is its number, the next one its type. An int is compared by its 32 bits
// only (see filter.ts).

type Bits = Pick<ArgumentMatch, 'mask' | 'equals'>;

const request = (action: FilterRule['action'], match: Bits): FilterRule => ({
  calls: ['ioctl'],
  action,
  when: [{ index: 1, ...match }],
});

function refuseRequests(match: Bits): FilterRule {
  return request('EPERM', match);
}

/** All 32 bits of a request, or its type and number alone: the two high bytes tell the direction and the size of the argument. */
type Compared = 'all bits' | 'type and number';

/** Refuses the requests of a type except some. The first rule that matches counts. */
function allExcept(type: number, exceptions: readonly number[], compared: Compared): readonly FilterRule[] {
  const mask = compared === 'all bits' ? 0xffffffff : 0xffff;
  return [
    ...exceptions.map((number) => request('allow', { mask, equals: (type << 8) | number })),
    refuseRequests({ mask: 0xff00, equals: type << 8 }),
  ];
}

// Requests of ioctl(2) that a file system answers for all its files, whatever the plugin sees of them. Mounts and Landlock do not judge
// them.

const BTRFS = 0x94;
/** FICLONE, FICLONERANGE and FIDEDUPERANGE, ioctl_ficlone(2): they work on two open files, on every file system. */
const CLONES = [9, 13, 54];
const XFS = 0x58;
/** FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR and the reservations that fallocate(2) replaces: they work on one open file. */
const OF_ONE_FILE = [31, 32, 40, 41, 42, 43, 57];
const BCACHEFS = 0xbc;
const F2FS = 0xf5;
const SMB = 0xcf;
/** FS_IOC_SET_ENCRYPTION_POLICY, _GET_ENCRYPTION_PWSALT, _ADD_ENCRYPTION_KEY, _REMOVE_ENCRYPTION_KEY and its _ALL_USERS. */
const KEYS = [0x6613, 0x6614, 0x6617, 0x6618, 0x6619];

const fileSystemRequests: FilterGroup =
  // protects: G14 (row of seccomp)
  {
    name: 'seccomp.ioctl_file_systems',
    why: 'a snapshot of a visible btrfs subvolume holds what is hidden in it; other requests take keys away, or write a read-only file',
    rules: [
      ...allExcept(BTRFS, CLONES, 'type and number'),
      ...allExcept(XFS, OF_ONE_FILE, 'type and number'),
      ...[BCACHEFS, F2FS, SMB].map((type) => refuseRequests({ mask: 0xff00, equals: type << 8 })),
      ...KEYS.map((request) => refuseRequests({ mask: 0xffff, equals: request })),
    ],
  };

// Requests of ioctl(2) on sockets, netdevice(7) and socket(7). The kernel answers those about interfaces for the network namespace of the
// socket, which can be the host's.

const SOCKETS = 0x89;
const WIRELESS = 0x8b00;
/** FIOSETOWN, SIOCSPGRP, FIOGETOWN, SIOCGPGRP and SIOCATMARK name no interface. The first four are fcntl(2)'s F_SETOWN and F_GETOWN. */
const OF_THE_SOCKET = [0x01, 0x02, 0x03, 0x04, 0x05];

const interfaceRequests: FilterGroup =
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

// The errnos of socket(2) and socketpair(2) for families, types and protocols that a plugin does not have: those of a kernel without them. Programs fall
// back on these. The sockets themselves are refused by seccomp.families, whatever this says.

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
];
/** SOCK_DCCP is 6. */
const ABSENT_TYPES = [
  [AF_UNIX, [SOCK_RDM, 6]],
  ...[AF_INET, AF_INET6].map((family) => [family, [SOCK_RDM, SOCK_SEQPACKET, 6]] as const),
] as const;
/** NETLINK_ROUTE is 0, and 31 the last. */
const ABSENT_NETLINK = [1, 2, 4, 8, 16].map(withBits);

const absent = (call: string, action: FilterRule['action'], when: readonly ArgumentMatch[]): FilterRule => ({
  calls: [call],
  action,
  when,
});

const absentProtocols: FilterGroup =
  // protects: G4 (row of seccomp)
  {
    name: 'seccomp.absent_protocols',
    why: 'a program that reads EAFNOSUPPORT, ESOCKTNOSUPPORT or EPROTONOSUPPORT does without the protocol, and one that reads EPERM gives up',
    rules: [
      ...['socket', 'socketpair'].flatMap((call) =>
        ABSENT_FAMILIES.map((family) => absent(call, 'EAFNOSUPPORT', [{ index: 0, ...family }])),
      ),
      ...['socket', 'socketpair'].flatMap((call) =>
        ABSENT_TYPES.flatMap(([family, types]) =>
          types.map((type) =>
            absent(call, 'ESOCKTNOSUPPORT', [
              { index: 0, equals: family },
              { index: 1, mask: SOCK_TYPE_MASK, equals: type },
            ]),
          ),
        ),
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

// Reads of a socket's error queue, recv(2) with MSG_ERRQUEUE. The flags are an argument, so the filter sees them. The queue holds what the plugin
// must not see. So with egress `transparent` the filter reports these calls to the broker, which answers with an errno alone.

const flagsAt = (index: 2 | 3): readonly ArgumentMatch[] => [
  { index, mask: MSG_ERRQUEUE, equals: MSG_ERRQUEUE },
];

export const errorQueueReads = (action: FilterAction): readonly FilterRule[] => [
  { calls: ['recvmsg'], action, when: flagsAt(2) },
  { calls: ['recvfrom', 'recvmmsg'], action, when: flagsAt(3) },
];

// chmod(2) and its relatives with S_ISGID and without S_ISUID. The filter does not see whether the file is a folder, so with egress `transparent`
// it reports them to the broker.

const S_ISUID = 0o4000;
const S_ISGID = 0o2000;
/** Which argument is the mode. */
const MODE_AT: Readonly<Record<ModeCall, 1 | 2>> = { chmod: 1, fchmod: 1, fchmodat: 2, fchmodat2: 2 };

export const setGidModes = (action: FilterAction): readonly FilterRule[] =>
  MODE_CALLS.map((call) => ({
    calls: [call],
    action,
    when: [{ index: MODE_AT[call], mask: S_ISUID | S_ISGID, equals: S_ISGID }],
  }));

// Calls that the plugin has, except with these arguments. An int is compared by its 32 bits only (see filter.ts).

const F_SETLEASE = 1024;
const F_SETDELEG = 1040;
const NAMESPACES = {
  CLONE_NEWTIME: 0x00000080,
  CLONE_NEWNS: 0x00020000,
  CLONE_NEWCGROUP: 0x02000000,
  CLONE_NEWUTS: 0x04000000,
  CLONE_NEWIPC: 0x08000000,
  CLONE_NEWUSER: 0x10000000,
  CLONE_NEWPID: 0x20000000,
  CLONE_NEWNET: 0x40000000,
};
/** Of seccomp_unotify(2)'s requests. */
const NOTIFY_TYPE = 0x21;
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
const TIOCSETD = 0x5423;
const SECCOMP_FILTER_FLAG_NEW_LISTENER = 8;
const IP_PKTOPTIONS = 9;
const IPV6_2292PKTOPTIONS = 6;
const SO_PEERSEC = 31;
const SO_PEERPIDFD = 77;
const CLONE_PARENT = 0x8000;
const O_CREAT = 0o100;
/** __O_TMPFILE, without O_DIRECTORY, whose bit differs between architectures. */
const O_TMPFILE = 0o20000000;

const has = (index: 0 | 1 | 2 | 3, bits: number): { index: 0 | 1 | 2 | 3; mask: number; equals: number } => ({
  index,
  mask: bits,
  equals: bits,
});

export const argumentDenials: readonly FilterGroup[] = [
  absentProtocols,
  // protects: G3 (row of seccomp)
  {
    name: 'seccomp.fastopen',
    why: 'sendto(MSG_FASTOPEN) connects a socket to the address in its argument, and Landlock of many kernels does not check that',
    rules: [
      { calls: ['sendto'], action: 'EOPNOTSUPP', when: [has(3, MSG_FASTOPEN)] },
      { calls: ['sendmsg'], action: 'EOPNOTSUPP', when: [has(2, MSG_FASTOPEN)] },
      { calls: ['sendmmsg'], action: 'EOPNOTSUPP', when: [has(3, MSG_FASTOPEN)] },
    ],
  },
  // protects: G3 (row of seccomp)
  {
    name: 'seccomp.error_queue',
    // The answer of an empty queue.
    // Without an option of the socket: ICMP errors while it connects, and what a sendmsg(2) with SO_TIMESTAMPING sent.
    why: 'the error queue names each router that sends an ICMP error, and gives back sent packets with the hardware addresses of the host',
    rules: errorQueueReads('EAGAIN'),
  },
  errorReports,
  // protects: G18 (row of seccomp)
  {
    name: 'seccomp.leases',
    why: "a program that opens a file waits up to 45 s for the plugin's lease on it: the supervisor, or the user's editor",
    rules: [F_SETLEASE, F_SETDELEG].map((command) => ({
      calls: ['fcntl'],
      action: 'EPERM' as const,
      when: [{ index: 1 as const, equals: command }],
    })),
  },
  // protects: G10 (row of seccomp)
  {
    name: 'seccomp.namespaces',
    why: 'a new user namespace brings every capability back inside it',
    rules: [
      // clone(2) uses bits 0 to 7 for the exit signal, where unshare(2) has CLONE_NEWTIME.
      ...Object.entries(NAMESPACES)
        .filter(([name]) => name !== 'CLONE_NEWTIME')
        .map(([, bit]) => ({ calls: ['clone'], action: 'EPERM' as const, when: [has(0, bit)] })),
      ...Object.values(NAMESPACES).map((bit) => ({
        calls: ['unshare'],
        action: 'EPERM' as const,
        when: [has(0, bit)],
      })),
    ],
  },
  // protects: G11 (row of seccomp)
  {
    name: 'seccomp.clone_parent',
    why: 'with CLONE_PARENT the new process is a child of the supervisor; as a zombie it would keep the sandbox from ending',
    rules: [{ calls: ['clone'], action: 'EPERM', when: [has(0, CLONE_PARENT)] }],
  },
  // protects: G14 (row of seccomp)
  {
    name: 'seccomp.set_uid_files',
    why: "a set-uid file in a writable folder of the host gives its owner's rights to every user who runs it there",
    rules: [
      { calls: ['chmod', 'fchmod'], action: 'EPERM', when: [has(1, S_ISUID)] },
      { calls: ['fchmodat', 'fchmodat2'], action: 'EPERM', when: [has(2, S_ISUID)] },
      ...[S_ISUID, S_ISGID].flatMap((bit) => [
        { calls: ['creat', 'mknod'], action: 'EPERM' as const, when: [has(1, bit)] },
        { calls: ['mknodat'], action: 'EPERM' as const, when: [has(2, bit)] },
        ...[O_CREAT, O_TMPFILE].flatMap((flag) => [
          { calls: ['open'], action: 'EPERM' as const, when: [has(1, flag), has(2, bit)] },
          { calls: ['openat'], action: 'EPERM' as const, when: [has(2, flag), has(3, bit)] },
        ]),
      ]),
    ],
  },
  // protects: G14 (row of seccomp)
  {
    name: 'seccomp.set_gid_modes',
    why: "a set-gid file in a writable folder of the host gives its group's rights to every user who runs it there",
    rules: setGidModes('EPERM'),
  },
  interfaceReads,
  interfaceRequests,
  // protects: G3 (row of seccomp)
  {
    name: 'seccomp.received_options',
    why: 'IPV6_2292PKTOPTIONS, ipv6(7), and IP_PKTOPTIONS, ip(7), name the interface of the host by which a segment came',
    rules: [
      [IPPROTO_IPV6, IPV6_2292PKTOPTIONS],
      [IPPROTO_IP, IP_PKTOPTIONS],
    ].map(([level = 0, name = 0]) => ({
      calls: ['getsockopt'],
      action: 'EPERM' as const,
      when: [
        { index: 1 as const, equals: level },
        { index: 2 as const, equals: name },
      ],
    })),
  },
  // protects: G3 (row of seccomp)
  {
    name: 'seccomp.peer_label',
    why: "SO_PEERSEC shows the label that the host's security module gave to the peer; a kernel without a module answers ENOPROTOOPT",
    rules: [
      {
        calls: ['getsockopt'],
        action: 'ENOPROTOOPT',
        when: [
          { index: 1, equals: SOL_SOCKET },
          { index: 2, equals: SO_PEERSEC },
        ],
      },
    ],
  },
  // protects: G3 (row of seccomp)
  {
    name: 'seccomp.peer_handle',
    why: 'SO_PEERPIDFD gives a handle of the process at the other end: postern connects AF_UNIX sockets, and servers of the host are at the others',
    rules: [
      {
        calls: ['getsockopt'],
        action: 'ENOPROTOOPT',
        when: [
          { index: 1, equals: SOL_SOCKET },
          { index: 2, equals: SO_PEERPIDFD },
        ],
      },
    ],
  },
  // protects: G18 (row of seccomp)
  {
    name: 'seccomp.ioctl_terminal',
    why: 'TIOCSTI and TIOCLINUX type into a terminal for its other users, should the plugin ever hold one; TIOCSETD takes it from them',
    rules: [TIOCSTI, TIOCLINUX, TIOCSETD].map((request) => ({
      calls: ['ioctl'],
      action: 'EPERM' as const,
      when: [{ index: 1 as const, equals: request }],
    })),
  },
  // protects: G18 (row of seccomp)
  {
    name: 'seccomp.ioctl_console',
    why: 'the 0x4bxx and 0x56xx requests set the keyboard, the screen and the switching of every console',
    rules: [0x4b00, 0x5600].map((requests) => ({
      calls: ['ioctl'],
      action: 'EPERM' as const,
      when: [{ index: 1 as const, mask: 0xffffff00, equals: requests }],
    })),
  },
  fileSystemRequests,
  // protects: G2 (row of seccomp)
  {
    name: 'seccomp.ioctl_listener',
    why: 'the 0x21xx requests answer reported calls; a broker that was taken over can give the descriptor for them to a plugin',
    rules: [refuseRequests({ mask: 0xff00, equals: NOTIFY_TYPE << 8 })],
  },
  // protects: G10 (row of seccomp)
  {
    name: 'seccomp.listener',
    why: 'a plugin may load a filter, but not one with a notification listener',
    rules: [{ calls: ['seccomp'], action: 'EPERM', when: [has(1, SECCOMP_FILTER_FLAG_NEW_LISTENER)] }],
  },
];
