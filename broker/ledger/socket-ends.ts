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
/** Parts that one turn of the event loop takes at most: some 2,000 reports, in 3 ms. */
const MOST_PARTS_OF_A_TURN = 64;
/** How long reports that were kept may come before what was lost is looked for. They have an account. */
const LOST_WAIT_MS = 1_000;

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
  readonly #ended: Pick<EndedSockets, 'take'>;
  readonly #diag = new SocketDiag();
  /** Whether it can look at AF_UNIX sockets. */
  readonly knowsUnix: boolean = this.#diag.knowsUnix();
  readonly #beforeEnd: () => void;
  #reports: OwnedFd | undefined;
  #watch: Watch | undefined;
  #pause: NodeJS.Timeout | undefined;
  /** How many parts the next turn takes. */
  #parts = 1;
  /** Since when reports are missing, as performance.now() tells it. */
  #lostSince: number | undefined;
  readonly #find = (cookie: bigint): SocketOwner | undefined => this.#ownerOf.get(cookie);
  readonly #tell = (owner: SocketOwner, cookie: bigint, account: TcpAccount | undefined): void => {
    this.#beforeEnd();
    owner.socketEnded(cookie, account);
  };

  /**
   * @param beforeEnd called before an owner is told anything
   * @param ended takes the reports
   * @throws SystemError if the kernel has no sock_diag(7) for TCP
   */
  constructor(beforeEnd: () => void = () => {}, ended: Pick<EndedSockets, 'take'> = new EndedSockets()) {
    this.#beforeEnd = beforeEnd;
    this.#ended = ended;
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
    this.#lostSince ??= performance.now();
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
    this.#watch = undefined;
    this.#reports?.close();
    this.#reports = undefined;
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

  /**
   * In parts: the event loop turns to other work between them. A turn that serves many callers makes more reports than one part. So each turn that leaves
   * some doubles the parts of the next one: otherwise a broker that is always busy would never come to the end, and its connections would keep their slots.
   */
  #takeAll(): void {
    for (let part = 0; part < this.#parts; part += 1) {
      const taken = this.#takePart();
      if (taken === 'all' || taken === 'lost') continue;
      this.#parts = 1;
      if (taken === 'none') this.#watch?.want(READABLE);
      else this.#takeLater();
      return;
    }
    // protects: G8 ends: a broker that is always busy takes the ends of connections
    this.#parts = Math.min(2 * this.#parts, MOST_PARTS_OF_A_TURN);
    setImmediate(() => this.#takeAll());
  }

  #takePart(): ReturnType<EndedSockets['take']> {
    if (this.#reports === undefined) return 'none';
    const taken = this.#ended.take(this.#reports.number, this.#find, this.#tell);
    if (taken === 'lost') this.#lostSince ??= performance.now();
    // The reports that were kept come first. Other programs of the host may make ever new ones.
    const isDue = (since: number): boolean =>
      taken === 'none' ||
      // protects: G8 ends: what was lost is looked for while ever new reports come
      performance.now() - since > LOST_WAIT_MS;
    if (this.#lostSince !== undefined && isDue(this.#lostSince)) {
      this.#lostSince = undefined;
      this.#beforeEnd();
      for (const owner of this.#owners) owner.endsLost();
    }
    return taken;
  }
}
