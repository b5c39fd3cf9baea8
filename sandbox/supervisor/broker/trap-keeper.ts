// Keeps the parts of each sandbox's trap in the supervisor, for the next broker. It also makes the memory of the calls in
// flight, in which the next broker finds the calls that the former one received.
import { NOTIFIED_CALLS } from '../../../shared/limits.js';
import { createMemoryFile } from '../../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { NOTIFICATION_BYTES } from '../../../shared/sys/seccomp-notify.js';

/** What the supervisor knows about a trap. */
export interface TrapFacts {
  readonly plugin: string;
  readonly landlockDeniesTcp: boolean;
  /** st_dev of each file system of the sandbox's own. */
  readonly scratch: readonly bigint[];
  /** The plugin's uid and gid on the host, where they are not the broker's. */
  readonly pluginId: number | undefined;
  /** The plugin's notify socket, if it has one; owned by the trap. */
  readonly notify?: OwnedFd | undefined;
  /** The sandbox's pid namespace, as proc(5) names it. */
  readonly pidNamespace: string | undefined;
  /** Ends the sandbox. */
  readonly kill: () => void;
}

export interface KeptTrap extends TrapFacts {
  readonly session: number;
  /** Listener, calls in flight, DNS datagrams, DNS listener, AF_UNIX questions, root folder, and the notify socket if there is one. */
  readonly descriptors: readonly OwnedFd[];
  readonly unixDiag: OwnedFd;
  readonly root: OwnedFd;
}

export class TrapKeeper {
  readonly #kept = new Map<number, KeptTrap>();
  #next = 1;

  /** @param trap as the launcher sends it (TRAP_DESCRIPTORS); owned from here on */
  keep(trap: readonly OwnedFd[], facts: TrapFacts): KeptTrap {
    const [listener, dnsDatagrams, dnsListener, unixDiag, root] = trap;
    if (
      listener === undefined ||
      dnsDatagrams === undefined ||
      dnsListener === undefined ||
      unixDiag === undefined ||
      root === undefined
    )
      throw new RangeError(`A trap of ${trap.length} descriptors`);
    const calls = createMemoryFile('postern-calls', NOTIFIED_CALLS * NOTIFICATION_BYTES);
    const session = this.#next;
    this.#next += 1;
    const notify = facts.notify === undefined ? [] : [facts.notify];
    const descriptors = [listener, calls, dnsDatagrams, dnsListener, unixDiag, root, ...notify];
    const kept = { ...facts, session, descriptors, unixDiag, root };
    this.#kept.set(session, kept);
    return kept;
  }

  all(): readonly KeptTrap[] {
    return [...this.#kept.values()];
  }

  get(session: number): KeptTrap | undefined {
    return this.#kept.get(session);
  }

  /** The sandbox has ended. @returns the descriptors that connects with the plugin's ids may still use, to be closed by the caller */
  drop(session: number): readonly OwnedFd[] {
    const kept = this.#kept.get(session);
    if (kept === undefined) return [];
    this.#kept.delete(session);
    const { root, unixDiag, descriptors } = kept;
    for (const descriptor of descriptors)
      if (descriptor !== root && descriptor !== unixDiag) descriptor.close();
    return [root, unixDiag];
  }
}
