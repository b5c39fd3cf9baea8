// The system calls that a configuration may add to those of every plugin, and those that it may not, each with the reason. A call in no
// group is unknown, or every plugin has it. Pure.

export interface CallForm {
  /** The key that adds it. `unsafe_allow`: it weakens a guarantee of SECURITY.md. `never`: it would end one. */
  readonly by: 'allow' | 'unsafe_allow' | 'never';
  readonly why: string;
}

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

const GROUPS: readonly (CallForm & { readonly calls: readonly string[] })[] = [
  {
    by: 'allow',
    why: 'it describes the machine, and changes nothing without a capability that no plugin has',
    calls: words('adjtimex clock_adjtime sysfs ustat lsm_get_self_attr lsm_list_modules'),
  },
  {
    by: 'unsafe_allow',
    why: 'it needs a capability that no plugin has, but it exposes more of the kernel to attacks',
    calls: words(`
      acct clock_settime create_module delete_module fanotify_init finit_module get_kernel_syms init_module ioperm iopl
      kexec_file_load kexec_load nfsservctl query_module quotactl quotactl_fd reboot setdomainname sethostname
      settimeofday stime swapoff swapon syslog _sysctl vm86 vm86old chroot`),
  },
  {
    by: 'unsafe_allow',
    why: 'kernels have been taken over through it',
    calls: words('bpf perf_event_open lookup_dcookie uselib vhangup'),
  },
  {
    by: 'unsafe_allow',
    why: 'keyrings belong to a user, not to a namespace: it may see keys of the host',
    calls: words('add_key request_key keyctl'),
  },
  {
    by: 'unsafe_allow',
    why: 'it reaches into other processes: only those of the sandbox, if the kernel keeps namespaces apart',
    calls: words('process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp'),
  },
  {
    by: 'unsafe_allow',
    why: 'its mode lies in memory, where a filter cannot see it: it could leave set-uid files in a writable folder',
    calls: words('openat2'),
  },
  {
    by: 'unsafe_allow',
    why: 'the kernel has one count of its events for the whole host (fs.aio-max-nr): a plugin can use it up for all programs',
    calls: words('io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents'),
  },
  {
    by: 'unsafe_allow',
    why: 'into a pipe it is splice(2): while it waits, every process that uses the pipe sleeps and cannot be killed, even postern',
    calls: words('sendfile'),
  },
  {
    by: 'never',
    why: 'the broker answers or refuses it: executed as it is, it could connect a socket of the host to any peer',
    calls: words('connect bind listen'),
  },
  {
    by: 'never',
    why: 'its operations connect and send without a system call that a filter sees',
    calls: words('io_uring_setup io_uring_enter io_uring_register'),
  },
  {
    by: 'never',
    why: 'while it waits it holds the lock of a pipe, and so blocks every reader of the other end, even the broker',
    calls: words('splice tee vmsplice'),
  },
  {
    by: 'never',
    why: 'a read of the memory of the plugin, as by the broker, would wait as long as the plugin wants',
    calls: words('userfaultfd'),
  },
  {
    by: 'never',
    why: 'its flags lie in memory, where a filter cannot see them: it could make namespaces, with every capability inside',
    calls: words('clone3'),
  },
  { by: 'never', why: 'it enters another namespace', calls: words('setns') },
  {
    by: 'never',
    why: 'it could change the file system that postern built for the plugin',
    calls: words(`
      mount umount umount2 pivot_root open_tree open_tree_attr move_mount fsopen fsconfig fsmount fspick mount_setattr
      open_by_handle_at`),
  },
  {
    by: 'never',
    why: 'a tracer could control a process while the broker handles its call, and stop the thread that the broker waits for',
    calls: words('ptrace'),
  },
  {
    by: 'never',
    why: 'postern decides by its arguments, and every plugin has it with harmless ones',
    calls: words(`
      socket socketpair setsockopt getsockopt recvfrom recvmsg recvmmsg fcntl personality sendto sendmsg sendmmsg clone unshare chmod fchmod fchmodat fchmodat2 creat
      mknod mknodat open openat ioctl seccomp`),
  },
];

export const CALL_FORMS: ReadonlyMap<string, CallForm> = new Map(
  GROUPS.flatMap(({ calls, by, why }) => calls.map((call) => [call, { by, why }] as const)),
);

/** Why a call may not be in a list. */
export interface CallProblem {
  readonly message: string;
  /** The key that the call may be under. */
  readonly belongs?: 'allow' | 'unsafe_allow';
}

/** @returns undefined if the call may be there */
export function checkCall(call: string, by: 'allow' | 'unsafe_allow'): CallProblem | undefined {
  const form = CALL_FORMS.get(call);
  if (form === undefined)
    return { message: `"${call}" cannot be added: it is unknown, or every plugin has it` };
  if (form.by === 'never') return { message: `"${call}" can never be added: ${form.why}` };
  if (form.by === by) return undefined;
  return by === 'allow'
    ? { message: `"${call}" weakens a guarantee: ${form.why}`, belongs: 'unsafe_allow' }
    : { message: `"${call}" weakens no guarantee`, belongs: 'allow' };
}

/** The calls that may be under a key. */
export function callsBy(by: 'allow' | 'unsafe_allow'): readonly string[] {
  return [...CALL_FORMS].filter(([, form]) => form.by === by).map(([call]) => call);
}
