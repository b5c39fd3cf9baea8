// Reports to the registers of connections which of their sockets have ended. Runs in the broker. The kernel reports every TCP socket that ends
// in the broker's network namespace, also those of other programs. So the reports are taken together, some times a second at most.

import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { SocketDiag, type SocketLook, takeEndedSockets } from '../../shared/sys/socket-diag.js';
import type { TcpAccount } from '../../shared/sys/socket-state.js';
import { READABLE, Watch } from '../../shared/sys/uv-poll.js';

/** How long the kernel's reports of ended sockets are gathered. It reports those of the whole host. */
const ENDS_PAUSE_MS = 20;

/** Keeps connections. */
export interface SocketOwner {
  /** One of its sockets has ended. */
  socketEnded(cookie: bigint, account: TcpAccount | undefined): void;
  /** Sockets have ended that the kernel could not report. */
  endsLost(): void;
}

export class SocketEnds {
  readonly #owners = new Set<SocketOwner>();
  readonly #ownerOf = new Map<bigint, SocketOwner>();
  readonly #diag = new SocketDiag();
  /** Whether it can look at AF_UNIX sockets. */
  readonly knowsUnix: boolean = this.#diag.knowsUnix();
  readonly #beforeTake: () => void;
  #reports: OwnedFd | undefined;
  #watch: Watch | undefined;
  #takenAt = 0;
  #pause: NodeJS.Timeout | undefined;
  #lost = false;

  /**
   * @param beforeTake called before reports are taken
   * @throws SystemError if the kernel has no sock_diag(7) for TCP
   */
  constructor(beforeTake: () => void = () => {}) {
    this.#beforeTake = beforeTake;
  }

  /**
   * Takes reports from now on, and then finds what ended without a report.
   *
   * @param reports see openEndedSockets(), owned from here on. A second one replaces the first, of which all is taken before
   */
  begin(reports: OwnedFd): void {
    this.takeLast();
    this.#watch?.close();
    this.#reports?.close();
    this.#reports = reports;
    this.#lost = true;
    this.#watch = new Watch(reports.number, () => this.#onReadable());
    this.#watch.keepAlive(false);
    this.#takeAll();
  }

  add(owner: SocketOwner): void {
    this.#owners.add(owner);
  }

  remove(owner: SocketOwner): void {
    this.#owners.delete(owner);
  }

  own(cookie: bigint, owner: SocketOwner): void {
    this.#ownerOf.set(cookie, owner);
  }

  disown(cookie: bigint): void {
    this.#ownerOf.delete(cookie);
  }

  /** Takes the kernel's reports so far, or the first part of them if they are many. @returns whether there may be more */
  take(): boolean {
    if (this.#reports === undefined) return false;
    this.#beforeTake();
    this.#takenAt = performance.now();
    const taken = takeEndedSockets(this.#reports.number, (cookie, read) => {
      const owner = this.#ownerOf.get(cookie);
      if (owner !== undefined) owner.socketEnded(cookie, read());
    });
    if (taken === 'lost') this.#lost = true;
    // The reports that were kept come first: they have an account.
    else if (taken === 'none' && this.#lost) {
      this.#lost = false;
      for (const owner of this.#owners) owner.endsLost();
    }
    return taken !== 'none';
  }

  /** Takes all reports: this broker ends, and what it does not take now waits for the next one. */
  takeLast(): void {
    while (this.take());
  }

  close(): void {
    clearTimeout(this.#pause);
    this.#watch?.close();
    this.#reports?.close();
    this.#diag.close();
  }

  /** See {@link SocketDiag.look}. */
  look(ids: readonly Uint8Array[], accounts: boolean): readonly SocketLook[] {
    return this.#diag.look(ids, accounts);
  }

  #onReadable(): void {
    const wait = this.#takenAt + ENDS_PAUSE_MS - performance.now();
    if (wait <= 0) {
      this.take();
      return;
    }
    this.#watch?.want(0);
    this.#pause ??= setTimeout(() => {
      this.#pause = undefined;
      this.#takeAll();
    }, wait).unref();
  }

  /** In parts: the event loop turns to other work between them. */
  #takeAll(): void {
    if (this.take()) setImmediate(() => this.#takeAll());
    else this.#watch?.want(READABLE);
  }
}
