// The flags of descriptors and open files, fcntl(2) and open(2).

import { constants } from 'node:fs';
import { constants as system } from 'node:os';
import { bind, read, succeed } from './libc.js';
import { OwnedFd } from './owned-fd.js';
import { KCMP_FILE, SYS, syscallLongs } from './syscall.js';

// fcntl(2), flock(2), dup(2), close_range(2), lseek(2), kcmp(2), read(2), write(2) on descriptors. Runs in every process.

const F_DUPFD_CLOEXEC = 1030;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const F_SETPIPE_SZ = 1031;
const F_GETPIPE_SZ = 1032;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
const [F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE] = [1, 2, 4, 8] as const;
const SIZE_SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW;
const ALL_SEALS = SIZE_SEALS | F_SEAL_WRITE;
const LOCK_EX = 2;
const LOCK_NB = 4;

const fcntl = bind('int fcntl(int fd, int command, long argument)');
const dup3 = bind('int dup3(int from, int to, int flags)');
const flock = bind('int flock(int fd, int operation)');
const closeRangeCall = bind('int close_range(uint first, uint last, int flags)');
const write = bind('long write(int fd, const void *buffer, size_t length)');
const lseek = bind('long lseek(int fd, long offset, int whence)');
const [SEEK_SET, SEEK_CUR] = [0, 1] as const;

/** A duplicate with the lowest free number from `least` on, close-on-exec. */
export function duplicate(fd: number, least = 3): OwnedFd {
  return new OwnedFd(succeed(fcntl(fd, F_DUPFD_CLOEXEC, least), 'fcntl F_DUPFD_CLOEXEC'));
}

/**
 * Locks an open file until its last descriptor is closed.
 *
 * @returns false if another open file description holds the lock
 */
export function tryLock(fd: number): boolean {
  const result = flock(fd, LOCK_EX | LOCK_NB);
  if (result === -system.errno.EWOULDBLOCK) return false;
  succeed(result, 'flock');
  return true;
}

/** Makes `to` a duplicate of `from` that survives execve. The numbers must differ. */
export function duplicateOnto(from: number, to: number): void {
  succeed(dup3(from, to, 0), 'dup3');
}

/** Clears close-on-exec: the descriptor survives execve. */
export function keepAcrossExec(fd: number): void {
  succeed(fcntl(fd, F_SETFD, 0), 'fcntl F_SETFD');
}

/** Whether O_NONBLOCK is set on the open file description. */
export function isNonBlocking(fd: number): boolean {
  return (fcntl(fd, F_GETFL, 0) & constants.O_NONBLOCK) !== 0;
}

/** Whether the descriptor only names a file, open(2): O_PATH. */
export function isHandle(fd: number): boolean {
  return (fcntl(fd, F_GETFL, 0) & O_PATH) !== 0;
}

/** Sets or clears O_NONBLOCK on the open file description, which every duplicate shares. */
export function setNonBlocking(fd: number, on: boolean): void {
  const flags = succeed(fcntl(fd, F_GETFL, 0), 'fcntl F_GETFL');
  const wanted = on ? flags | constants.O_NONBLOCK : flags & ~constants.O_NONBLOCK;
  if (wanted !== flags) succeed(fcntl(fd, F_SETFL, wanted), 'fcntl F_SETFL');
}

/** Clears all status flags of a new socket, of which only O_NONBLOCK may be set. */
export function makeBlocking(fd: number): void {
  succeed(fcntl(fd, F_SETFL, 0), 'fcntl F_SETFL');
}

/** Sets the size of a pipe, in bytes at least. @returns the size, or minus EPERM beyond the user's limit, pipe(7) */
export function setPipeSize(fd: number, bytes: number): number {
  return fcntl(fd, F_SETPIPE_SZ, bytes);
}

/** How many bytes a pipe holds at most, pipe(7). */
export function pipeSize(fd: number): number {
  return succeed(fcntl(fd, F_GETPIPE_SZ, 0), 'fcntl F_GETPIPE_SZ');
}

/** Keeps a file of memory at its size for good, memfd_create(2). Nobody adds a further seal, such as one against writing. */
export function sealSize(fd: number): void {
  succeed(fcntl(fd, F_ADD_SEALS, SIZE_SEALS), 'fcntl F_ADD_SEALS');
}

/** Keeps a file of memory as it is for good, size and bytes. Nobody can write into it, by whatever descriptor. */
export function sealBytes(fd: number): void {
  succeed(fcntl(fd, F_ADD_SEALS, ALL_SEALS), 'fcntl F_ADD_SEALS');
}

/** Whether a file has been sealed by {@link sealBytes}. */
export function hasSealedBytes(fd: number): boolean {
  // A file that knows no seals is minus EINVAL, which has some of these bits.
  const seals = fcntl(fd, F_GET_SEALS, 0);
  return seals >= 0 && (seals & ALL_SEALS) === ALL_SEALS;
}

/** Where the next read(2) or write(2) of the open file begins, in bytes, lseek(2). @returns it, or minus errno: ESPIPE for what has no place */
export function offsetOf(fd: number): number {
  return lseek(fd, 0, SEEK_CUR);
}

/** Sets the place that {@link offsetOf} tells, for everybody who has the open file. @returns it, or minus errno */
export function setOffset(fd: number, offset: number): number {
  return lseek(fd, offset, SEEK_SET);
}

/** Whether two descriptors of this process are duplicates of each other, kcmp(2). False where the kernel does not tell. */
export function areDuplicates(one: number, other: number): boolean {
  return syscallLongs(SYS.kcmp, process.pid, process.pid, KCMP_FILE, one, other) === 0;
}

/** Reads once into `buffer`. @returns bytes read, 0 at the end, or minus errno (EAGAIN if there is nothing) */
export function readOnce(fd: number, buffer: Uint8Array): number {
  return read(fd, buffer, buffer.length);
}

/** Writes once. @returns bytes written, or minus errno */
export function writeOnce(fd: number, bytes: Uint8Array): number {
  return write(fd, bytes, bytes.length);
}

const CLOSE_RANGE_CLOEXEC = 4;

/** Makes every descriptor from `first` on close-on-exec. */
export function setCloseOnExecFrom(first: number): void {
  succeed(closeRangeCall(first, 0x7fffffff, CLOSE_RANGE_CLOEXEC), 'close_range CLOEXEC');
}

// Constants of open(2) and its relatives that several files use and that node:fs does not have. Linux gives them the same numbers on
// x86-64 and arm64, unlike O_DIRECTORY, which is in node:fs.

export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;
export const AT_FDCWD = -100;
