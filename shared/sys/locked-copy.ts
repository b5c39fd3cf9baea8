// Copies mounts so that none of the copies comes off the one that it lies on. Runs in the launcher.
//
// When a mount namespace ends, the kernel takes its mounts apart. A mount that somebody still has a descriptor of goes on without the mounts that lay
// on it, and so shows what they covered. The kernel keeps only those together that it has locked: a copy of a namespace for another user namespace must
// not show more than the original (MNT_LOCKED, disconnect_mount() in its fs/namespace.c; mount_namespaces(7)).
//
// A process changes its user namespace only while it has one thread, user_namespaces(7), and Node has more. So a child gets a user and a mount
// namespace, and only waits. This thread enters the child's mount namespace, copies the mounts there, and comes back with the copy: a lock
// stays on copies. Nobody stays in the child's namespaces. The creator of a user namespace has every capability over it, and so over its mounts.
import { openSync } from 'node:fs';
import koffi from 'koffi';
import { bind, succeed } from './libc.js';
import { copyTree } from './mount.js';
import { OwnedFd } from './owned-fd.js';
import { awaitEnd, openPidfd } from './pidfd.js';

const CLONE_VM = 0x100;
const CLONE_FS = 0x200;
const CLONE_NEWNS = 0x20000;
const CLONE_NEWUSER = 0x10000000;
const SIGCHLD = 17;
const STACK_BYTES = 16 << 10;

const clone = bind('int clone(void *function, void *stack, int flags, void *argument)');
const dlsym = bind('size_t dlsym(void *handle, const char *name)');
const setns = bind('int setns(int fd, int kind)');
const unshare = bind('int unshare(int flags)');

/**
 * A detached copy of the mount at `path` with all mounts below it, to attach elsewhere. They are locked to each other, for every process. From here on
 * this thread has a root and a working directory apart from the other threads', and both are `/` of its mount namespace.
 *
 * @throws SystemError EPERM where a filter refuses clone(2) with a new namespace, or setns(2); ENOSPC for too many namespaces
 */
export function copyLocked(path: string): OwnedFd {
  using own = new OwnedFd(openSync('/proc/self/ns/mnt', 'r'));
  const stack = new Uint8Array(STACK_BYTES);
  // SAFETY: the child shares this memory and runs no code of JavaScript: pause(2) alone, on a stack that does not move and that this function keeps
  // until the child has ended. It gets no signal but SIGKILL: no terminal and no other process knows it.
  const flags = CLONE_VM | CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD;
  const top = koffi.address(stack) + BigInt(STACK_BYTES);
  const child = succeed(clone(BigInt(dlsym(null, 'pause')), top, flags, null), 'clone');
  try {
    using theirs = openPidfd(child);
    // A thread enters a mount namespace only if it shares its root and working directory with no other, setns(2).
    succeed(unshare(CLONE_FS), 'unshare');
    succeed(setns(theirs.number, CLONE_NEWNS), 'setns');
    const copy = copyTree(path, true);
    succeed(setns(own.number, CLONE_NEWNS), 'setns');
    return copy;
  } finally {
    process.kill(child, 'SIGKILL');
    awaitEnd(child);
    // Without a use here, the engine could free it before.
    stack.fill(0);
  }
}
