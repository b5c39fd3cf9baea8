// Sets modes of plugins' folders, writes answers into callers' memory, marks sockets and opens files of sockets, on threads. Runs in the supervisor. The first two wait for
// locks that a plugin can hold for seconds, of the folder or of the memory; a broker that was taken over could hold that of a socket. A slow disk
// looks the same, so no plugin is ended for that. One that takes long gets a thread of its own, and delays only itself.

import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { FairTurns } from '../../../shared/fair-turns.js';
import { UNIX_ORDERS } from '../../../shared/limits.js';
import { endNativeThread, startNativeThread } from '../../../shared/native-thread.js';
import { duplicate } from '../../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import type { FolderMode } from '../../../shared/sys/set-folder-mode.js';
import type { CallerAnswer } from './answer-caller.js';
import type { SentSocket } from './sent-descriptors.js';

/** How long a plugin's order may hold up a thread of the supervisor before the plugin has that thread for itself. */
const ORDER_APART_MS = 100;

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

  /** @param done as of {@link setMode} */
  mark(plugin: string, mark: SocketMark, done: Ordered['done']): void {
    const finish = (result: number): void => {
      mark.socket.close();
      done(result);
    };
    this.#add({ owner: plugin, work: mark, done: finish });
  }

  /** @param done gets the number of the file, which it owns, or what it gets of {@link setMode} */
  openSocket(plugin: string, socketPath: string, done: Ordered['done']): void {
    this.#add({ owner: plugin, work: { socketPath }, done });
  }

  /** A sandbox has ended, or a plugin is gone. */
  end(owner: Owner): void {
    const pending = this.#pending.get(owner);
    if (pending !== undefined) pending.ended = true;
    this.#apart.get(owner)?.end();
    this.#apart.delete(owner);
  }

  #add({ owner, work, done }: Ordered): void {
    const pending = this.#pending.get(owner) ?? { count: 0, ended: false };
    // protects: G9 folder modes: the orders of a sandbox are bounded
    if (pending.count >= UNIX_ORDERS) {
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
    (this.#apart.get(owner) ?? this.#common).add({ owner, work, done: finish });
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

// A thread that carries out orders, for all plugins or for one: see plugin-lanes.ts. It starts with its first order.

/** What the thread does. It closes the `owned` descriptors then. */
export interface LaneOrder {
  readonly owned: readonly number[];
  readonly setMode?:
    | {
        /** The plugin's uid and gid. Undefined: those of the supervisor. */
        readonly id: number | undefined;
        readonly root: number;
        readonly change: FolderMode;
      }
    | undefined;
  readonly answer?: CallerAnswer | undefined;
  readonly mark?: { readonly socket: number; readonly mark: number } | undefined;
  /** Of a host's socket, whose file it opens. */
  readonly socketPath?: string;
}

/** A socket, and the mark that it gets. */
interface SocketMark {
  /** Owned from here on. */
  readonly socket: SentSocket;
  readonly mark: number;
}

/** A mode of a folder, an answer, a mark, or a file to open. */
type Work =
  | {
      /** The order fails if it is closed meanwhile. */
      readonly root: OwnedFd;
      readonly id: number | undefined;
      readonly change: FolderMode;
    }
  | CallerAnswer
  | SocketMark
  | { readonly socketPath: string };

interface Ordered {
  /** The session of a sandbox, or the name of a plugin. */
  readonly owner: number | string;
  readonly work: Work;
  readonly done: (result: number) => void;
}

/** The plugins take turns on it. */
class OrderLane {
  readonly #turns = new FairTurns<Ordered['owner'], Ordered>();
  readonly #takesLong: (owner: Ordered['owner']) => void;
  #underWay: Ordered | undefined;
  #owned: OwnedFd | undefined;
  #worker: Worker | undefined;
  #thread: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  /** @param takesLong called while the thread waits long for a plugin */
  constructor(takesLong: (owner: Ordered['owner']) => void) {
    this.#takesLong = takesLong;
  }

  add(ordered: Ordered): void {
    this.#turns.add(ordered.owner, ordered);
    this.#next();
  }

  /** Takes out what is not under way. */
  takeWaiting(): readonly Ordered[] {
    const waiting: Ordered[] = [];
    for (let next = this.#turns.next(); next !== undefined; next = this.#turns.next()) waiting.push(next);
    return waiting;
  }

  /** Ends the thread after its last order. */
  end(): void {
    this.#ended = true;
    this.#next();
  }

  #next(): void {
    if (this.#underWay !== undefined) return;
    const ordered = this.#turns.next();
    if (ordered === undefined) {
      if (this.#ended && this.#worker !== undefined) endNativeThread(this.#worker);
      return;
    }
    this.#underWay = ordered;
    try {
      this.#worker ??= this.#start();
      this.#worker.postMessage(this.#orderOf(ordered.work));
      this.#watch(ordered);
    } catch {
      // The sandbox has ended, or no descriptor or no memory is left for a thread.
      this.#failed();
    }
  }

  #orderOf(work: Work): LaneOrder {
    if ('mark' in work) return { owned: [], mark: { socket: work.socket.number, mark: work.mark } };
    if ('socketPath' in work) return { owned: [], socketPath: work.socketPath };
    if (!('change' in work)) return { owned: [], answer: work };
    this.#owned = duplicate(work.root.number);
    const root = this.#owned.number;
    return { owned: [root], setMode: { id: work.id, root, change: work.change } };
  }

  #start(): Worker {
    const worker = startNativeThread('connect-thread');
    worker.on('message', (report: { readonly result: number } | number) => {
      if (typeof report === 'number') this.#thread = report;
      else {
        // The thread has closed it.
        this.#owned?.release();
        this.#finish(report.result);
      }
    });
    worker.on('error', () => {
      this.#worker = undefined;
      this.#thread = undefined;
      if (this.#underWay !== undefined) this.#failed();
    });
    // After the listeners, which would keep the process alive.
    worker.unref();
    return worker;
  }

  /** The next order tries again, after other events. */
  #failed(): void {
    this.#owned?.close();
    setImmediate(() => this.#finish(-EAGAIN));
  }

  #finish(result: number): void {
    const ended = this.#underWay;
    this.#underWay = undefined;
    this.#owned = undefined;
    clearTimeout(this.#timer);
    this.#next();
    ended?.done(result);
  }

  #watch(ordered: Ordered): void {
    const look = (): void => {
      if (this.#underWay !== ordered) return;
      if (this.#waits())
        // protects: G9 folder modes: a plugin that holds the thread up has it for itself
        this.#takesLong(ordered.owner);
      this.#watch(ordered);
    };
    // A report that has come while this thread was busy is read before the look.
    this.#timer = setTimeout(() => setImmediate(look), ORDER_APART_MS).unref();
  }

  /** Whether the thread has started, and waits for more than a processor. */
  #waits(): boolean {
    try {
      const stat = readFileSync(`/proc/self/task/${this.#thread}/stat`, 'latin1');
      return stat.charAt(stat.lastIndexOf(')') + 2) !== 'R';
    } catch {
      return false;
    }
  }
}
