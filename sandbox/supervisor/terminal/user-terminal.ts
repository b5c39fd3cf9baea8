// The user's terminal, which no plugin ever holds. Runs in the supervisor. It reads and changes the terminal only while postern's process
// group is in the foreground. The kernel stops a background process that tries (SIGTTIN, SIGTTOU), so a race changes nothing either.
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { foregroundGroup, processGroup } from '../../../shared/sys/process-control.js';
import {
  reopenTerminal,
  setTerminalModes,
  setWindowSize,
  terminalModes,
  windowSize,
} from '../../../shared/sys/terminal.js';
import { readsLines, sameModes } from '../../../shared/sys/terminal-modes.js';
import { isOfAnotherSession } from './other-sessions.js';

export class UserTerminal {
  readonly #descriptor: OwnedFd;
  /** Whether it belongs to this process's session. Then the kernel knows who is in the foreground. */
  readonly #controlling: boolean;
  /** Whether it belongs to no session at all, as a pseudo-terminal that a test passes. */
  readonly #unclaimed: boolean;
  /** The modes that it gets back. Undefined while they are those of the others. */
  #kept: Uint8Array | undefined;
  /** The modes that postern has set. */
  #set: Uint8Array | undefined;

  private constructor(descriptor: OwnedFd, controlling: boolean) {
    this.#descriptor = descriptor;
    this.#controlling = controlling;
    this.#unclaimed = !controlling && !isOfAnotherSession(descriptor.number);
  }

  /** @returns undefined if it cannot be opened again */
  static open(fd: number): UserTerminal | undefined {
    const controlling = foregroundGroup(fd) >= 0;
    const descriptor = reopenTerminal(fd, controlling);
    return descriptor === undefined ? undefined : new UserTerminal(descriptor, controlling);
  }

  /** A descriptor that never blocks. */
  get number(): number {
    return this.#descriptor.number;
  }

  /** Whether postern may read it and change its modes. */
  get isOurs(): boolean {
    if (!this.#descriptor.open) return false;
    return this.#controlling ? foregroundGroup(this.number) === processGroup() : this.#unclaimed;
  }

  /** @returns undefined if it is gone */
  modes(): Uint8Array | undefined {
    return terminalModes(this.number);
  }

  size(): Uint8Array | undefined {
    return windowSize(this.number);
  }

  /** Gives the other terminal this one's size. */
  copySizeTo(master: number): void {
    const size = this.size();
    if (size !== undefined) setWindowSize(master, size);
  }

  /** Whether a program beside postern has taken it for single keys, as a pager does. */
  get isTaken(): boolean {
    const now = this.#kept === undefined ? this.modes() : undefined;
    return now !== undefined && !readsLines(now);
  }

  /** Sets modes, until {@link giveBack}. @param edit from the present ones to the new ones */
  setModes(edit: (modes: Uint8Array) => Uint8Array): void {
    const now = this.isOurs ? this.modes() : undefined;
    if (now === undefined) return;
    this.#kept ??= now;
    const wanted = edit(now);
    if (!sameModes(now, wanted)) setTerminalModes(this.number, wanted);
    this.#set = this.modes();
  }

  /** Whether the modes are postern's. */
  get isChanged(): boolean {
    return this.#kept !== undefined;
  }

  /** Sets the modes as they were. In the background that is the task of the shell, which has done it. */
  giveBack(): void {
    if (!this.#descriptor.open) return;
    this.recheck();
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept !== undefined && this.isOurs) setTerminalModes(this.number, kept);
  }

  /** Forgets what it was like, if another process has set the modes since. */
  recheck(): void {
    const now = this.modes();
    if (now === undefined || this.#set === undefined || !sameModes(now, this.#set)) this.#kept = undefined;
  }

  close(): void {
    this.#descriptor.close();
  }
}
