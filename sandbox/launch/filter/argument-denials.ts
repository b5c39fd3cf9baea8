// Calls that the plugin has, except with these arguments. An int is compared by its 32 bits only (see filter.ts).
import { IPPROTO_IP, IPPROTO_IPV6, MSG_FASTOPEN, SOL_SOCKET } from '../../../shared/sys/socket.js';
import { absentProtocols } from './absent-protocols.js';
import { errorQueueReads } from './error-queue.js';
import { fileSystemRequests } from './file-system-requests.js';
import type { FilterGroup } from './filter-group.js';
import { interfaceReads, interfaceRequests } from './interface-requests.js';
import { setGidModes } from './set-gid-modes.js';
import { errorReports } from './socket-options.js';

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
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
const TIOCSETD = 0x5423;
const SECCOMP_FILTER_FLAG_NEW_LISTENER = 8;
const IP_PKTOPTIONS = 9;
const IPV6_2292PKTOPTIONS = 6;
const SO_PEERSEC = 31;
const SO_PEERPIDFD = 77;
const CLONE_PARENT = 0x8000;
const S_ISUID = 0o4000;
const S_ISGID = 0o2000;
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
    why: 'sendto(MSG_FASTOPEN) connects a socket to the address in its argument, and Landlock does not check that',
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
  // protects: G10 (row of seccomp)
  {
    name: 'seccomp.listener',
    why: 'a plugin may load a filter, but not one with a notification listener',
    rules: [{ calls: ['seccomp'], action: 'EPERM', when: [has(1, SECCOMP_FILTER_FLAG_NEW_LISTENER)] }],
  },
];
