// Finds sockets in the descriptor tables of other processes, proc(5) and pidfd_getfd(2), and ends their connections for every holder. Runs in
// the broker, which may read fdinfo of its plugins, and may not list fd.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { SystemError } from './libc.js';
import type { OwnedFd } from './owned-fd.js';
import { openPidfd, openThreadPidfd, takeDescriptor } from './pidfd.js';
import { connect, shutDown } from './socket.js';
import { socketCookie } from './socket-state.js';

const { EINVAL } = constants.errno;
/** A struct sockaddr_in of AF_UNSPEC, which dissolves a connection: connect(2). */
const NO_PEER = new Uint8Array(16);

/**
 * The processes in some pid namespaces.
 *
 * @param owners by the targets of ns/pid, pid_namespaces(7)
 * @returns each with the owner of its namespace
 */
export function processesIn<T>(
  owners: ReadonlyMap<string, T>,
): readonly { readonly pid: number; readonly owner: T }[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    const owner = pid > 0 ? owners.get(linkOf(`/proc/${pid}/ns/pid`) ?? '') : undefined;
    // protects: G7 every process of the sandbox is looked at => return owner === undefined || !readFileSync('/proc/' + pid + '/status', 'latin1').includes('NSpid:\t' + pid + '\t2\n') ? [] : [{ pid, owner }];
    return owner === undefined ? [] : [{ pid, owner }];
  });
}

/** The threads of a process, the first one first: each may have a table of its own. */
export function threadsOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [];
  }
}

/**
 * Duplicates of sockets that a thread holds.
 *
 * @param inodes of the sockets
 * @returns with the cookie of each. The caller owns them
 */
export function takeSockets(
  tid: number,
  inodes: ReadonlySet<number>,
): readonly { readonly cookie: bigint; readonly socket: OwnedFd }[] {
  const descriptors = descriptorsOf(tid, inodes);
  if (descriptors.length === 0) return [];
  using thread = openThread(tid);
  if (thread === undefined) return [];
  const taken: { readonly cookie: bigint; readonly socket: OwnedFd }[] = [];
  for (const descriptor of descriptors) {
    const socket = takeDescriptor(thread.number, descriptor);
    if (typeof socket !== 'number') taken.push({ cookie: socketCookie(socket.number), socket });
  }
  return taken;
}

/**
 * Ends a connection at once, for every holder of its socket: connect(2) with AF_UNSPEC resets it, and drops what waits to be sent. A socket on
 * which a thread waits refuses that in Linux 6.4 to 6.6, and an AF_UNIX socket always does. Then it is shut down: what waits is still sent, and
 * nothing else.
 */
export function endConnection(fd: number): void {
  if (connect(fd, NO_PEER, NO_PEER.length) < 0) shutDown(fd);
}

function descriptorsOf(tid: number, inodes: ReadonlySet<number>): readonly number[] {
  try {
    return readdirSync(`/proc/${tid}/fdinfo`)
      .filter((name) => inodes.has(inodeOf(`/proc/${tid}/fdinfo/${name}`)))
      .map(Number);
  } catch {
    return [];
  }
}

/** From Linux 5.14 on. 0 if the descriptor is gone. */
function inodeOf(path: string): number {
  try {
    return Number(/^ino:\s+(\d+)/m.exec(readFileSync(path, 'latin1'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Before PIDFD_THREAD (Linux 6.9) the process's, whose threads mostly share one table. */
function openThread(tid: number): OwnedFd | undefined {
  const thread = openThreadPidfd(tid);
  if (typeof thread !== 'number') return thread;
  if (thread !== -EINVAL) return undefined;
  try {
    return openPidfd(tid);
  } catch (error) {
    if (error instanceof SystemError) return undefined;
    throw error;
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
