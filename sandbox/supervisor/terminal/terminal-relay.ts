// Carries bytes between the user's terminal and the plugin's own one, a pseudo-terminal. Runs in the supervisor. What the plugin does to its
// terminal (modes, exclusive use, file mode) stays there. No call here waits: a terminal that takes nothing holds up the plugin's output alone.
import { constants } from 'node:os';
import { TERMINAL_LOOK_MS } from '../../../shared/limits.js';
import { readOnce } from '../../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import {
  setPacketMode,
  signalTerminal,
  type TerminalPair,
  withoutOwnEditing,
} from '../../../shared/sys/terminal.js';
import { READABLE, Watch, WRITABLE } from '../../../shared/sys/uv-poll.js';
import { PendingBytes, QuestionHold } from './question-hold.js';
import { InputPermission, TypedInput } from './typed-input.js';
import type { UserTerminal } from './user-terminal.js';

/** After the plugin's end, a terminal that takes nothing for this long gets no more. */
const TERMINAL_DRAIN_MS = 5_000;
/** The kernel's buffers of a pseudo-terminal hold less. */
const TERMINAL_LEFT_BYTES = 65_536;
/** Words of postern's own that wait for the terminal. */
const TERMINAL_WORDS_BYTES = 65_536;
/** So long words of postern's own wait for the end of a line that the plugin has begun. A prompt has none. */
const LINE_END_MS = 500;
const NEWLINE = 0x0a;
/** What the C library and Node say where a file system takes no write. Node's mkdir with parents, as of npm, says the last. */
const READ_ONLY = /Read-only file system|\bEROFS\b|ENOENT: no such file or directory, mkdir/;
/** One of them may be cut by the end of a read. */
const READ_ONLY_BYTES = 48;

const { EAGAIN } = constants.errno;
const buffer = new Uint8Array(65_536);

export class TerminalRelay {
  /** The plugin's standard streams that are its terminal. */
  readonly streams: readonly number[];
  /** The modes and the size that the plugin's terminal begins with. */
  readonly modes: Uint8Array;
  readonly size: Uint8Array;
  readonly #user: UserTerminal;
  /**
   * Whether the plugin's input and output are both the terminal. Then the user's terminal is raw, and the plugin's does the editing. In a
   * pipeline the user's terminal does it, and postern never sets its modes.
   */
  readonly #alone: boolean;
  readonly #permission: InputPermission;
  /** For questions of postern's own. */
  readonly hold: QuestionHold;
  readonly #input: TypedInput;
  #master: OwnedFd | undefined;
  #slave: OwnedFd | undefined;
  #fromPlugin: Watch | undefined;
  #fromUser: Watch | undefined;
  #looks: NodeJS.Timeout | undefined;
  #wasOurs = false;
  readonly #shown = new PendingBytes();
  readonly #words = new PendingBytes();
  /** The plugin has begun a line that has no end yet. */
  #isMidLine = false;
  /** A part of the words is written already. */
  #wordsBegun = false;
  /** Words wait for the end of the line. */
  #lineEnd: NodeJS.Timeout | undefined;
  /** The end of what the plugin wrote. */
  #tail = '';
  #hasWritten = false;
  #saidReadOnly = false;
  #lastShown = 0;
  #pluginEnded = false;
  #drained = false;
  /** What is still read after the end: another process may hold the plugin's terminal, and write without end. */
  #left = TERMINAL_LEFT_BYTES;
  #onDrained: (() => void) | undefined;
  #onTaken: (() => void) | undefined;
  readonly #onResize = (): void => this.#copySize();
  readonly #onExit = (): void => this.#user.giveBack();

  /** @param modes the user's terminal's */
  constructor(user: UserTerminal, streams: readonly number[], modes: Uint8Array) {
    this.#user = user;
    this.streams = streams;
    this.#alone = streams.includes(0) && streams.includes(1);
    this.modes = this.#alone ? modes : withoutOwnEditing(modes);
    this.size = user.size() ?? new Uint8Array(8);
    this.#permission = new InputPermission(user, this.#alone, streams, modes);
    this.hold = new QuestionHold({ alone: this.#alone, possible: !user.isOfOthers }, () => this.#want());
    this.#input = new TypedInput({
      ...{ user, hold: this.hold, alone: this.#alone, permission: this.#permission, modes: this.modes },
      master: () => (this.#master?.open === true ? this.#master.number : undefined),
      isOurs: () => this.#wasOurs,
      onReady: () => this.#want(),
      onHangUp: () => this.#hangUp(),
    });
  }

  /** Begins, when the plugin is about to run. @param pair owned from here on */
  attach({ master, slave }: TerminalPair): void {
    this.#master = master;
    // While it is open, a plugin that closes all its descriptors of the terminal does not end the relay.
    this.#slave = slave;
    if (!this.#alone) setPacketMode(master.number);
    this.#fromPlugin = new Watch(master.number, (events) => this.#onPlugin(events));
    this.#fromUser = new Watch(this.#user.number, (events) => this.#onUser(events));
    // The kernel does not tell a process that its group comes to the foreground.
    this.#looks = setInterval(() => this.look(), TERMINAL_LOOK_MS);
    process.on('SIGWINCH', this.#onResize);
    process.on('exit', this.#onExit);
    this.look();
  }

  /** Takes the terminal if postern's group is in the foreground, and leaves it alone if it is not. */
  look(): void {
    if (this.#master === undefined) return;
    if (this.#user.modes() === undefined) {
      this.#hangUp();
      return;
    }
    const ours = this.#user.isOurs && !(this.#alone && !this.#wasOurs && this.#permission.isShared());
    if (ours && !this.#wasOurs) {
      this.#copySize();
      if (this.#alone) this.#user.makeRaw();
      this.#onTaken?.();
    }
    this.#wasOurs = ours;
    this.#input.look();
    if (!ours) this.#user.giveBack();
    if (this.#master.open) this.#permission.checkEcho(this.#master.number, ours);
    if (this.#pluginEnded && performance.now() - this.#lastShown > TERMINAL_DRAIN_MS) this.#finish();
    this.#want();
  }

  /** Whether the plugin is the one program at the terminal, in the foreground. */
  get isAlone(): boolean {
    return this.#alone && this.#user.isOurs;
  }

  /** @param callback called when postern comes to the foreground */
  whenTaken(callback: () => void): void {
    this.#onTaken = callback;
  }

  /** @param callback called when Ctrl-Z goes to the plugin's terminal as a key */
  whenStopKey(callback: () => void): void {
    this.#input.whenStopKey(callback);
  }

  /** @param callback called once for each reason why the plugin gets no input */
  whenRefused(callback: (text: string) => void): void {
    this.#permission.whenRefused(callback);
    this.look();
  }

  /** Gives the terminal back, before postern stops. */
  giveBack(): void {
    this.#user.giveBack();
    this.#wasOurs = false;
  }

  /** After a stop: a shell may have set the terminal anew meanwhile. */
  takeAgain(): void {
    this.#wasOurs = false;
    this.look();
  }

  /**
   * In a pipeline the user's terminal makes the signals of Ctrl-C and Ctrl-Z. They go on to the foreground of the plugin's terminal.
   *
   * @returns false if the plugin's terminal makes them itself
   */
  signal(signal: number): boolean {
    return !this.#alone && this.#master?.open === true && signalTerminal(this.#master.number, signal) === 0;
  }

  /** Shows postern's own words. Past a bound, those that the terminal does not take are dropped. @returns false if nothing is shown here any more */
  say(text: string): boolean {
    if (this.#master?.open !== true) return false;
    if (this.#words.length > TERMINAL_WORDS_BYTES) return true;
    const waits = this.#isMidLine && this.#words.length === 0 && !this.hold.active && !this.#pluginEnded;
    if (waits)
      this.#lineEnd = setTimeout(() => {
        this.#lineEnd = undefined;
        this.#show();
        this.#want();
      }, LINE_END_MS);
    this.#words.add(this.#encode(text));
    this.#show();
    this.#want();
    return true;
  }

  #encode(text: string): Uint8Array {
    const lines = this.#alone && this.#user.isChanged ? text.replaceAll('\n', '\r\n') : text;
    return new TextEncoder().encode(lines);
  }

  /** Whether the plugin wrote anything, and that a file system is read-only. */
  get heard(): { readonly anything: boolean; readonly readOnly: boolean } {
    return { anything: this.#hasWritten, readOnly: this.#saidReadOnly };
  }

  /** @returns what ends the line that the plugin has left without an end, once */
  endLine(): string {
    const end = this.#isMidLine ? '\n' : '';
    this.#isMidLine = false;
    return end;
  }

  /** Resolves when all that the plugin wrote is shown, after its end. The terminal is as it was then. */
  async end(): Promise<void> {
    this.#pluginEnded = true;
    this.#lastShown = performance.now();
    // Now the end of the output shows: EIO.
    this.#slave?.close();
    if (this.#master?.open === true) {
      await new Promise<void>((resolve) => {
        this.#onDrained = resolve;
        this.#want();
      });
    }
    this.#close();
  }

  #close(): void {
    clearInterval(this.#looks);
    this.#endWait();
    this.#input.close();
    process.off('SIGWINCH', this.#onResize);
    this.#fromPlugin?.close();
    this.#fromUser?.close();
    this.#user.giveBack();
    process.off('exit', this.#onExit);
    this.#slave?.close();
    this.#master?.close();
    this.#user.close();
    this.#master = undefined;
  }

  #copySize(): void {
    if (this.#master?.open === true) this.#user.copySizeTo(this.#master.number);
  }

  #want(): void {
    if (this.#master?.open !== true) return;
    const shows = this.#shown.length > 0 || this.#wordsMayShow;
    const types = this.#input.waits;
    const reads = !this.#pluginEnded && this.#input.mayRead;
    const holds =
      this.#shown.length > 0 ||
      this.#drained ||
      /* protects: G18 what a program writes waits while a question is shown (with: a plugin is not read while a question is shown) */ this
        .hold.active;
    this.#fromPlugin?.want((holds ? 0 : READABLE) | (types ? WRITABLE : 0));
    this.#fromUser?.want((reads ? READABLE : 0) | (shows ? WRITABLE : 0));
  }

  #onPlugin(events: number): void {
    if (this.#master?.open !== true) return;
    if ((events & WRITABLE) !== 0) this.#input.write();
    const holds =
      this.#shown.length > 0 ||
      /* test point: a plugin is not read while a question is shown */ this.hold.active;
    if ((events & READABLE) !== 0 && !holds) this.#readPlugin(this.#master.number);
    this.#want();
  }

  #readPlugin(master: number): void {
    const length = readOnce(master, buffer);
    if (length === -EAGAIN) return;
    if (this.#pluginEnded) this.#left -= length;
    this.#drained =
      length <= 0 ||
      /* protects: G8 terminal: the end of the run is the end of its output => false */ this.#left <= 0;
    if (this.#drained) {
      this.#show();
      return;
    }
    // Before the prompt that follows, as that for a password.
    this.#permission.checkEcho(master, this.#wasOurs);
    if (this.#alone) this.#showPlugin(buffer.subarray(0, length));
    // In packet mode other packets say what changed.
    else if (buffer[0] === 0) this.#showPlugin(buffer.subarray(1, length));
    this.#show();
  }

  #showPlugin(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#hasWritten = true;
    this.#isMidLine = bytes.at(-1) !== NEWLINE;
    if (!this.#saidReadOnly) {
      const text = `${this.#tail}${Buffer.from(bytes).toString('latin1')}`;
      this.#saidReadOnly = READ_ONLY.test(text);
      this.#tail = text.slice(-READ_ONLY_BYTES);
    }
    this.#shown.add(bytes);
  }

  get #wordsMayShow(): boolean {
    const waits = this.#isMidLine && this.#lineEnd !== undefined && !this.hold.active;
    return this.#words.length > 0 && (this.#wordsBegun || !waits);
  }

  #onUser(events: number): void {
    if ((events & WRITABLE) !== 0) this.#show();
    if ((events & READABLE) !== 0) this.look();
    if ((events & READABLE) !== 0) this.#input.read();
    this.#want();
  }

  #show(): void {
    for (const bytes of this.#wordsBegun ? [this.#words, this.#shown] : [this.#shown, this.#words]) {
      if (bytes === this.#words && !this.#beginWords()) continue;
      const shown = bytes.writeTo(this.#user.number);
      // After the end, only a slow terminal is waited for.
      if (
        shown &&
        (bytes.length > 0 ||
          /* protects: G8 terminal: the end of the run is the end of its output => true */ !this.#pluginEnded)
      )
        this.#lastShown = performance.now();
      if (bytes.length > 0) return;
      if (bytes === this.#words) this.#wordsBegun = false;
    }
    if (this.#drained && this.#pluginEnded) this.#finish();
  }

  /** @returns whether words of postern's own are written now: behind a whole line, or on a line of their own */
  #beginWords(): boolean {
    if (this.#drained && this.#pluginEnded) this.#endWait();
    if (this.#wordsBegun) return true;
    if (!this.#wordsMayShow) return false;
    this.#endWait();
    this.#words.putFirst(this.#encode(this.endLine()));
    this.#wordsBegun = true;
    return true;
  }

  #endWait(): void {
    clearTimeout(this.#lineEnd);
    this.#lineEnd = undefined;
  }

  /** The user's terminal is gone. The plugin's goes with it, and the kernel tells the plugin. */
  #hangUp(): void {
    this.#finish();
    this.#close();
  }

  #finish(): void {
    this.#onDrained?.();
    this.#onDrained = undefined;
  }
}
