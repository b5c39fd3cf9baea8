// Serves the control socket: takes clients that may ask, a bounded number at a time. Runs in the supervisor.

import { constants } from 'node:os';
import { CONTROL_CLIENTS, OUTPUT_TIMEOUT_MS } from '../../../shared/limits.js';
import { acceptConnection } from '../../../shared/sys/datagram.js';
import { sendMessage } from '../../../shared/sys/message.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { endWriting } from '../../../shared/sys/socket.js';
import {
  isPeerInPidNamespace,
  type PeerCredentials,
  peerCredentials,
} from '../../../shared/sys/socket-state.js';
import { READABLE, Watch } from '../../../shared/sys/uv-poll.js';
import { closeElsewhere } from '../orders/close-elsewhere.js';
import { CONTROL_TIMES, ControlSession, type ControlTimes } from './control-session.js';
import type { ControlSocket } from './control-socket.js';
import type { ControlTarget } from './control-surface.js';
import { type Method, methodsOf } from './methods.js';
import { GREETING, refuseLine } from './rpc.js';

const { EAGAIN, ECONNABORTED } = constants.errno;
/** After an accept(2) that failed, as for want of descriptors. */
const PAUSE_MS = 1000;

export class ControlServer {
  readonly #place: ControlSocket;
  readonly #target: ControlTarget;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #sessions = new Set<ControlSession>();
  readonly #turnedAway = new Map<OwnedFd, NodeJS.Timeout>();
  readonly #watch: Watch;
  readonly #times: ControlTimes;
  #timer: NodeJS.Timeout | undefined;

  /** @param place owned from here on. Its clients are served at once */
  constructor(place: ControlSocket, target: ControlTarget, times: ControlTimes = CONTROL_TIMES) {
    this.#place = place;
    this.#times = times;
    this.#target = target;
    this.#methods = methodsOf(target);
    this.#watch = new Watch(place.socket.number, () => this.#accept());
    // The plugins keep `up` alive, and not the clients.
    this.#watch.keepAlive(false);
    this.#watch.want(READABLE);
  }

  /** Takes no further client, and ends each connection once the client has read its answers, or after a time. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#watch.close();
    this.#place.close();
    for (const connection of this.#turnedAway.keys()) this.#drop(connection);
    await Promise.all([...this.#sessions].map((session) => session.close(undefined, OUTPUT_TIMEOUT_MS)));
  }

  #accept(): void {
    for (;;) {
      const connection = acceptConnection(this.#place.socket.number);
      if (typeof connection !== 'number') this.#admit(connection);
      else if (connection === -EAGAIN) return;
      else if (connection !== -ECONNABORTED) {
        this.#watch.want(0);
        this.#timer = setTimeout(() => this.#watch.want(READABLE), PAUSE_MS);
        return;
      }
    }
  }

  #admit(connection: OwnedFd): void {
    const peer = {
      ...peerCredentials(connection.number),
      isNear: isPeerInPidNamespace(connection.number),
    };
    const why = refusePeer(peer, { uid: process.geteuid?.() ?? 0, isOwn: this.#target.isOwn });
    if (why !== undefined || !this.#makeRoom()) {
      this.#turnAway(connection, why ?? `There are ${CONTROL_CLIENTS} clients already, and none is idle`);
      return;
    }
    const forget = (): void => void this.#sessions.delete(session);
    const session = new ControlSession(connection, this.#methods, forget, this.#times);
    this.#sessions.add(session);
  }

  /**
   * If it were closed at once, the client's own write would fail before it reads why. Nothing of it is read: it can be a plugin that a broker has
   * let connect, and send descriptors.
   */
  #turnAway(connection: OwnedFd, message: string): void {
    const words = `${GREETING}${JSON.stringify(refuseLine(message))}\n`;
    sendMessage(connection.number, Buffer.from(words));
    endWriting(connection.number);
    const timer = setTimeout(() => this.#drop(connection), OUTPUT_TIMEOUT_MS);
    this.#turnedAway.set(connection, timer);
    if (this.#turnedAway.size > CONTROL_CLIENTS) this.#drop(connection);
  }

  #drop(connection: OwnedFd): void {
    clearTimeout(this.#turnedAway.get(connection));
    this.#turnedAway.delete(connection);
    // protects: G13 control: what a client that may not ask has sent is closed by another process => connection.close();
    closeElsewhere(connection);
  }

  /** The client that has been idle longest makes room. @returns false if none is idle */
  #makeRoom(): boolean {
    if (this.#sessions.size < CONTROL_CLIENTS) return true;
    const idle = [...this.#sessions].filter((session) => session.isIdle);
    const [longest] = idle.sort((a, b) => a.activeAt - b.activeAt);
    if (longest === undefined) return false;
    this.#sessions.delete(longest);
    void longest.close('Another client took the place of this one, which was idle', OUTPUT_TIMEOUT_MS);
    return true;
  }
}

// Who may ask over the control socket. Pure.

const ROOT = 0;

/**
 * @param peer as the kernel says. `isNear`: it runs in the supervisor's own pid namespace. A plugin never does. It may have the uid of a user who starts
 *   postern, and a broker that was taken over can let it connect
 * @param own the uid of the supervisor, and whether a process is postern's own: the broker has the uid of a user who starts postern, and a plugin that took it
 *   over must not command the supervisor. A connect for a plugin comes from the broker, or as root from the supervisor itself
 * @returns why it may not ask; undefined if it may
 */
export function refusePeer(
  { pid, uid, isNear }: PeerCredentials & { readonly isNear: boolean },
  own: { readonly uid: number; readonly isOwn: (pid: number) => boolean },
): string | undefined {
  // protects: G21 control: another user commands nothing
  if (uid !== own.uid && uid !== ROOT)
    return `Only uid ${own.uid}, which started postern, and root may ask, and not uid ${uid}`;
  // protects: G21 control: no process of another pid namespace commands anything
  if (!isNear)
    return "Only processes of the supervisor's own pid namespace may ask, and no plugin and no container: run the command where postern runs";
  return /* protects: G21 control: a broker commands nothing => false */ own.isOwn(pid)
    ? `No process of postern may ask, and pid ${pid} is one`
    : undefined;
}
