// Makes AF_UNIX connects with a plugin's ids, on a thread that starts with the first one. Runs in the supervisor where it is root. The
// plugins take turns there, and the orders of each are bounded: a plugin can make calls, and interrupt them, faster than they are carried out.
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { FairTurns } from '../../../shared/fair-turns.js';
import { STALL_LIMIT_MS, UNIX_ORDERS } from '../../../shared/limits.js';
import { startNativeThread } from '../../../shared/native-thread.js';
import type { UnixTarget } from '../../../shared/sys/connect-inside.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import type { SentSocket } from './sent-descriptors.js';

const { EAGAIN } = constants.errno;
/** Looks that make up the stall limit. */
const STALL_LOOKS = 10;

/** What the thread does. */
export interface ConnectOrder {
  readonly connect?:
    | {
        /** The plugin's uid and gid. */
        readonly id: number;
        /** Of the sandbox. No other sandbox ever has it. */
        readonly session: number;
        readonly root: number;
        readonly diag: number;
        readonly scratch: readonly bigint[];
        readonly socket: number;
        readonly target: UnixTarget;
      }
    | undefined;
  /** A sandbox that has ended. Such an order gets no report. */
  readonly forget?: number;
}

export interface ConnectReport {
  readonly result: number | 'host';
}

/** What the supervisor keeps of a sandbox whose plugin has its own ids. */
export interface OwnIdsSandbox {
  readonly session: number;
  readonly root: OwnedFd;
  readonly unixDiag: OwnedFd;
  readonly scratch: readonly bigint[];
  /** The plugin's uid and gid on the host. */
  readonly pluginId: number;
  readonly kill: () => void;
}

interface Ordered {
  readonly order: ConnectOrder;
  readonly kill: () => void;
  readonly done: (result: number | 'host') => void;
}

/** The orders of a sandbox that are not carried out yet. */
interface Pending {
  count: number;
  /** Descriptors of a sandbox that has ended, closed after its last order. */
  last: readonly OwnedFd[];
}

export class ConnectsAsPlugin {
  readonly #turns = new FairTurns<number, Ordered>();
  readonly #pending = new Map<number, Pending>();
  #underWay: Ordered | undefined;
  #worker: Worker | undefined;
  #thread: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param sandbox its descriptors stay open until {@link end}
   * @param socket of the plugin, owned from here on
   * @param done gets -EAGAIN at once if too many orders of the sandbox wait
   */
  connect(sandbox: OwnIdsSandbox, socket: SentSocket, target: UnixTarget, done: Ordered['done']): void {
    const { session, root, unixDiag, scratch, pluginId, kill } = sandbox;
    const pending = this.#pending.get(session) ?? { count: 0, last: [] };
    // protects: G9 unix orders: those of a sandbox are bounded (as root)
    if (pending.count >= UNIX_ORDERS) {
      socket.close();
      done(-EAGAIN);
      return;
    }
    pending.count += 1;
    this.#pending.set(session, pending);
    const sandboxOf = { session, root: root.number, diag: unixDiag.number, scratch };
    const order = { connect: { ...sandboxOf, id: pluginId, socket: socket.number, target } };
    const finish = (result: number | 'host'): void => {
      socket.close();
      pending.count -= 1;
      if (pending.count === 0) {
        this.#pending.delete(session);
        if (pending.last.length > 0) this.#forget(session, pending.last);
      }
      done(result);
    };
    this.#add(session, { order, kill, done: finish });
  }

  /** A sandbox has ended. @param descriptors closed once none of its orders uses them */
  end(session: number, descriptors: readonly OwnedFd[]): void {
    const pending = this.#pending.get(session);
    // protects: G9 unix orders: an ended sandbox's descriptors stay open for them (as root)
    if (pending !== undefined) pending.last = descriptors;
    else this.#forget(session, descriptors);
  }

  #forget(session: number, descriptors: readonly OwnedFd[]): void {
    for (const descriptor of descriptors) descriptor.close();
    const order: ConnectOrder = { forget: session };
    this.#worker?.postMessage(order);
  }

  #add(session: number, ordered: Ordered): void {
    // protects: G9 unix orders: sandboxes take turns (as root) => this.#turns.add(0, ordered);
    this.#turns.add(session, ordered);
    this.#next();
  }

  #next(): void {
    if (this.#underWay !== undefined) return;
    const ordered = this.#turns.next();
    if (ordered === undefined) return;
    this.#underWay = ordered;
    try {
      this.#worker ??= this.#start();
      this.#worker.postMessage(ordered.order);
      this.#watch(ordered);
    } catch {
      // No descriptor or no memory is left for a thread.
      this.#failed();
    }
  }

  #start(): Worker {
    const worker = startNativeThread('connect-thread');
    worker.on('message', (report: ConnectReport | number) => {
      if (typeof report === 'number') this.#thread = report;
      else this.#finish(report.result);
    });
    worker.on('error', () => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#failed();
    });
    // After the listeners, which would keep the process alive.
    worker.unref();
    return worker;
  }

  /** The thread did not start. The next order tries again, after other events. */
  #failed(): void {
    setImmediate(() => this.#finish(-EAGAIN));
  }

  #finish(result: number | 'host'): void {
    const ended = this.#underWay;
    this.#underWay = undefined;
    clearTimeout(this.#timer);
    this.#next();
    ended?.done(result);
  }

  /**
   * A plugin can hold the thread up only by its own locks. One that does so for the stall limit is ended, as by the broker. One look alone
   * proves nothing on a busy machine, so STALL_LOOKS must find the thread asleep.
   */
  #watch(ordered: Ordered, asleep = 0): void {
    const look = (): void => {
      if (this.#underWay !== ordered) return;
      const looks = asleep + (this.#isAsleep() ? 1 : 0);
      if (looks === STALL_LOOKS)
        // protects: G9 unix orders: a plugin that makes the thread wait is ended (as root)
        ordered.kill();
      this.#watch(ordered, looks % STALL_LOOKS);
    };
    // A report that has come while this thread was busy is read before the look.
    this.#timer = setTimeout(() => setImmediate(look), STALL_LIMIT_MS / STALL_LOOKS).unref();
  }

  /** Whether the thread sleeps in the kernel, and waits for no processor and no disk. */
  #isAsleep(): boolean {
    try {
      const stat = readFileSync(`/proc/self/task/${this.#thread}/stat`, 'latin1');
      return stat.charAt(stat.lastIndexOf(')') + 2) === 'S';
    } catch {
      return false;
    }
  }
}
