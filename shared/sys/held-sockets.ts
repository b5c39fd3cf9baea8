// Finds sockets in the descriptor tables of other processes, proc(5) and pidfd_getfd(2), and ends their connections for every holder. Runs in
// the broker, which may read fdinfo of its plugins, and may not list fd.
import { type Dir, opendirSync, readFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { SystemError } from './libc.js';
import type { OwnedFd } from './owned-fd.js';
import { compareTables, openPidfd, openThreadPidfd, takeDescriptor } from './pidfd.js';
import { connect, shutDown } from './socket.js';
import { socketCookie } from './socket-state.js';

const { EINVAL } = constants.errno;
/** A struct sockaddr_in of AF_UNSPEC, which dissolves a connection: connect(2). */
const NO_PEER = new Uint8Array(16);

/**
 * The processes in some pid namespaces. It yields after each file of proc(5): undefined for a process that is in none of them.
 *
 * @param owners by the targets of ns/pid, pid_namespaces(7)
 */
export function* processesIn<T>(
  owners: ReadonlyMap<string, T>,
): Generator<{ readonly pid: number; readonly owner: T } | undefined> {
  for (const pid of numbersIn('/proc')) {
    const owner = owners.get(linkOf(`/proc/${pid}/ns/pid`) ?? '');
    // protects: G7 every process of the sandbox is looked at => yield owner === undefined || !readFileSync('/proc/' + pid + '/status', 'latin1').includes('NSpid:\t' + pid + '\t2\n') ? undefined : { pid, owner };
    yield owner === undefined ? undefined : { pid, owner };
  }
}

/** A descriptor in the table of a thread. */
export interface HeldDescriptor {
  readonly tid: number;
  readonly descriptor: number;
}

/**
 * Where a process holds some sockets. It yields after each file of proc(5): undefined for anything else.
 *
 * @param inodes of the sockets
 */
export function* holdersIn(pid: number, inodes: ReadonlySet<number>): Generator<HeldDescriptor | undefined> {
  let [first, last]: readonly (number | undefined)[] = [];
  for (const tid of numbersIn(`/proc/${pid}/task`)) {
    yield undefined;
    // protects: G8 a table that many threads share is searched once => void sharesTable;
    if (sharesTable(first, tid) || sharesTable(last, tid)) continue;
    first ??= tid;
    last = tid;
    for (const descriptor of numbersIn(`/proc/${tid}/fdinfo`))
      yield inodes.has(inodeOf(`/proc/${tid}/fdinfo/${descriptor}`)) ? { tid, descriptor } : undefined;
  }
}

/** A duplicate of a socket that a thread holds. @returns with its cookie. The caller owns it. Undefined: the thread has it no more */
export function takeSocket({
  tid,
  descriptor,
}: HeldDescriptor): { readonly cookie: bigint; readonly socket: OwnedFd } | undefined {
  using thread = openThread(tid);
  if (thread === undefined) return undefined;
  const socket = takeDescriptor(thread.number, descriptor);
  return typeof socket === 'number' ? undefined : { cookie: socketCookie(socket.number), socket };
}

/**
 * Ends a connection at once, for every holder of its socket: connect(2) with AF_UNSPEC resets it, and drops what waits to be sent. A socket on
 * which a thread waits refuses that in Linux 6.4 to 6.6, and an AF_UNIX socket always does. Then it is shut down: what waits is still sent, and
 * nothing else.
 */
export function resetConnection(fd: number): void {
  if (connect(fd, NO_PEER, NO_PEER.length) < 0) shutDown(fd);
}

/** The names in a folder of proc(5) that are numbers, read in parts: a plugin may have a million descriptors. */
function* numbersIn(path: string): Generator<number> {
  let folder: Dir | undefined;
  try {
    folder = opendirSync(path);
    for (let entry = folder.readSync(); entry !== null; entry = folder.readSync())
      if (/^\d+$/.test(entry.name)) yield Number(entry.name);
  } catch {
    // The process or the thread has ended.
  } finally {
    folder?.closeSync();
  }
}

/** kcmp(2). Where a filter refuses it, no: then each thread is searched. */
function sharesTable(one: number | undefined, other: number): boolean {
  return one !== undefined && compareTables(one, other) === 0;
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
