// Calls that the plugin does not have with any arguments. Each fails with the errno that programs handle best.
import type { FilterGroup } from './filter-group.js';

export const refusedCalls: readonly FilterGroup[] = [
  {
    name: 'seccomp.connect',
    why: 'a handed-over socket would reach any peer of the host by connect(AF_UNSPEC) and connect',
    rules: [{ calls: ['connect'], action: 'EACCES' }],
  },
  {
    name: 'seccomp.bind',
    why: 'a handed-over socket whose connection was reset takes a port of the host',
    rules: [{ calls: ['bind'], action: 'EACCES' }],
  },
  {
    name: 'seccomp.listen',
    why: 'a handed-over socket after a reset listens on a port that the kernel picks, Landlock or not',
    rules: [{ calls: ['listen'], action: 'EACCES' }],
  },
  {
    name: 'seccomp.io_uring',
    why: 'its operations connect, send and set options without a system call that a filter sees',
    rules: [{ calls: ['io_uring_setup', 'io_uring_enter', 'io_uring_register'], action: 'ENOSYS' }],
  },
  {
    name: 'seccomp.splice',
    // The errno of a descriptor that cannot be spliced: Go's io.Copy falls back to read and write only on EINVAL.
    why: 'a splice that waits holds the lock of its pipe: whoever reads the other end sleeps, not even killable',
    rules: [{ calls: ['splice', 'tee', 'vmsplice'], action: 'EINVAL' }],
  },
  {
    name: 'seccomp.openat2',
    why: 'its mode lies in memory, where a filter cannot see set-uid bits; programs fall back to openat(2) on ENOSYS',
    rules: [{ calls: ['openat2'], action: 'ENOSYS' }],
  },
  {
    name: 'seccomp.clone3',
    why: 'its flags lie in memory, where a filter cannot read them; libcs fall back to clone(2) on ENOSYS',
    rules: [{ calls: ['clone3'], action: 'ENOSYS' }],
  },
  {
    name: 'seccomp.setns',
    why: 'no namespace but its own',
    rules: [{ calls: ['setns'], action: 'EPERM' }],
  },
  {
    name: 'seccomp.mounts',
    why: 'the root stays as it was built',
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
  {
    name: 'seccomp.processes',
    why: 'no memory or descriptor of another process',
    rules: [
      {
        calls: ['ptrace', 'process_vm_readv', 'process_vm_writev', 'process_madvise', 'pidfd_getfd', 'kcmp'],
        action: 'EPERM',
      },
    ],
  },
  {
    name: 'seccomp.keyrings',
    why: 'keyrings belong to a user, not to a namespace',
    rules: [{ calls: ['add_key', 'request_key', 'keyctl'], action: 'EPERM' }],
  },
  {
    name: 'seccomp.kernel_programs',
    why: 'the surface through which kernels are taken over',
    rules: [
      {
        calls: ['bpf', 'perf_event_open', 'userfaultfd', 'lookup_dcookie', 'uselib', 'vhangup'],
        action: 'EPERM',
      },
    ],
  },
  {
    name: 'seccomp.facts',
    why: 'what tells of the machine and few programs ask for is less of the kernel to attack',
    rules: [{ calls: ['adjtimex', 'clock_adjtime', 'sysfs', 'ustat'], action: 'EPERM' }],
  },
  {
    name: 'seccomp.administration',
    why: 'calls that administer the machine; all want a capability that a plugin does not have',
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
