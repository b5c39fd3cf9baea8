// Sets modes of plugins' folders and writes answers into callers' memory, on threads. Runs in the supervisor. Both wait for locks that a plugin
// can hold for seconds: of the folder, or of the memory. A slow disk looks the same, so no plugin is ended for that. One that takes long gets a
// thread of its own, and delays only itself.
import { constants } from 'node:os';
import { UNIX_ORDERS } from '../../../shared/limits.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import type { FolderMode } from '../../../shared/sys/set-folder-mode.js';
import type { CallerAnswer } from './answer-caller.js';
import { type Ordered, OrderLane } from './order-lane.js';

const { EAGAIN } = constants.errno;

/** What the order for a mode needs of a sandbox. */
export interface ModeSandbox {
  /** No other sandbox ever has it. */
  readonly session: number;
  readonly root: OwnedFd;
  /** Undefined where the plugin has the supervisor's ids. */
  readonly pluginId: number | undefined;
}

/** The orders of a sandbox that are not carried out yet. */
interface Pending {
  count: number;
  /** Whether the sandbox has ended. */
  ended: boolean;
}

export class PluginLanes {
  readonly #pending = new Map<number, Pending>();
  readonly #apart = new Map<number, OrderLane>();
  #common: OrderLane = this.#newLane();

  /** @param done gets -EAGAIN at once if too many orders of the sandbox wait, and if the sandbox ends before its turn */
  setMode({ session, root, pluginId }: ModeSandbox, change: FolderMode, done: Ordered['done']): void {
    this.#add({ session, work: { root, id: pluginId, change }, done });
  }

  /** @param done as of {@link setMode} */
  answer(session: number, answer: CallerAnswer, done: Ordered['done']): void {
    this.#add({ session, work: answer, done });
  }

  /** A sandbox has ended. */
  end(session: number): void {
    const pending = this.#pending.get(session);
    if (pending !== undefined) pending.ended = true;
    this.#apart.get(session)?.end();
    this.#apart.delete(session);
  }

  #add({ session, work, done }: Ordered): void {
    const pending = this.#pending.get(session) ?? { count: 0, ended: false };
    if (pending.count >= UNIX_ORDERS) {
      done(-EAGAIN);
      return;
    }
    pending.count += 1;
    this.#pending.set(session, pending);
    const finish = (result: number): void => {
      pending.count -= 1;
      if (pending.count === 0) this.#pending.delete(session);
      done(result);
    };
    (this.#apart.get(session) ?? this.#common).add({ session, work, done: finish });
  }

  #newLane(): OrderLane {
    const lane: OrderLane = new OrderLane((session) => {
      if (lane === this.#common) this.#moveApart(lane, session);
    });
    return lane;
  }

  /** The thread that takes long becomes that plugin's own. The others get another one. */
  #moveApart(lane: OrderLane, session: number): void {
    this.#common = this.#newLane();
    if (this.#pending.get(session)?.ended === true) lane.end();
    else this.#apart.set(session, lane);
    for (const ordered of lane.takeWaiting())
      (ordered.session === session ? lane : this.#common).add(ordered);
  }
}
