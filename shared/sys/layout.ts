// Sizes and offsets of the C structures that this folder reads and writes, for the LP64 ABIs of x86-64 and arm64. A test compares each with
// those of a C compiler.

export const LAYOUT = {
  'struct msghdr': {
    size: 56,
    msg_namelen: 8,
    msg_iov: 16,
    msg_iovlen: 24,
    msg_control: 32,
    msg_controllen: 40,
    msg_flags: 48,
  },
  'struct iovec': { size: 16, iov_len: 8 },
  'struct cmsghdr': { size: 16, cmsg_level: 8, cmsg_type: 12 },
  'struct ucred': { size: 12, uid: 4, gid: 8 },
  /** 144 bytes on x86-64, 128 on arm64. */
  'struct stat': { st_size: 48 },
  siginfo_t: { size: 128, si_code: 8, si_status: 24 },
  'struct pollfd': { size: 8, events: 4, revents: 6 },
  'struct sockaddr_in': { size: 16, sin_port: 2, sin_addr: 4 },
  'struct sockaddr_in6': { size: 28, sin6_port: 2, sin6_addr: 8 },
  'struct sockaddr_un': { size: 110, sun_path: 2 },
  'struct ifreq': { size: 40, ifr_flags: 16 },
  'struct in6_ifreq': { size: 24, ifr6_prefixlen: 16, ifr6_ifindex: 20 },
  'struct rlimit': { size: 16, rlim_max: 8 },
  'struct mount_attr': { size: 32, attr_clr: 8, propagation: 16, userns_fd: 24 },
  'struct landlock_ruleset_attr': { size: 24, handled_access_net: 8, scoped: 16 },
  'struct landlock_path_beneath_attr': { size: 12, parent_fd: 8 },
  'struct scmp_arg_cmp': { size: 24, op: 4, datum_a: 8, datum_b: 16 },
  sigset_t: { size: 128 },
  'struct termios2': {
    size: 44,
    c_iflag: 0,
    c_oflag: 4,
    c_cflag: 8,
    c_lflag: 12,
    c_cc: 17,
    c_ispeed: 36,
    c_ospeed: 40,
  },
  'struct seccomp_notif': { size: 80, pid: 8, flags: 12, 'data.nr': 16, 'data.args': 32 },
  'struct seccomp_notif_resp': { size: 24, val: 8, error: 16, flags: 20 },
  'struct seccomp_notif_addfd': { size: 24, flags: 8, srcfd: 12, newfd: 16, newfd_flags: 20 },
  'struct sock_fprog': { size: 16, filter: 8 },
  'struct sock_filter': { size: 8 },
  'struct timeval': { size: 16, tv_usec: 8 },
  'struct sockaddr_nl': { size: 12, nl_pid: 4, nl_groups: 8 },
  'struct ifaddrmsg': { size: 8 },
  'struct rtmsg': { size: 12, rtm_dst_len: 1, rtm_table: 4, rtm_type: 7 },
  'struct nlmsghdr': { size: 16, nlmsg_type: 4, nlmsg_flags: 6, nlmsg_seq: 8, nlmsg_pid: 12 },
  'struct inet_diag_req_v2': {
    size: 56,
    sdiag_protocol: 1,
    idiag_states: 4,
    'id.idiag_sport': 8,
    'id.idiag_dport': 10,
    'id.idiag_src': 12,
    'id.idiag_dst': 28,
    'id.idiag_cookie': 48,
  },
  'struct inet_diag_msg': { size: 72, 'id.idiag_cookie': 44, idiag_inode: 68 },
} as const;

/** Packed on x86-64 only. */
export const EPOLL_EVENT: { readonly size: number; readonly data: number } =
  process.arch === 'x64' ? { size: 12, data: 4 } : { size: 16, data: 8 };
