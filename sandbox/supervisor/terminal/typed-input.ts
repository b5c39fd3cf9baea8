// Carries what the user types to the plugin's terminal, as far as the plugin may have it. Runs in the supervisor.
import { constants } from 'node:os';
import { readOnce } from '../../../shared/sys/fcntl.js';
import { asksToStop, endOfInput, terminalModes } from '../../../shared/sys/terminal.js';
import type { InputPermission } from './input-permission.js';
import { PendingBytes } from './pending-bytes.js';
import type { QuestionHold } from './question-hold.js';
import type { UserTerminal } from './user-terminal.js';

const { EAGAIN } = constants.errno;
/** How long the other programs of a pipeline have for a line before it is the plugin's. */
const UNCLAIMED_MS = 100;
const buffer = new Uint8Array(65_536);

/** The relay that the input belongs to. */
export interface InputRelay {
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
