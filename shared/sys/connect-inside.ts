// Connects an AF_UNIX socket of a sandbox to a socket that was bound in the same sandbox, and to no other. The kernel would take any
// socket that the path names by then: the path is opened once, and the file that was opened is what is connected to. Runs in the broker,
// or, where the plugin has other ids, in a thread of the supervisor that takes them.
import { constants as files, fstatSync } from 'node:fs';
import { constants } from 'node:os';
import { isNonBlocking, setNonBlocking } from './fcntl.js';
import { openInRoot, type Viewpoint } from './open-in-root.js';
import type { OwnedFd } from './owned-fd.js';
import type { SandboxListeners } from './sandbox-listeners.js';
import { encodeSocketPath } from './sockaddr.js';
import { connect, listenOn } from './socket.js';

const { S_IFMT, S_IFSOCK } = files;
const { ECONNREFUSED } = constants.errno;

/** Where to connect to, as bytes: a path from the sandbox's root, or a struct sockaddr_un with an abstract name. Or: listen(2). */
export type UnixTarget =
  | { readonly kind: 'listen'; readonly backlog: number }
  | { readonly kind: 'path'; readonly path: Uint8Array; readonly self: number | undefined }
  | { readonly kind: 'abstract'; readonly address: Uint8Array };

/** A sandbox, as a connect inside it needs it. */
export interface UnixPlace extends Pick<Viewpoint, 'root' | 'readsProc'> {
  readonly listeners: SandboxListeners;
}

/** What to connect to. */
export interface FoundInside {
  readonly address: Uint8Array;
  /** The address names it, so it stays open until the connect is over. */
  readonly file?: OwnedFd;
}

/**
 * Never waits: a full backlog is EAGAIN, whether or not the socket is blocking.
 *
 * @param fd a duplicate of the plugin's socket
 * @returns 0, minus errno as connect(2) has it, or `host` for a socket that was not bound in the sandbox
 */
export function connectInside(place: UnixPlace, fd: number, target: UnixTarget): number | 'host' {
  if (target.kind === 'listen') {
    const result = listenOn(fd, target.backlog);
    if (result === 0) place.listeners.note(fd);
    return result;
  }
  const found = findInside(place, target);
  if (typeof found !== 'object') return found;
  using _file = found.file;
  return connectNow(fd, found.address);
}

/** The first half of a connect. @returns as {@link connectInside} where there is nothing to connect to */
export function findInside(
  place: UnixPlace,
  target: Exclude<UnixTarget, { readonly kind: 'listen' }>,
): FoundInside | number | 'host' {
  if (target.kind === 'abstract') return { address: target.address };
  const file = openInRoot({ ...place, self: target.self }, target.path);
  if (typeof file === 'number') return file;
  const refused = refusedFile(place, file);
  if (refused === undefined) return { address: encodeSocketPath(`/proc/self/fd/${file.number}`), file };
  file.close();
  return refused;
}

function refusedFile(place: UnixPlace, file: OwnedFd): number | 'host' | undefined {
  if ((fstatSync(file.number).mode & S_IFMT) !== S_IFSOCK) return -ECONNREFUSED;
  // protects: G14 an AF_UNIX socket is connected only to one that was bound in the sandbox
  if (!place.listeners.has(file.number)) return 'host';
  return undefined;
}

/**
 * The second half. Other holders of the socket see O_NONBLOCK for a moment. If the plugin clears it in that moment, this waits as a stall.
 */
export function connectNow(fd: number, address: Uint8Array): number {
  const blocking = !isNonBlocking(fd);
  if (blocking) setNonBlocking(fd, true);
  try {
    return connect(fd, address, address.length);
  } finally {
    if (blocking) setNonBlocking(fd, false);
  }
}
