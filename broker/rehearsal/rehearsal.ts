// A fresh broker rehearses: a thread of its own connects some hundred times to a socket of the broker, by the same trap as plugins do. V8 compiles the
// path meanwhile, so the first connects of plugins cost less. Runs in the broker, on the main thread.
import type { Worker } from 'node:worker_threads';
import { REHEARSAL_MS, REHEARSED_CONNECTS } from '../../shared/limits.js';
import { endNativeThread } from '../../shared/native-thread.js';
import { compileFilters } from '../../shared/sys/compile-filters.js';
import type { Filter } from '../../shared/sys/filter.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { encodeSockaddr } from '../../shared/sys/sockaddr.js';
import type { Services } from '../request/plugin.js';
import { startThread } from '../stall/start-thread.js';
import { RehearsalScene } from './rehearsal-scene.js';

/** A message to the thread. */
export type RehearsalOrder =
  | { readonly kind: 'load'; readonly program: Uint8Array }
  | {
      readonly kind: 'connect';
      /** A listening socket, and its struct sockaddr. It stays open until the thread is done. */
      readonly server: number;
      readonly address: Uint8Array;
      readonly connects: number;
    };

/** A message from the thread. */
export type RehearsalReport =
  | { readonly kind: 'loaded'; readonly listener: number }
  | { readonly kind: 'done'; readonly connects: number };

const CONNECTS: Filter = { otherwise: 'allow', rules: [{ calls: ['connect'], action: 'notify' }] };

export class Rehearsal {
  readonly #worker: Worker;
  readonly #program: Uint8Array;
  #scene: RehearsalScene | undefined;
  #isOver = false;
  readonly #stop = (): void => this.#stopServing();

  private constructor(worker: Worker, program: Uint8Array) {
    this.#worker = worker;
    this.#program = program;
  }

  /**
   * Starts the thread. The broker may be unable to read its code once it has taken on other ids.
   *
   * @returns undefined where no thread can be started: the broker serves without
   */
  static async prepare(): Promise<Rehearsal | undefined> {
    const resourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };
    try {
      const program = compileFilters([CONNECTS]);
      return new Rehearsal((await startThread('rehearsal-thread', { resourceLimits })).worker, program);
    } catch {
      return undefined;
    }
  }

  /**
   * Rehearses between the requests of plugins, for REHEARSAL_MS at most. Where a host does not permit it, the first connects cost more, and nothing
   * else.
   */
  begin(services: Services): void {
    const worker = this.#worker;
    const bound = setTimeout(this.#stop, REHEARSAL_MS).unref();
    // Node waits for its threads when it exits, and this one may wait for an answer.
    process.once('exit', this.#stop);
    const end = (): void => {
      clearTimeout(bound);
      process.off('exit', this.#stop);
      worker.removeAllListeners('message');
      this.#stopServing();
      this.#scene?.close();
      endNativeThread(worker);
    };
    worker.on('message', (report: RehearsalReport) => {
      if (report.kind === 'done' || !this.#connect(services, new OwnedFd(report.listener))) end();
    });
    worker.once('error', end);
    worker.unref();
    this.#order({ kind: 'load', program: this.#program });
  }

  #order(order: RehearsalOrder): void {
    this.#worker.postMessage(order);
  }

  /** @returns whether the thread connects */
  #connect(services: Services, listener: OwnedFd): boolean {
    if (this.#isOver) {
      listener.close();
      return false;
    }
    try {
      this.#scene = new RehearsalScene(services, listener, this.#stop);
    } catch {
      return false;
    }
    const { server, address } = this.#scene;
    this.#order({
      kind: 'connect',
      server: server.number,
      address: encodeSockaddr(address),
      connects: REHEARSED_CONNECTS,
    });
    return true;
  }

  /** The thread is done soon: its connect fails. */
  #stopServing(): void {
    this.#isOver = true;
    this.#scene?.stopServing();
  }
}
