// Keeps the parts of each sandbox's trap in the supervisor, for the next broker. It also makes the memory of the calls in
// flight, in which the next broker finds the calls that the former one received.
import { NOTIFIED_CALLS } from '../../../shared/limits.js';
import { createMemoryFile } from '../../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { NOTIFICATION_BYTES } from '../../../shared/sys/seccomp-notify.js';

export interface KeptTrap {
  readonly session: number;
  readonly plugin: string;
  readonly landlockDeniesTcp: boolean;
  /** Listener, calls in flight, DNS datagrams, DNS listener. */
  readonly descriptors: readonly OwnedFd[];
}

export class TrapKeeper {
  readonly #kept = new Map<number, KeptTrap>();
  #next = 1;

  /** @param trap listener, DNS datagrams, DNS listener; owned from here on */
  keep(plugin: string, trap: readonly OwnedFd[], landlockDeniesTcp: boolean): KeptTrap {
    const [listener, ...nameService] = trap;
    if (listener === undefined) throw new RangeError('A trap without its listener');
    const calls = createMemoryFile('postern-calls', NOTIFIED_CALLS * NOTIFICATION_BYTES);
    const session = this.#next;
    this.#next += 1;
    const kept = { session, plugin, landlockDeniesTcp, descriptors: [listener, calls, ...nameService] };
    this.#kept.set(session, kept);
    return kept;
  }

  all(): readonly KeptTrap[] {
    return [...this.#kept.values()];
  }

  /** The sandbox has ended. */
  drop(session: number): void {
    const kept = this.#kept.get(session);
    this.#kept.delete(session);
    for (const descriptor of kept?.descriptors ?? []) descriptor.close();
  }
}
