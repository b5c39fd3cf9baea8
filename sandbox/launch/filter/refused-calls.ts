// Calls that the plugin does not have with any arguments. Each fails with the errno that programs handle best.
import type { FilterGroup } from './filter-group.js';

export const refusedCalls: readonly FilterGroup[] = [
  // protects: G2 (row of seccomp)
  {
    name: 'seccomp.connect',
    why: 'with connect(AF_UNSPEC) and a second connect, a handed-over socket could reach any peer',
    rules: [{ calls: ['connect'], action: 'EACCES' }],
  },
  // protects: G2 (row of seccomp)
  {
    name: 'seccomp.bind',
    why: 'after a reset, a handed-over socket could take a port of the host',
    rules: [{ calls: ['bind'], action: 'EACCES' }],
  },
  // protects: G12 (row of seccomp)
  {
    name: 'seccomp.listen',
    why: 'after a reset, a handed-over socket could listen on a port that the kernel picks, even under Landlock',
    rules: [{ calls: ['listen'], action: 'EACCES' }],
  },
  // protects: G3 (row of seccomp)
  {
    name: 'seccomp.io_uring',
    why: 'a ring connects, sends and sets options without a system call that a filter sees',
    rules: [{ calls: ['io_uring_setup', 'io_uring_enter', 'io_uring_register'], action: 'ENOSYS' }],
  },
  // protects: G8 (row of seccomp)
  {
    name: 'seccomp.aio',
    why: 'the kernel has one count of events for the whole host (fs.aio-max-nr): a plugin that uses it up keeps databases of the host from io_setup(2)',
    rules: [
      {
        calls: ['io_setup', 'io_destroy', 'io_submit', 'io_cancel', 'io_getevents', 'io_pgetevents'],
        action: 'ENOSYS',
      },
    ],
  },
  // protects: G11 (row of seccomp)
  {
    name: 'seccomp.splice',
    // The errno of a descriptor that cannot be spliced: Go's io.Copy falls back to read and write only on EINVAL.
    // sendfile(2) into a pipe is splice(2) since Linux 5.12. A filter does not see what its descriptors are.
    why: 'a splice that waits holds the lock of its pipe; a process that uses the other end then sleeps, and SIGKILL does not end it',
    rules: [{ calls: ['splice', 'tee', 'vmsplice', 'sendfile'], action: 'EINVAL' }],
  },
  // protects: G14 (row of seccomp)
  {
    name: 'seccomp.openat2',
    why: 'its mode lies in memory, where a filter cannot see set-uid bits; programs fall back to openat(2) on ENOSYS',
    rules: [{ calls: ['openat2'], action: 'ENOSYS' }],
  },
  // protects: G10 (row of seccomp)
  {
    name: 'seccomp.clone3',
    why: 'its flags lie in memory, where a filter cannot read them; libcs fall back to clone(2) on ENOSYS',
    rules: [{ calls: ['clone3'], action: 'ENOSYS' }],
  },
  // protects: G10 (row of seccomp)
  {
    name: 'seccomp.setns',
    why: 'a plugin stays in its own namespaces',
    rules: [{ calls: ['setns'], action: 'EPERM' }],
  },
  // protects: G10 (row of seccomp)
  {
    name: 'seccomp.mounts',
    why: 'a plugin may not change its root or its mounts',
    rules: [
      {
        calls: [
          'mount',
          'umount',
          'umount2',
          'pivot_root',
          'chroot',
          'open_tree',
          'open_tree_attr',
          'move_mount',
          'fsopen',
          'fsconfig',
          'fsmount',
          'fspick',
          'mount_setattr',
          'open_by_handle_at',
        ],
        action: 'EPERM',
      },
    ],
  },
  // protects: G10 (row of seccomp)
  {
    name: 'seccomp.processes',
    why: 'a plugin gets no memory and no descriptor of another process',
    rules: [
      {
        calls: ['ptrace', 'process_vm_readv', 'process_vm_writev', 'process_madvise', 'pidfd_getfd', 'kcmp'],
        action: 'EPERM',
      },
    ],
  },
  // protects: G10 (row of seccomp)
  {
    name: 'seccomp.keyrings',
    why: 'keyrings belong to a user, not to a namespace',
    rules: [{ calls: ['add_key', 'request_key', 'keyctl'], action: 'EPERM' }],
  },
  // protects: G10 (row of seccomp)
  {
    name: 'seccomp.kernel_programs',
    why: 'attackers have often taken over kernels through these calls',
    rules: [
      {
        calls: ['bpf', 'perf_event_open', 'userfaultfd', 'lookup_dcookie', 'uselib', 'vhangup'],
        action: 'EPERM',
      },
    ],
  },
  // protects: G17 (row of seccomp)
  {
    name: 'seccomp.facts',
    why: 'few programs need these facts about the machine; without the calls there is less of the kernel to attack',
    rules: [{ calls: ['adjtimex', 'clock_adjtime', 'sysfs', 'ustat'], action: 'EPERM' }],
  },
  // protects: G10 (row of seccomp)
  {
    name: 'seccomp.administration',
    why: 'these calls administer the machine, and need a capability that a plugin does not have',
    rules: [
      {
        calls: [
          'acct',
          'clock_settime',
          'create_module',
          'delete_module',
          'fanotify_init',
          'finit_module',
          'get_kernel_syms',
          'init_module',
          'ioperm',
          'iopl',
          'kexec_file_load',
          'kexec_load',
          'nfsservctl',
          'query_module',
          'quotactl',
          'quotactl_fd',
          'reboot',
          'setdomainname',
          'sethostname',
          'settimeofday',
          'stime',
          'swapoff',
          'swapon',
          'syslog',
          '_sysctl',
          'vm86',
          'vm86old',
        ],
        action: 'EPERM',
      },
    ],
  },
];
