// Copies mounts so that none of the copies comes off the one that it lies on. Runs in the launcher.
//
// When a mount namespace ends, the kernel takes its mounts apart. A mount that somebody still has a descriptor of goes on without the mounts that lay
// on it, and so shows what they covered. The kernel keeps only those together that it has locked: a copy of a namespace for another user namespace must
// not show more than the original (MNT_LOCKED, disconnect_mount() in its fs/namespace.c; mount_namespaces(7)).
//
// A process changes its user namespace only while it has one thread, user_namespaces(7), and Node has more. So a child gets a user and a mount
// namespace, copies the mounts there, and ends: a lock stays on copies. The creator of a user namespace has every capability over it, and so over its mounts.
//
// The child does it itself, with this process's memory and descriptors. Otherwise this process would have to enter the child's mount namespace, setns(2). For that
// the kernel asks whether it may trace the child, which has its memory: it would have to be open to every tracer, brokers too, while its mounts are not
// locked yet. The child cannot run JavaScript, or a function of the C library with more than one argument. So it runs a few instructions.
import { constants } from 'node:os';
import koffi from 'koffi';
import { AT_FDCWD } from './fcntl.js';
import { bind, SystemError, succeed } from './libc.js';
import { mapCode } from './memory-file.js';
import { COPY_FLAGS, makeTreePrivate } from './mount.js';
import { OwnedFd } from './owned-fd.js';
import { awaitEnd } from './pidfd.js';
import { SYS } from './syscall.js';

const CLONE_VM = 0x100;
const CLONE_FILES = 0x400;
const CLONE_VFORK = 0x4000;
const CLONE_NEWNS = 0x20000;
const CLONE_NEWUSER = 0x10000000;
const SIGCHLD = 17;
const STACK_BYTES = 16 << 10;
/** The argument is a path, in eight bytes. The result is behind it. */
const RESULT_AT = 8;

const clone = bind('int clone(void *function, void *stack, int flags, void *argument)');

function words(...values: readonly number[]): readonly number[] {
  return values.flatMap((value) =>
    [value, value >>> 8, value >>> 16, value >>> 24].map((byte) => byte & 0xff),
  );
}

/**
 * `int *result = argument + 8; *result = syscall(open_tree, AT_FDCWD, argument, flags)`, as a function of one argument. The calls are those of the kernel: without
 * errno, which this process's thread has.
 */
const CODE: Readonly<Record<string, (call: number, flags: number) => readonly number[]>> = {
  x64: (call, flags) => [
    ...[0x48, 0x89, 0xfe], // mov rsi, rdi
    ...[0xbf, ...words(AT_FDCWD)], // mov edi, AT_FDCWD
    ...[0xba, ...words(flags)], // mov edx, flags
    ...[0xb8, ...words(call)], // mov eax, call
    ...[0x0f, 0x05], // syscall
    ...[0x89, 0x46, RESULT_AT], // mov [rsi + 8], eax
    0xc3, // ret
  ],
  arm64: (call, flags) =>
    words(
      0xaa0003e1, // mov x1, x0
      0x92800000 | (~AT_FDCWD << 5), // movn x0, ~AT_FDCWD
      0x52800002 | ((flags & 0xffff) << 5), // movz w2, flags
      0x72a00002 | ((flags >>> 16) << 5), // movk w2, flags >> 16, lsl 16
      0xd2800008 | (call << 5), // movz x8, call
      0xd4000001, // svc 0
      0xb9000020 | ((RESULT_AT / 4) << 10), // str w0, [x1, 8]
      0xd65f03c0, // ret
    ),
};

/**
 * A detached copy of the root with all mounts below it, to attach elsewhere. They are locked to each other, for every process.
 *
 * @throws SystemError EPERM where a filter refuses clone(2) with a new namespace; ENOSPC for too many namespaces; ENOSYS on an unknown architecture
 */
export function copyRootLocked(): OwnedFd {
  const make = CODE[process.arch];
  if (make === undefined) throw new SystemError('clone', constants.errno.ENOSYS, process.arch);
  const code = mapCode(new Uint8Array(make(SYS.open_tree, COPY_FLAGS)));
  const stack = new Uint8Array(STACK_BYTES);
  stack[0] = '/'.charCodeAt(0);
  // SAFETY: the child shares this memory, and this thread sleeps until it has ended (CLONE_VFORK). It runs the instructions above, on a stack that does not
  // move, since it is too large for the engine's own heap. The path and the result lie at its other end.
  const bottom = koffi.address(stack);
  const flags = CLONE_VM | CLONE_FILES | CLONE_VFORK | CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD;
  const child = succeed(clone(code, bottom + BigInt(STACK_BYTES), flags, bottom), 'clone');
  awaitEnd(child);
  const copy = new OwnedFd(succeed(new DataView(stack.buffer).getInt32(RESULT_AT, true), 'open_tree', '/'));
  try {
    makeTreePrivate(copy.number, '/');
    return copy;
  } catch (error) {
    copy.close();
    throw error;
  }
}
