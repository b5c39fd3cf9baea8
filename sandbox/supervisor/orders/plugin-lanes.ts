// Sets modes of plugins' folders, writes answers into callers' memory and marks sockets, on threads. Runs in the supervisor. The first two wait for
// locks that a plugin can hold for seconds, of the folder or of the memory; a broker that was taken over could hold that of a socket. A slow disk
// looks the same, so no plugin is ended for that. One that takes long gets a thread of its own, and delays only itself.
import { constants } from 'node:os';
import { UNIX_ORDERS } from '../../../shared/limits.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import type { FolderMode } from '../../../shared/sys/set-folder-mode.js';
import type { CallerAnswer } from './answer-caller.js';
import { type Ordered, OrderLane, type SocketMark } from './order-lane.js';

const { EAGAIN } = constants.errno;

/** What the order for a mode needs of a sandbox. */
export interface ModeSandbox {
  /** No other sandbox ever has it. */
  readonly session: number;
  readonly root: OwnedFd;
  /** Undefined where the plugin has the supervisor's ids. */
  readonly pluginId: number | undefined;
}

type Owner = Ordered['owner'];

/** The orders of a sandbox or plugin that are not carried out yet. */
interface Pending {
  count: number;
  /** Whether it has ended. */
  ended: boolean;
}

export class PluginLanes {
  readonly #pending = new Map<Owner, Pending>();
  readonly #apart = new Map<Owner, OrderLane>();
  #common: OrderLane = this.#newLane();

  /** @param done gets -EAGAIN at once if too many orders of the sandbox wait, and if the sandbox ends before its turn */
  setMode({ session, root, pluginId }: ModeSandbox, change: FolderMode, done: Ordered['done']): void {
    this.#add({ owner: session, work: { root, id: pluginId, change }, done });
  }

  /** @param done as of {@link setMode} */
  answer(session: number, answer: CallerAnswer, done: Ordered['done']): void {
    this.#add({ owner: session, work: answer, done });
  }

  /** @param done as of {@link setMode} @returns false if too many orders of the plugin wait. Then the socket is the caller's */
  mark(plugin: string, mark: SocketMark, done: (result: number) => void): boolean {
    return this.#add({ owner: plugin, work: mark, done });
  }

  /** A sandbox has ended, or a plugin is gone. */
  end(owner: Owner): void {
    const pending = this.#pending.get(owner);
    if (pending !== undefined) pending.ended = true;
    this.#apart.get(owner)?.end();
    this.#apart.delete(owner);
  }

  #add({ owner, work, done }: Ordered): boolean {
    const pending = this.#pending.get(owner) ?? { count: 0, ended: false };
    // protects: G9 folder modes: the orders of a sandbox are bounded
    if (pending.count >= UNIX_ORDERS) {
      done(-EAGAIN);
      return false;
    }
    pending.count += 1;
    this.#pending.set(owner, pending);
    const finish = (result: number): void => {
      pending.count -= 1;
      if (pending.count === 0) this.#pending.delete(owner);
      done(result);
    };
    (this.#apart.get(owner) ?? this.#common).add({ owner, work, done: finish });
    return true;
  }

  #newLane(): OrderLane {
    const lane: OrderLane = new OrderLane((owner) => {
      if (lane === this.#common) this.#moveApart(lane, owner);
    });
    return lane;
  }

  /** The thread that takes long becomes that plugin's own. The others get another one. */
  #moveApart(lane: OrderLane, owner: Owner): void {
    this.#common = this.#newLane();
    if (this.#pending.get(owner)?.ended === true) lane.end();
    else this.#apart.set(owner, lane);
    for (const ordered of lane.takeWaiting()) (ordered.owner === owner ? lane : this.#common).add(ordered);
  }
}
