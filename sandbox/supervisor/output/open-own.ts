// Descriptors of postern's own for what another process gave it. Runs in the supervisor. O_NONBLOCK belongs to the open file: set on a
// descriptor that others share, it would be theirs too.
import { constants, fstatSync, openSync } from 'node:fs';
import { duplicate } from '../../../shared/sys/fcntl.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { foregroundGroup } from '../../../shared/sys/process-control.js';

const { O_APPEND, O_NOCTTY, O_NONBLOCK, O_WRONLY } = constants;

/** How bytes are written so that no write waits. */
export type WriteKind =
  /** The descriptor is non-blocking: a write takes what there is room for. */
  | 'now'
  /** A socket that others share: each call says that it does not wait. */
  | 'socket'
  /** A file, or what others share and cannot be opened again: a thread writes, since a write can take its time. */
  | 'thread';

export interface OwnDescriptor {
  readonly descriptor: OwnedFd;
  readonly kind: WriteKind;
  /** A file whose last line has no end: it is ended first. */
  readonly isTorn?: boolean;
}

/** @param fd a descriptor of this process, as 1 or 2 */
export function openOwn(fd: number): OwnDescriptor {
  const stats = fstatSync(fd);
  if (stats.isFile() || stats.isBlockDevice()) return { descriptor: duplicate(fd), kind: 'thread' };
  if (stats.isSocket()) return { descriptor: duplicate(fd), kind: 'socket' };
  // The permissions of a terminal's file may keep this user out, but not from its own controlling terminal, tty(4).
  const path = foregroundGroup(fd) >= 0 ? '/dev/tty' : `/proc/self/fd/${fd}`;
  try {
    const flags = O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY;
    return { descriptor: new OwnedFd(openSync(path, flags)), kind: 'now' };
  } catch {
    return { descriptor: duplicate(fd), kind: 'thread' };
  }
}

/** The kind of a file that postern has opened with O_NONBLOCK. */
export function kindOf(descriptor: OwnedFd): WriteKind {
  const stats = fstatSync(descriptor.number);
  return stats.isFile() || stats.isBlockDevice() ? 'thread' : 'now';
}
