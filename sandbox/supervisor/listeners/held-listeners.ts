// Listening sockets that a service manager holds and passes to postern, sd_listen_fds(3) and systemd.socket(5). They outlive postern, so no client is
// refused while it starts anew. Runs in the supervisor. A plugin gets one if it listens on the same address by its configuration: the file says
// who serves what, and reads the same with and without a manager.

import type { ListenAddress } from '../../../shared/config/listen-address.js';
import { duplicate } from '../../../shared/sys/fcntl.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { SOCKADDR_BYTES } from '../../../shared/sys/sockaddr.js';
import {
  boundAddress,
  getsockname,
  isListening,
  SOCK_STREAM,
  socketKind,
} from '../../../shared/sys/socket.js';
import { showListenAddress } from './socket-place.js';

/** Of the first socket, sd_listen_fds(3). */
const FIRST = 3;
/** As many as LISTEN_FDS may sensibly say: systemd passes no more descriptors than the unit may open. */
const MOST = 1024;

export class HeldListeners {
  readonly #sockets: ReadonlyMap<string, OwnedFd>;

  private constructor(sockets: ReadonlyMap<string, OwnedFd>) {
    this.#sockets = sockets;
  }

  /**
   * Takes what was passed to this process. No child inherits it.
   *
   * @param env the variables are taken out of it: they are for this process alone
   */
  static take(env: NodeJS.ProcessEnv): HeldListeners {
    const { LISTEN_PID: pid, LISTEN_FDS: text = '' } = env;
    for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete env[name];
    const count = pid === `${process.pid}` && /^\d{1,4}$/.test(text) ? Math.min(Number(text), MOST) : 0;
    const sockets = new Map<string, OwnedFd>();
    for (let fd = FIRST; fd < FIRST + count; fd += 1) {
      using passed = new OwnedFd(fd);
      const address = addressOf(passed.number);
      if (address !== undefined) sockets.set(address, duplicate(passed.number));
    }
    return new HeldListeners(sockets);
  }

  /** @returns a duplicate; undefined where the manager holds none for that address */
  duplicateFor(address: ListenAddress): OwnedFd | undefined {
    const held = this.#sockets.get(showListenAddress(address));
    return held === undefined ? undefined : duplicate(held.number);
  }
}

/** @returns undefined for what is no listening stream socket with an address */
function addressOf(fd: number): string | undefined {
  if (socketKind(fd)?.type !== SOCK_STREAM || !isListening(fd)) return undefined;
  const inet = boundAddress(fd);
  if (inet !== undefined) return showListenAddress({ kind: 'tcp', ...inet });
  const raw = new Uint8Array(SOCKADDR_BYTES);
  const length = new Uint8Array(Int32Array.of(SOCKADDR_BYTES).buffer);
  if (getsockname(fd, raw, length) < 0) return undefined;
  const [, path] = /^..(\/[^\0]*)/s.exec(Buffer.from(raw).toString('latin1')) ?? [];
  return path === undefined ? undefined : Buffer.from(path, 'latin1').toString();
}
