// Reports to the registers of connections which of their sockets have ended. Runs in the broker. The kernel reports every TCP socket that ends
// in the broker's network namespace, also those of other programs. So the reports are gathered for a moment, and callers of the broker wait for few
// of them at a time.

import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { EndedSockets, SocketDiag, type SocketLook } from '../../shared/sys/socket-diag.js';
import type { TcpAccount } from '../../shared/sys/socket-state.js';
import { READABLE, Watch } from '../../shared/sys/uv-poll.js';

/** How long reports are gathered. With 1 ms the broker's main thread takes a twentieth more processor time for a connect. */
const ENDS_PAUSE_MS = 4;
/** Parts of reports that one {@link SocketEnds.take} takes. */
const MOST_PARTS = 8;

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
  readonly #ended = new EndedSockets();
  readonly #diag = new SocketDiag();
  /** Whether it can look at AF_UNIX sockets. */
  readonly knowsUnix: boolean = this.#diag.knowsUnix();
  readonly #beforeEnd: () => void;
  #reports: OwnedFd | undefined;
  #watch: Watch | undefined;
  #pause: NodeJS.Timeout | undefined;
  #lost = false;
  readonly #find = (cookie: bigint): SocketOwner | undefined => this.#ownerOf.get(cookie);
  readonly #tell = (owner: SocketOwner, cookie: bigint, account: TcpAccount | undefined): void => {
    this.#beforeEnd();
    owner.socketEnded(cookie, account);
  };

  /**
   * @param beforeEnd called before an owner is told anything
   * @throws SystemError if the kernel has no sock_diag(7) for TCP
   */
  constructor(beforeEnd: () => void = () => {}) {
    this.#beforeEnd = beforeEnd;
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

  /** Takes the kernel's reports so far, or the first parts of them if they are many. @returns whether there may be more */
  take(): boolean {
    for (let parts = 0; parts < MOST_PARTS; parts += 1) if (this.#takePart() === 'none') return false;
    return true;
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
    this.#watch?.want(0);
    this.#takeLater();
  }

  /** While connections end, this costs less than the watch. */
  #takeLater(): void {
    this.#pause ??= setTimeout(() => {
      this.#pause = undefined;
      this.#takeAll();
    }, ENDS_PAUSE_MS).unref();
  }

  /** In parts: the event loop turns to other work between them. */
  #takeAll(): void {
    const taken = this.#takePart();
    if (taken === 'none') this.#watch?.want(READABLE);
    else if (taken === 'some') this.#takeLater();
    else setImmediate(() => this.#takeAll());
  }

  #takePart(): ReturnType<EndedSockets['take']> {
    if (this.#reports === undefined) return 'none';
    const taken = this.#ended.take(this.#reports.number, this.#find, this.#tell);
    if (taken === 'lost') this.#lost = true;
    // The reports that were kept come first: they have an account.
    else if (taken === 'none' && this.#lost) {
      this.#lost = false;
      this.#beforeEnd();
      for (const owner of this.#owners) owner.endsLost();
    }
    return taken;
  }
}
