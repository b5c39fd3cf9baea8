// The broker sandbox as data: the system calls that an attacker would need next, were the broker taken over. Pure.
import type { Filter, FilterRule } from '../../shared/sys/filter.js';
import { NETLINK_ROUTE, NETLINK_SOCK_DIAG } from '../../shared/sys/netlink.js';
import { INTERFACE_READS } from '../../shared/sys/network-interface.js';
import { SOCKET_OPTIONS } from '../../shared/sys/option-table.js';
import { NOTIFY_REQUESTS } from '../../shared/sys/seccomp-notify.js';
import { AF_INET, AF_INET6, AF_UNIX } from '../../shared/sys/sockaddr.js';
import {
  AF_NETLINK,
  SIOCOUTQ,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOCK_TYPE_MASK,
} from '../../shared/sys/socket.js';
import { NO_RINGS } from './holds-ring.js';

const O_WRONLY = 0o1;
const O_RDWR = 0o2;
const O_CREAT = 0o100;
const O_TRUNC = 0o1000;
const O_ASYNC = 0o20000;
const CLONE_THREAD = 0x10000;
const F_SETFL = 4;
const F_SETLK = 6;
const F_SETLKW = 7;
const F_SETOWN = 8;
const F_SETSIG = 10;
const F_SETOWN_EX = 15;
const F_OFD_SETLK = 37;
const F_OFD_SETLKW = 38;
const F_SETLEASE = 1024;
const F_SETDELEG = 1040;
/** libuv makes descriptors non-blocking by it, ioctl_tty(2). */
const FIONBIO = 0x5421;
/**
 * The lengths of the addresses that the broker binds: a family alone, sockaddr_nl, sockaddr_in, and sockaddr_in6 without and with its scope.
 * A path of up to 26 bytes can be padded to one of these, so this bounds socket files and does not prevent them. Landlock would, and keep the broker from
 * the sockets and the memory of plugins too: neither is in a domain of the other.
 */
const BOUND_LENGTHS: readonly number[] = [2, 12, 16, 24, 28];
/** Family, type and protocol of the sockets that the broker makes, address_families(7). */
const SOCKETS: readonly (readonly [number, number, number])[] = [
  [AF_UNIX, SOCK_STREAM, 0],
  [AF_UNIX, SOCK_SEQPACKET, 0],
  ...[AF_INET, AF_INET6].flatMap((family) => [
    [family, SOCK_STREAM, 0] as const,
    [family, SOCK_DGRAM, 0] as const,
  ]),
  [AF_NETLINK, SOCK_RAW, NETLINK_ROUTE],
  [AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG],
];
/** The one type of the pairs that the broker makes. */
const PACKET_PAIR = SOCK_SEQPACKET | SOCK_CLOEXEC;
/** PR_SET_NAME and PR_SET_VMA, prctl(2): libuv names threads, V8 names memory. */
const NAMINGS: readonly number[] = [15, 0x53564d41];
/** Each makes the kernel run a program for a socket, or keeps it there. Sockets that the next broker gets would stay deaf. */
const SOCKET_FILTERS = SOCKET_OPTIONS.filter(({ name }) => /^SO_(?:ATTACH|LOCK)_/.test(name));

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Refuses a call with each of these as its second argument. */
const refusedWith = (call: string, values: readonly number[]): readonly FilterRule[] =>
  values.map((value) => ({ calls: [call], action: 'EPERM', when: [{ index: 1, equals: value }] }));

/** Rules with the reason for them. */
interface SandboxGroup {
  readonly why: string;
  readonly rules: readonly FilterRule[];
}

/** @param pid the broker's own */
export const sandboxGroups = (pid: number): readonly SandboxGroup[] => [
  // protects: G16 (row of broker sandbox)
  {
    why: 'the broker starts no program and no process, only threads',
    rules: [
      { calls: words('execve execveat fork vfork'), action: 'EPERM' },
      { calls: ['clone'], action: 'EPERM', when: [{ index: 0, mask: CLONE_THREAD, equals: 0 }] },
      // Its flags lie in memory; libcs fall back to clone(2).
      { calls: ['clone3'], action: 'ENOSYS' },
    ],
  },
  // protects: G16 (row of broker sandbox)
  {
    why: 'the broker opens no file for writing',
    rules: [
      ...[O_WRONLY, O_RDWR, O_CREAT, O_TRUNC].flatMap((flag): FilterRule[] => [
        { calls: ['open'], action: 'EACCES', when: [{ index: 1, mask: flag, equals: flag }] },
        { calls: ['openat'], action: 'EACCES', when: [{ index: 2, mask: flag, equals: flag }] },
      ]),
      { calls: ['openat2'], action: 'ENOSYS' },
      { calls: words('creat open_by_handle_at'), action: 'EACCES' },
    ],
  },
  // protects: G16 (row of broker sandbox)
  {
    why: 'the broker changes no file system',
    rules: [
      {
        calls: words(`
          unlink unlinkat rmdir rename renameat renameat2 mkdir mkdirat mknod mknodat link linkat symlink symlinkat
          chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat truncate utime utimes utimensat futimesat
          setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr setxattrat removexattrat file_setattr
          mount umount umount2 pivot_root chroot open_tree open_tree_attr move_mount fsopen fsconfig fsmount fspick
          mount_setattr swapon swapoff quotactl quotactl_fd acct`),
        action: 'EPERM',
      },
      // bind(2) to a path makes a file, unix(7). Short paths remain.
      ...BOUND_LENGTHS.map(
        (length): FilterRule => ({
          calls: ['bind'],
          action: 'allow',
          when: [{ index: 2, equals: length }],
        }),
      ),
      { calls: ['bind'], action: 'EPERM' },
    ],
  },
  // protects: G16 (row of broker sandbox)
  {
    why: 'the broker reads the memory of plugins, but changes none, and controls no other process',
    rules: [
      {
        calls: words(`
          ptrace process_vm_writev process_madvise process_mrelease migrate_pages move_pages get_robust_list
          setpriority ioprio_set sched_setscheduler sched_setparam sched_setattr sched_setaffinity setpgid`),
        action: 'EPERM',
      },
      // The supervisor ends a sandbox, when the broker asks for it.
      {
        calls: words(
          /* protects: G16 broker sandbox: it sends no signal by a handle of a process => 'kill tkill rt_sigqueueinfo rt_tgsigqueueinfo' */ 'kill tkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal',
        ),
        action: 'EPERM',
      },
      // By F_SETOWN and F_SETSIG, fcntl(2), the kernel sends any signal to any process of the same user.
      // protects: G16 broker sandbox: it has the kernel send no signal for it
      ...refusedWith('fcntl', [F_SETOWN, F_SETSIG, F_SETOWN_EX]),
      // On a terminal the kernel makes its foreground process group the owner, and sends SIGIO at the next key: most programs end by it.
      // protects: G16 broker sandbox: no terminal sends a signal for it
      {
        calls: ['fcntl'],
        action: 'EPERM',
        when: [
          { index: 1, equals: F_SETFL },
          { index: 2, mask: O_ASYNC, equals: O_ASYNC },
        ],
      },
      { calls: ['tgkill'], action: 'EPERM', when: [{ index: 0, not: true, equals: pid }] },
    ],
  },
  // protects: G16 (row of broker sandbox)
  {
    why: "the user's programs wait for no lock and no disk of the broker, and share no memory and no queue with it",
    rules: [
      ...refusedWith('fcntl', [F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW, F_SETLEASE, F_SETDELEG]),
      {
        calls: words(`
          sync syncfs flock shmget shmat shmctl semget semop semtimedop semctl msgget msgsnd msgrcv msgctl
          mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr`),
        action: 'EPERM',
      },
    ],
  },
  // protects: G16 (row of broker sandbox)
  {
    why: 'requests of ioctl(2) that it does not need change the modes of terminals, the attributes of files, and who gets a signal',
    rules: [
      ...[FIONBIO, ...NOTIFY_REQUESTS, ...INTERFACE_READS, SIOCOUTQ].map(
        (request): FilterRule => ({
          calls: ['ioctl'],
          action: 'allow',
          when: [{ index: 1, equals: request }],
        }),
      ),
      { calls: ['ioctl'], action: 'EPERM' },
    ],
  },
  // protects: G16 (row of broker sandbox)
  {
    why: 'the broker makes sockets of connections, and those that ask the kernel about them',
    rules: [
      // The pair that a plugin gets: see broker/trap/unix-sockets.ts.
      { calls: ['socketpair'], action: 'EPERM', when: [{ index: 0, not: true, equals: AF_UNIX }] },
      // protects: G16 broker sandbox: it makes no pair of sockets but of packets
      { calls: ['socketpair'], action: 'EPERM', when: [{ index: 1, not: true, equals: PACKET_PAIR }] },
      ...SOCKETS.map(
        ([family, type, protocol]): FilterRule => ({
          calls: ['socket'],
          action: 'allow',
          when: [
            { index: 0, equals: family },
            { index: 1, mask: SOCK_TYPE_MASK, equals: type },
            { index: 2, equals: protocol },
          ],
        }),
      ),
      { calls: ['socket'], action: 'EPERM' },
    ],
  },
  // protects: G16 (row of broker sandbox)
  {
    why: "the namespaces, ids, filters and limits of the broker stay as they are, and so does its end with the supervisor's",
    rules: [
      {
        calls: words(`
          unshare setns setuid setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid capset
          personality sethostname setdomainname seccomp setrlimit`),
        action: 'EPERM',
      },
      { calls: ['prlimit64'], action: 'EPERM', when: [{ index: 2, not: true, equals: 0 }] },
      // Others make a core file of its memory possible (PR_SET_DUMPABLE), or let it outlive the supervisor (PR_SET_PDEATHSIG).
      ...NAMINGS.map(
        (option): FilterRule => ({
          calls: ['prctl'],
          action: 'allow',
          when: [{ index: 0, equals: option }],
        }),
      ),
      // protects: G16 broker sandbox: its memory stays out of files, and it ends with its supervisor
      { calls: ['prctl'], action: 'EPERM' },
    ],
  },
  // protects: G16 (row of broker sandbox)
  {
    why: 'attackers have often taken over kernels through these calls',
    rules: [
      ...NO_RINGS.rules,
      // protects: G16 broker sandbox: it attaches no filter to a socket
      ...SOCKET_FILTERS.map(
        ({ level, number }): FilterRule => ({
          calls: ['setsockopt'],
          action: 'EPERM',
          when: [
            { index: 1, equals: level },
            { index: 2, equals: number },
          ],
        }),
      ),
      {
        calls: words(`
          bpf perf_event_open userfaultfd add_key request_key keyctl init_module delete_module finit_module
          kexec_load kexec_file_load reboot ioperm iopl syslog fanotify_init clock_settime settimeofday adjtimex
          clock_adjtime modify_ldt vhangup lookup_dcookie memfd_secret io_setup splice tee vmsplice sendfile`),
        action: 'EPERM',
      },
    ],
  },
];

/** A filter for each group, to be stacked. @param pid the broker's own: it may send itself a signal, as abort(3) does */
export function sandboxFilters(pid: number): readonly Filter[] {
  const groups =
    /* protects: rows of broker sandbox => sandboxGroups(pid).filter(({ why }) => why !== $name) */ sandboxGroups(
      pid,
    );
  return groups.map(({ rules }) => ({ otherwise: 'allow', rules }));
}
