// Whether the plugin may have what the user types. Runs in the supervisor. Other programs of a job or pipeline read the same terminal, a prompt
// for a password among them.
import { echoes, readsLines, sameModes, terminalModes } from '../../../shared/sys/terminal.js';
import type { UserTerminal } from './user-terminal.js';

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
