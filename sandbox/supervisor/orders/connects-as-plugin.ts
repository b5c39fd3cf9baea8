// Makes AF_UNIX connects with a plugin's ids, on a thread that starts with the first one. Runs in the supervisor where it is root. The
// plugins take turns there, and the orders of each are bounded: a plugin can make calls, and interrupt them, faster than they are carried out.
import { constants } from 'node:os';
import { STALL_LIMIT_MS, WAITING_ORDERS } from '../../../shared/limits.js';
import type { UnixTarget } from '../../../shared/sys/connect-inside.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { Lane, type Ordered, type Owner } from './lane.js';
import type { SentSocket } from './sent-descriptors.js';

const { EAGAIN } = constants.errno;
/** Looks that make up the stall limit. */
const STALL_LOOKS = 10;

/** What the supervisor keeps of a sandbox whose plugin has its own ids. */
export interface OwnIdsSandbox {
  /** Of its trap. */
  readonly number: number;
  readonly root: OwnedFd;
  readonly unixDiag: OwnedFd;
  readonly scratch: readonly bigint[];
  /** The plugin's uid and gid on the host. */
  readonly pluginId: number;
  readonly kill: () => void;
}

/** The orders of a sandbox that are not carried out yet. */
interface Pending {
  count: number;
  readonly kill: () => void;
  /** Descriptors of a sandbox that has ended, closed after its last order. */
  last: readonly OwnedFd[];
}

export class ConnectsAsPlugin {
  readonly #pending = new Map<Owner, Pending>();
  readonly #lane = new Lane<'host'>({
    everyMs: STALL_LIMIT_MS / STALL_LOOKS,
    // In the kernel, for no processor and no disk.
    waits: (state) => state === 'S',
    takesLong: (trap, looks) => this.#takesLong(trap, looks),
  });

  /**
   * @param sandbox its descriptors stay open until {@link end}
   * @param socket of the plugin, owned from here on
   * @param done gets -EAGAIN at once if too many orders of the sandbox wait
   */
  connect(
    sandbox: OwnIdsSandbox,
    socket: SentSocket,
    target: UnixTarget,
    done: Ordered<'host'>['done'],
  ): void {
    const { number: trap, root, unixDiag, scratch, pluginId, kill } = sandbox;
    const pending = this.#pending.get(trap) ?? { count: 0, kill, last: [] };
    // protects: G9 unix orders: those of a sandbox are bounded (as root)
    if (pending.count >= WAITING_ORDERS) {
      socket.close();
      done(-EAGAIN);
      return;
    }
    pending.count += 1;
    this.#pending.set(trap, pending);
    const sandboxOf = { trap, root: root.number, diag: unixDiag.number, scratch };
    const order = {
      kind: 'connect',
      ...sandboxOf,
      id: pluginId,
      socket: socket.number,
      target,
    } as const;
    const finish = (result: number | 'host'): void => {
      socket.close();
      pending.count -= 1;
      if (pending.count === 0) {
        this.#pending.delete(trap);
        if (pending.last.length > 0) this.#forget(trap, pending.last);
      }
      done(result);
    };
    this.#lane.add({ owner: trap, order: () => order, done: finish });
  }

  /** A sandbox has ended. @param descriptors closed once none of its orders uses them */
  end(trap: number, descriptors: readonly OwnedFd[]): void {
    const pending = this.#pending.get(trap);
    // protects: G9 unix orders: an ended sandbox's descriptors stay open for them (as root)
    if (pending !== undefined) pending.last = descriptors;
    else this.#forget(trap, descriptors);
  }

  #forget(trap: number, descriptors: readonly OwnedFd[]): void {
    for (const descriptor of descriptors) descriptor.close();
    this.#lane.tell({ kind: 'forget', trap });
  }

  /**
   * A plugin can hold the thread up only by its own locks. One that does so for the stall limit is ended, as by the broker. One look alone
   * proves nothing on a busy machine, so STALL_LOOKS must find the thread asleep.
   */
  #takesLong(trap: Owner, looks: number): void {
    if (looks % STALL_LOOKS === 0)
      // protects: G9 unix orders: a plugin that makes the thread wait is ended (as root)
      this.#pending.get(trap)?.kill();
  }
}
