// The calls that ordinary programs use, by purpose. Names that this architecture does not have are left out.
// `seccomp`, `clone`, `unshare`, `ioctl` and the send calls are judged further by argument-denials.ts.

export interface CallGroup {
  readonly purpose: string;
  readonly calls: readonly string[];
}

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

export const ordinaryCalls: readonly CallGroup[] = [
  {
    purpose: 'files by descriptor',
    calls: words(`
      read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek close close_range dup dup2 dup3
      fcntl fstat fstatfs fsync fdatasync ftruncate fallocate fadvise64 readahead sync_file_range flock getdents
      getdents64 fchdir fchmod fchown ioctl copy_file_range syncfs sync cachestat
      fgetxattr fsetxattr flistxattr fremovexattr`),
  },
  {
    purpose: 'files by path; what is there is the root that the launcher built',
    calls: words(`
      open openat creat stat lstat newfstatat statx statfs access faccessat faccessat2 readlink readlinkat mkdir
      mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat mknod mknodat chmod fchmodat
      fchmodat2 chown lchown fchownat truncate utime utimes utimensat futimesat getcwd chdir umask name_to_handle_at
      getxattr setxattr listxattr removexattr lgetxattr lsetxattr llistxattr lremovexattr getxattrat setxattrat
      listxattrat removexattrat listmount statmount inotify_init inotify_init1 inotify_add_watch inotify_rm_watch
      fanotify_mark file_getattr file_setattr`),
  },
  {
    purpose: 'memory',
    calls: words(`
      mmap munmap mprotect mremap msync madvise mincore mlock mlock2 munlock mlockall munlockall brk memfd_create
      memfd_secret membarrier pkey_alloc pkey_free pkey_mprotect remap_file_pages set_mempolicy get_mempolicy mbind
      migrate_pages move_pages set_mempolicy_home_node map_shadow_stack mseal process_mrelease`),
  },
  {
    purpose: 'processes and threads',
    calls: words(`
      clone fork vfork execve execveat exit exit_group wait4 waitid getpid getppid gettid getpgid getpgrp setpgid getsid
      setsid set_tid_address set_robust_list get_robust_list rseq futex futex_waitv futex_wake futex_wait futex_requeue
      kill tkill tgkill prctl arch_prctl unshare pidfd_open pidfd_send_signal sched_yield sched_getaffinity
      sched_setaffinity sched_getparam sched_setparam sched_getscheduler sched_setscheduler sched_get_priority_max
      sched_get_priority_min sched_rr_get_interval sched_getattr sched_setattr getpriority setpriority ioprio_get
      ioprio_set getcpu getrlimit setrlimit prlimit64 getrusage times seccomp landlock_create_ruleset landlock_add_rule
      landlock_restrict_self restart_syscall modify_ldt set_thread_area get_thread_area capget capset`),
  },
  {
    purpose: 'ids: the plugin has no capability, so a change succeeds only to what it has',
    calls: words(`
      getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid setresgid
      setfsuid setfsgid setgroups`),
  },
  {
    purpose: 'signals, timers and clocks',
    calls: words(`
      rt_sigaction rt_sigprocmask rt_sigpending rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigqueueinfo
      rt_tgsigqueueinfo sigaltstack signalfd signalfd4 pause alarm getitimer setitimer timer_create timer_settime
      timer_gettime timer_getoverrun timer_delete timerfd_create timerfd_settime timerfd_gettime nanosleep
      clock_gettime clock_getres clock_nanosleep gettimeofday time eventfd eventfd2`),
  },
  {
    purpose: 'waiting for many',
    calls: words(`
      poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old
      epoll_pwait epoll_pwait2`),
  },
  {
    purpose: 'sockets and pipes; socket, socketpair and setsockopt are judged by conditional-calls.ts',
    calls: words(`
      pipe pipe2 accept accept4 getsockname getpeername getsockopt shutdown sendto recvfrom sendmsg recvmsg sendmmsg
      recvmmsg`),
  },
  {
    purpose: 'communication inside the sandbox, whose IPC namespace is its own',
    calls: words(`
      shmget shmat shmdt shmctl semget semop semtimedop semctl msgget msgsnd msgrcv msgctl mq_open mq_unlink
      mq_timedsend mq_timedreceive mq_notify mq_getsetattr`),
  },
  {
    purpose: 'facts about the machine',
    calls: words('uname sysinfo getrandom'),
  },
];
