// Sets modes of plugins' folders, writes answers into callers' memory, marks sockets and opens files of sockets, on threads. Runs in the supervisor. The first two wait for
// locks that a plugin can hold for seconds, of the folder or of the memory; a broker that was taken over could hold that of a socket. A slow disk
// looks the same, so no plugin is ended for that. One that takes long gets a thread of its own, and delays only itself.
import { constants } from 'node:os';
import { WAITING_ORDERS } from '../../../shared/limits.js';
import { duplicate } from '../../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import type { FolderMode } from '../../../shared/sys/set-folder-mode.js';
import type { CallerAnswer } from './answer-caller.js';
import { Lane, type Ordered, type Owner } from './lane.js';
import type { SentSocket } from './sent-descriptors.js';

/** How long a plugin's order may hold up a thread of the supervisor before the plugin has that thread for itself. */
const ORDER_APART_MS = 100;

const { EAGAIN } = constants.errno;

/** What the order for a mode needs of a sandbox. */
export interface ModeSandbox {
  /** Of its trap. No other sandbox ever has it. */
  readonly number: number;
  readonly root: OwnedFd;
  /** Undefined where the plugin has the supervisor's ids. */
  readonly pluginId: number | undefined;
}

/** The orders of a sandbox or plugin that are not carried out yet. */
interface Pending {
  count: number;
  /** Whether it has ended. */
  ended: boolean;
}

export class PluginLanes {
  readonly #pending = new Map<Owner, Pending>();
  readonly #apart = new Map<Owner, Lane>();
  #common: Lane = this.#newLane();

  /** @param done gets -EAGAIN at once if too many orders of the sandbox wait, and if the sandbox ends before its turn */
  setMode(
    { number: trap, root, pluginId: id }: ModeSandbox,
    change: FolderMode,
    done: Ordered['done'],
  ): void {
    let copy: OwnedFd | undefined;
    this.#add({
      owner: trap,
      order: () => {
        copy = duplicate(root.number);
        return { kind: 'mode', id, root: copy.number, change };
      },
      done: (result) => {
        copy?.close();
        done(result);
      },
    });
  }

  /** @param done as of {@link setMode} */
  answer(trap: number, answer: CallerAnswer, done: Ordered['done']): void {
    this.#add({ owner: trap, order: () => ({ kind: 'answer', ...answer }), done });
  }

  /** @param socket owned from here on @param done as of {@link setMode} */
  mark(plugin: string, socket: SentSocket, mark: number, done: Ordered['done']): void {
    this.#add({
      owner: plugin,
      order: () => ({ kind: 'mark', socket: socket.number, mark }),
      done: (result) => {
        socket.close();
        done(result);
      },
    });
  }

  /** @param done gets the number of the file, which it owns, or what it gets of {@link setMode} */
  openSocket(plugin: string, path: string, done: Ordered['done']): void {
    this.#add({ owner: plugin, order: () => ({ kind: 'open', path }), done });
  }

  /** A sandbox has ended, or a plugin is gone. */
  end(owner: Owner): void {
    const pending = this.#pending.get(owner);
    if (pending !== undefined) pending.ended = true;
    this.#apart.get(owner)?.end();
    this.#apart.delete(owner);
  }

  #add({ owner, order, done }: Ordered): void {
    const pending = this.#pending.get(owner) ?? { count: 0, ended: false };
    // protects: G9 folder modes: the orders of a sandbox are bounded
    if (pending.count >= WAITING_ORDERS) {
      done(-EAGAIN);
      return;
    }
    pending.count += 1;
    this.#pending.set(owner, pending);
    const finish = (result: number): void => {
      pending.count -= 1;
      if (pending.count === 0) this.#pending.delete(owner);
      done(result);
    };
    (this.#apart.get(owner) ?? this.#common).add({ owner, order, done: finish });
  }

  #newLane(): Lane {
    const lane: Lane = new Lane({
      everyMs: ORDER_APART_MS,
      waits: (state) => state !== 'R',
      takesLong: (owner) => {
        // protects: G9 folder modes: a plugin that holds the thread up has it for itself
        if (lane === this.#common) this.#moveApart(lane, owner);
      },
    });
    return lane;
  }

  /** The thread that takes long becomes that plugin's own. The others get another one. */
  #moveApart(lane: Lane, owner: Owner): void {
    this.#common = this.#newLane();
    if (this.#pending.get(owner)?.ended === true) lane.end();
    else this.#apart.set(owner, lane);
    for (const ordered of lane.takeWaiting()) (ordered.owner === owner ? lane : this.#common).add(ordered);
  }
}
