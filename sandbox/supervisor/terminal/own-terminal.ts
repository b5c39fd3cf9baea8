// The terminal of the user, for questions of a plugin that has none: /dev/tty. Runs in the supervisor. It is read and written while postern is in
// the foreground, and while the terminal has the modes of the start: other modes are those of another program of the pipeline.
import { closeSync, constants, openSync } from 'node:fs';
import { constants as os } from 'node:os';
import { TERMINAL_LOOK_MS } from '../../../shared/limits.js';
import { readOnce } from '../../../shared/sys/fcntl.js';
import { echoes, readsLines, sameModes } from '../../../shared/sys/terminal.js';
import { READABLE, Watch } from '../../../shared/sys/uv-poll.js';
import { PendingBytes, type TakeTyped } from './question-hold.js';
import { UserTerminal } from './user-terminal.js';

const { EAGAIN } = os.errno;
const buffer = new Uint8Array(4096);

export class OwnTerminal {
  readonly echoes: boolean = true;
  readonly #user: UserTerminal;
  readonly #first: Uint8Array;
  readonly #watch: Watch;
  readonly #looks: NodeJS.Timeout;
  readonly #words = new PendingBytes();
  #take: TakeTyped | undefined;

  private constructor(user: UserTerminal, modes: Uint8Array) {
    this.#user = user;
    this.#first = modes;
    this.#watch = new Watch(user.number, () => this.#read());
    this.#looks = setInterval(() => this.#look(), TERMINAL_LOOK_MS).unref();
  }

  /** @returns undefined if there is none, or if it does not read lines */
  static open(): OwnTerminal | undefined {
    let fd: number;
    try {
      fd = openSync('/dev/tty', constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
    } catch {
      return undefined;
    }
    const user = UserTerminal.open(fd);
    closeSync(fd);
    const modes = user?.modes();
    if (user !== undefined && modes !== undefined && readsLines(modes) && echoes(modes))
      return new OwnTerminal(user, modes);
    user?.close();
    return undefined;
  }

  say(text: string): void {
    this.#words.add(new TextEncoder().encode(text));
    this.#look();
  }

  /** @returns what ends it */
  begin(take: TakeTyped): () => void {
    this.#take = take;
    this.#look();
    return () => {
      if (this.#take === take) this.#take = undefined;
      this.#look();
    };
  }

  close(): void {
    clearInterval(this.#looks);
    this.#watch.close();
    this.#user.close();
  }

  #isOurs(): boolean {
    const modes = this.#user.isOurs ? this.#user.modes() : undefined;
    return modes !== undefined && sameModes(modes, this.#first);
  }

  #look(): void {
    const ours = this.#isOurs();
    if (ours) this.#words.writeTo(this.#user.number);
    this.#watch.want(ours && this.#take !== undefined ? READABLE : 0);
  }

  #read(): void {
    if (!this.#isOurs()) {
      this.#look();
      return;
    }
    const length = readOnce(this.#user.number, buffer);
    if (length > 0) this.#take?.(buffer.slice(0, length));
    // A terminal that is gone answers nothing any more.
    else if (length !== -EAGAIN) this.#take = undefined;
    this.#look();
  }
}
