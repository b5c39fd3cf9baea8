// Carries what the user types to the plugin's terminal, as far as the plugin may have it. Runs in the supervisor.

import { constants } from 'node:os';
import { readOnce } from '../../../shared/sys/fcntl.js';
import {
  asksToStop,
  echoes,
  endOfInput,
  readsLines,
  sameModes,
  terminalModes,
} from '../../../shared/sys/terminal.js';
import { PendingBytes, type QuestionHold } from './question-hold.js';
import type { UserTerminal } from './user-terminal.js';

const { EAGAIN } = constants.errno;
/** How long the other programs of a pipeline have for a line before it is the plugin's. */
const UNCLAIMED_MS = 100;
const buffer = new Uint8Array(65_536);

/** The relay that the input belongs to. */
interface InputRelay {
  readonly user: UserTerminal;
  /** Whether the plugin's input and output are both the terminal. */
  readonly alone: boolean;
  readonly permission: InputPermission;
  readonly hold: QuestionHold;
  /** The modes that the plugin's terminal begins with. */
  readonly modes: Uint8Array;
  /** The descriptor of the plugin's terminal; undefined when it is closed. */
  readonly master: () => number | undefined;
  /** Whether postern's group was in the foreground at the last look. */
  readonly isOurs: () => boolean;
  /** Called some time after {@link TypedInput.read}, when input may be read again. */
  readonly onReady: () => void;
  /** Called when the user's terminal is gone. */
  readonly onHangUp: () => void;
}

export class TypedInput {
  readonly #relay: InputRelay;
  readonly #typed = new PendingBytes();
  #claim: NodeJS.Timeout | undefined;
  /** Whether another program of the job may read the terminal that postern has made raw. Then postern reads nothing. */
  #shared = false;
  #onStopKey: (() => void) | undefined;

  constructor(relay: InputRelay) {
    this.#relay = relay;
  }

  /** Whether the plugin's terminal has not taken all yet. */
  get waits(): boolean {
    return this.#typed.length > 0;
  }

  /** Whether the user's terminal may be read now. */
  get mayRead(): boolean {
    const idle = (!this.waits || this.#relay.hold.active) && this.#claim === undefined;
    return idle && this.#relay.isOurs() && !this.#shared && this.#mayTake();
  }

  /** @param callback called when Ctrl-Z goes to the plugin's terminal as a key */
  whenStopKey(callback: () => void): void {
    this.#onStopKey = callback;
  }

  /** Looks whether the other program of the job is gone. */
  look(): void {
    if (this.#shared) this.#shared = this.#relay.permission.isShared();
  }

  /** Writes on what waits. */
  write(): void {
    const master = this.#relay.master();
    if (master !== undefined) this.#typed.writeTo(master);
  }

  /** Reads the user's terminal, right after a look at it. */
  read(): void {
    const { alone, permission, hold, user, isOurs, onReady } = this.#relay;
    if (!isOurs() || this.#shared || (this.waits && !hold.active)) return;
    if (alone) {
      this.#shared = permission.isShared();
      if (!this.#shared) this.#take();
      return;
    }
    // Another program of the pipeline may read this line.
    this.#claim ??= setTimeout(() => {
      this.#claim = undefined;
      if (user.isOurs && this.#mayTake()) this.#take();
      onReady();
    }, UNCLAIMED_MS);
  }

  close(): void {
    clearTimeout(this.#claim);
  }

  #mayTake(): boolean {
    const { hold, isOurs, permission } = this.#relay;
    const master = this.#relay.master();
    if (hold.active) return permission.mayAsk();
    return master !== undefined && permission.mayTake(master, isOurs());
  }

  #take(): void {
    const { user, alone, hold, modes: first, onHangUp } = this.#relay;
    const master = this.#relay.master();
    if (master === undefined) return;
    const length = readOnce(user.number, buffer);
    if (length === -EAGAIN) return;
    if (user.modes() === undefined) {
      onHangUp();
      return;
    }
    if (length < 0) return;
    const typed = length === 0 ? new Uint8Array([endOfInput(first)]) : buffer.subarray(0, length);
    const bytes = hold.offer(typed) ?? typed;
    if (bytes.length === 0) return;
    this.#typed.add(bytes);
    this.#typed.writeTo(master);
    const modes = length > 0 && alone ? terminalModes(master) : undefined;
    if (modes !== undefined && asksToStop(modes, bytes)) this.#onStopKey?.();
  }
}

// Whether the plugin may have what the user types. Other programs of a job or pipeline read the same terminal, a prompt
// for a password among them.

const OF_OTHERS =
  'the terminal belongs to another session: the program gets no input from it; start postern without setsid, and with "su --pty" instead of "su"';

export class InputPermission {
  readonly #user: UserTerminal;
  readonly #alone: boolean;
  /** The user's modes at the start, and whether a plugin of a pipeline may have input at all. */
  readonly #first: Uint8Array;
  readonly #takesLines: boolean;
  /** Whether the terminal is the plugin's standard input. */
  readonly #isInput: boolean;
  readonly #told = new Set<string>();
  #onRefused: ((text: string) => void) | undefined;

  /**
   * @param alone whether the plugin's input and output are both the terminal
   * @param streams the plugin's standard streams that are the terminal
   * @param modes the user's modes at the start
   */
  constructor(user: UserTerminal, alone: boolean, streams: readonly number[], modes: Uint8Array) {
    this.#user = user;
    this.#alone = alone;
    this.#first = modes;
    this.#isInput = streams.includes(0);
    this.#takesLines = this.#isInput && readsLines(modes) && echoes(modes);
  }

  /** @param callback called once for each reason why the plugin gets no input */
  whenRefused(callback: (text: string) => void): void {
    this.#onRefused = callback;
    // As after setsid(1) and "su -c". That session's programs read it, and nothing tells whether one of them waits for a password.
    if (this.#isInput && this.#user.isOfOthers) this.#refuse(OF_OTHERS);
  }

  /**
   * In a pipeline the plugin gets whole lines alone, if the terminal is its standard input, and only while the user's terminal has the modes
   * of the start. Other modes are those of another program, which asks for a password or takes single keys.
   *
   * @param master of the plugin's terminal
   * @param ours whether postern's group is in the foreground
   */
  mayTake(master: number, ours: boolean): boolean {
    if (this.#alone) return true;
    const modes = this.#takesLines ? this.#user.modes() : undefined;
    return (
      modes !== undefined &&
      /* protects: G18 a plugin in a pipeline reads nothing while another program has set modes */ sameModes(
        modes,
        this.#first,
      ) &&
      this.checkEcho(master, ours)
    );
  }

  /** Whether a question of postern's may be answered: not while another program has its own modes there. */
  mayAsk(): boolean {
    const modes = this.#alone ? undefined : this.#user.modes();
    return this.#alone || (modes !== undefined && sameModes(this.#first, modes) && readsLines(modes));
  }

  /**
   * A secret would show: in a pipeline the user's terminal echoes, and its modes are not the plugin's to set.
   *
   * @returns false if the plugin has turned its echo off
   */
  checkEcho(master: number, ours: boolean): boolean {
    if (this.#alone) return true;
    const modes = terminalModes(master);
    if (modes === undefined || echoes(modes)) return true;
    if (ours) this.#refuse('the program turned its echo off, and gets no input: it is part of a pipeline');
    return false;
  }

  /** Whether another program of the job may read the terminal that postern makes raw. */
  isShared(): boolean {
    const shared = this.#user.isShared;
    if (shared)
      this.#refuse('another program of this job may read the terminal: the program gets no input meanwhile');
    return shared;
  }

  #refuse(text: string): void {
    if (this.#onRefused === undefined || this.#told.has(text)) return;
    this.#told.add(text);
    this.#onRefused(text);
  }
}
