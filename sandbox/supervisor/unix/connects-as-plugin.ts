// Makes AF_UNIX connects with a plugin's ids, on a thread that starts with the first one. Runs in the supervisor where it is root.
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { STALL_LIMIT_MS } from '../../../shared/limits.js';
import { bundlePath } from '../../../shared/own-files.js';
import type { UnixPlace, UnixTarget } from '../../../shared/sys/connect-inside.js';
import { duplicate } from '../../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';

/** What the thread does. It closes the `owned` descriptors then. */
export interface ConnectOrder {
  readonly key: number;
  readonly owned: readonly number[];
  readonly connect?:
    | {
        /** The plugin's uid and gid. */
        readonly id: number;
        readonly place: UnixPlace;
        readonly socket: number;
        readonly target: UnixTarget;
      }
    | undefined;
}

export interface ConnectReport {
  readonly key: number;
  readonly result: number | 'host';
}

/** What the supervisor keeps of a sandbox whose plugin has its own ids. */
export interface OwnIdsSandbox {
  readonly root: OwnedFd;
  readonly unixDiag: OwnedFd;
  readonly scratch: readonly bigint[];
  /** The plugin's uid and gid on the host. */
  readonly pluginId: number;
  readonly kill: () => void;
}

interface Ordered {
  readonly kill: () => void;
  readonly done: (result: number | 'host') => void;
}

export class ConnectsAsPlugin {
  /** In the order in which the thread carries them out. */
  readonly #ordered = new Map<number, Ordered>();
  #next = 1;
  #worker: Worker | undefined;
  #thread: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param socket of the plugin, owned from here on */
  connect(sandbox: OwnIdsSandbox, socket: OwnedFd, target: UnixTarget, done: Ordered['done']): void {
    // The sandbox may end meanwhile: then the supervisor closes its own.
    const root = duplicate(sandbox.root.number).release();
    const diag = duplicate(sandbox.unixDiag.number).release();
    const taken = socket.release();
    const place = { root, diag, scratch: sandbox.scratch };
    this.#order({ kill: sandbox.kill, done }, [taken, root, diag], {
      id: sandbox.pluginId,
      place,
      socket: taken,
      target,
    });
  }

  /** Closes descriptors on the thread: a close can wait. */
  discard(descriptors: readonly OwnedFd[]): void {
    this.#order(
      { kill: () => {}, done: () => {} },
      descriptors.map((descriptor) => descriptor.release()),
    );
  }

  #order(ordered: Ordered, owned: readonly number[], connect?: ConnectOrder['connect']): void {
    const key = this.#next;
    this.#next += 1;
    this.#ordered.set(key, ordered);
    const order: ConnectOrder = { key, owned, connect };
    this.#started().postMessage(order);
    this.#watchFirst();
  }

  #started(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(bundlePath('connect-thread'));
    worker.unref();
    worker.on('message', (report: ConnectReport | number) => {
      if (typeof report === 'number') this.#thread = report;
      else this.#onReport(report);
    });
    this.#worker = worker;
    return worker;
  }

  #onReport({ key, result }: ConnectReport): void {
    const ordered = this.#ordered.get(key);
    this.#ordered.delete(key);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#watchFirst();
    ordered?.done(result);
  }

  /** A plugin can hold the thread up only by its own locks. One that does so for the stall limit is ended, as by the broker. */
  #watchFirst(): void {
    const [first] = this.#ordered.values();
    if (first === undefined || this.#timer !== undefined) return;
    const look = (): void => {
      this.#timer = undefined;
      const [stillFirst] = this.#ordered.values();
      if (stillFirst === first && this.#isAsleep()) first.kill();
      this.#watchFirst();
    };
    // A report that has come while this thread was busy is read before the look.
    this.#timer = setTimeout(() => setImmediate(look), STALL_LIMIT_MS).unref();
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
