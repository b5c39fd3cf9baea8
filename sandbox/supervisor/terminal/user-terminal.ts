// The user's terminal, which no plugin ever holds. Runs in the supervisor. It reads and changes the terminal only while postern's process
// group is in the foreground. The kernel stops a background process that tries (SIGTTIN, SIGTTOU), so a race changes nothing either.

import { fstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { namesIn } from '../../../shared/read-file.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { foregroundGroup, processGroup } from '../../../shared/sys/process-control.js';
import {
  echoes,
  rawModes,
  readsLines,
  reopenTerminal,
  sameModes,
  setTerminalModes,
  setWindowSize,
  terminalModes,
  windowSize,
} from '../../../shared/sys/terminal.js';

export class UserTerminal {
  readonly #descriptor: OwnedFd;
  /** Whether it belongs to this process's session. Then the kernel knows who is in the foreground. */
  readonly #controlling: boolean;
  /** Whether it is the terminal of another session. If it belongs to no session at all, as a pseudo-terminal that a test passes, it is false. */
  readonly isOfOthers: boolean;
  /** The modes that it gets back. Undefined before postern sets any, and after it gave them back. */
  #kept: Uint8Array | undefined;
  /** The modes that postern has set. */
  #set: Uint8Array | undefined;

  private constructor(descriptor: OwnedFd, controlling: boolean) {
    this.#descriptor = descriptor;
    this.#controlling = controlling;
    this.isOfOthers = !controlling && isOfAnotherSession(descriptor.number);
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
    return this.#controlling
      ? /* protects: G18 the user's terminal is read in the foreground alone => true */ foregroundGroup(
          this.number,
        ) === processGroup()
      : /* protects: G18 the terminal of another session is not read => true */ !this.isOfOthers;
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

  /** Makes it raw, until {@link giveBack}. */
  makeRaw(): void {
    const now = this.isOurs ? this.modes() : undefined;
    if (now === undefined) return;
    // A shell may have set it anew since. Raw modes and modes without echo are those of a program, which sets them back.
    const byShell = !this.#isAsSet(now) && readsLines(now) && echoes(now);
    if (
      /* protects: G18 modes that another program sets for a while are not taken for the user's => true */ this
        .#kept === undefined ||
      byShell
    )
      this.#kept = now;
    const raw = rawModes(now);
    if (!sameModes(now, raw)) setTerminalModes(this.number, raw);
    this.#set = this.modes();
  }

  /** Whether postern has set modes. */
  get isChanged(): boolean {
    return this.#kept !== undefined;
  }

  /**
   * Sets the modes as they were. In the background that is the task of the shell, which has done it. While another program has its own modes
   * there, nothing changes. That program may set postern's again, so what was there before is not forgotten.
   */
  giveBack(): void {
    const now = this.#kept !== undefined && this.isOurs ? this.modes() : undefined;
    if (this.#kept === undefined || now === undefined || !this.#isAsSet(now)) return;
    // protects: G18 the user's terminal is given back as it was
    setTerminalModes(this.number, this.#kept);
    this.#kept = undefined;
  }

  #isAsSet(now: Uint8Array): boolean {
    return this.#set !== undefined && sameModes(now, this.#set);
  }

  /** Whether another program of postern's job may read it. A program that waits for postern's end, as the shell of a script, reads nothing. */
  get isShared(): boolean {
    const { rdev } = fstatSync(this.number);
    return jobMembers().others.some((pid) =>
      /* protects: G18 a plugin beside another program at the terminal reads no keys => false */ mayRead(
        pid,
        rdev,
      ),
    );
  }

  close(): void {
    this.#descriptor.close();
  }
}

// Whether a terminal is the controlling terminal of another session, proc_pid_stat(5).

/** Where tty_nr stands after the name. */
const TERMINAL = 4;

/** @param fd a terminal that is not the controlling terminal of this process. Without a readable /proc the answer is yes */
function isOfAnotherSession(fd: number): boolean {
  const { rdev } = fstatSync(fd);
  try {
    return readdirSync('/proc').some((name) => /^\d+$/.test(name) && terminalOf(name) === rdev);
  } catch {
    return true;
  }
}

function terminalOf(pid: string): number {
  return Number(fieldsOf(pid)[TERMINAL] ?? 0);
}

// The other programs of postern's job, proc_pid_stat(5). Without a readable /proc there are none.

/** Where they stand after the name. */
const PARENT = 1;
const GROUP = 2;
/** The device of /dev/tty, which is each process's controlling terminal. */
const CONTROLLING = 0x500;

interface JobMembers {
  /** They started postern, and may wait for its end, as the shell of a script. */
  readonly ancestors: readonly number[];
  /** Neither ancestors nor children of postern. */
  readonly others: readonly number[];
}

export function jobMembers(): JobMembers {
  const parents = new Map<number, number>();
  const members: number[] = [];
  const group = processGroup();
  for (const name of namesIn('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const fields = fieldsOf(name);
    parents.set(Number(name), Number(fields[PARENT]));
    if (Number(fields[GROUP]) === group) members.push(Number(name));
  }
  const above = lineage(process.pid, parents);
  return {
    ancestors: members.filter((pid) => pid !== process.pid && above.includes(pid)),
    others: members.filter((pid) => !above.includes(pid) && !lineage(pid, parents).includes(process.pid)),
  };
}

/**
 * Whether a process may read a terminal: it has it as its standard input, or has opened it. What it has as output only, as a server in a
 * script's background does, does not count.
 *
 * @param device st_rdev
 */
function mayRead(pid: number, device: number): boolean {
  const folder = `/proc/${pid}/fd`;
  const names = namesIn(folder);
  // Another user's process hides its descriptors, as sudo(8) does.
  if (names.length === 0) return fieldsOf(`${pid}`).length > 0;
  return names.some((name) => {
    if (name === '1' || name === '2') return false;
    try {
      const { rdev } = statSync(`${folder}/${name}`);
      return rdev === device || rdev === CONTROLLING;
    } catch {
      return false; // It was closed meanwhile.
    }
  });
}

function lineage(pid: number, parents: ReadonlyMap<number, number>): readonly number[] {
  const pids: number[] = [];
  for (let at: number | undefined = pid; at !== undefined && at > 0; at = parents.get(at)) {
    if (pids.includes(at)) break;
    pids.push(at);
  }
  return pids;
}

function fieldsOf(pid: string): readonly string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return []; // It has ended.
  }
}
