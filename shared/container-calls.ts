// The system calls that postern makes and that the default filter of a container engine refuses, each with its use. Both the script
// that makes a seccomp profile and `postern doctor` read this list.

/** By name: a test takes each one away in turn, and doctor names it. Without kcmp, postern runs degraded. */
export const CONTAINER_CALLS: Readonly<Record<string, string>> = {
  unshare: 'makes the namespaces of the sandbox',
  clone: 'makes user and mount namespaces of a moment, in which the mounts are locked to each other',
  setns:
    'takes the locked mounts out of there, and enters the user namespace of the broker, where a user starts postern',
  mount: "mounts the sandbox's root, /proc, /dev/pts, /dev/mqueue and scratch folders",
  umount2: 'lets go of the old root',
  pivot_root: 'enters the new root',
  open_tree: 'copies the mounts that the plugin sees',
  move_mount: 'attaches these copies',
  mount_setattr: 'makes these copies read-only',
  sethostname: 'names the host inside',
  setdomainname: 'takes the NIS domain of the host away',
  pidfd_getfd: "takes a duplicate of the socket that a program's connect(2) names",
  kcmp: "finds the socket's other descriptors in the program's table, faster than without it",
};
