// Terminals and pseudo-terminals: ioctl_tty(2), pty(7). Runs in the supervisor, on the user's terminal, and in the launcher, which makes the
// plugin's own one.

import { constants, openSync } from 'node:fs';
import { LAYOUT } from './layout.js';
import { bind, succeed } from './libc.js';
import { OwnedFd } from './owned-fd.js';

const { O_CLOEXEC, O_NOCTTY, O_NONBLOCK, O_RDWR } = constants as typeof constants & { O_CLOEXEC?: number };
const TCGETS2 = 0x802c542a;
const TCSETS2 = 0x402c542b;
const TIOCSCTTY = 0x540e;
const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
const TIOCPKT = 0x5420;
const TIOCSPTLCK = 0x40045431;
const TIOCSIG = 0x40045436;
const TIOCGPTPEER = 0x5441;
const WINSIZE_BYTES = 8;

// SAFETY: each request below takes an int, or a buffer of the structure's size that is lent for the call.
const ioctl = bind('int ioctl(int fd, ulong request, void *argument)');
const ioctlNumber = bind('int ioctl(int fd, ulong request, long argument)');

/** Both ends of a pseudo-terminal. */
export interface TerminalPair {
  /** What is typed goes in here, and what is shown comes out. */
  readonly master: OwnedFd;
  /** The terminal itself. */
  readonly slave: OwnedFd;
}

/** Makes a pseudo-terminal in the devpts that is mounted at /dev/pts. */
export function openTerminalPair(): TerminalPair {
  const flags = O_RDWR | O_NOCTTY | (O_CLOEXEC ?? 0);
  const master = new OwnedFd(openSync('/dev/pts/ptmx', flags));
  try {
    succeed(ioctl(master.number, TIOCSPTLCK, new Uint8Array(4)), 'ioctl TIOCSPTLCK');
    const slave = succeed(ioctlNumber(master.number, TIOCGPTPEER, flags), 'ioctl TIOCGPTPEER');
    return { master, slave: new OwnedFd(slave) };
  } catch (error) {
    master.close();
    throw error;
  }
}

/**
 * A new open file of a terminal, so that O_NONBLOCK is not shared with its other users. /dev/tty needs no permission of the terminal's
 * file, which may belong to another user, as after su(1).
 *
 * @param controlling whether it is this process's controlling terminal
 * @returns undefined if the terminal cannot be opened
 */
export function reopenTerminal(fd: number, controlling: boolean): OwnedFd | undefined {
  try {
    const path = controlling ? '/dev/tty' : `/proc/self/fd/${fd}`;
    return new OwnedFd(openSync(path, O_RDWR | O_NOCTTY | O_NONBLOCK | (O_CLOEXEC ?? 0)));
  } catch {
    return undefined;
  }
}

/** Makes a terminal the controlling terminal of this process, which leads its session. */
export function takeControllingTerminal(slave: number): void {
  succeed(ioctlNumber(slave, TIOCSCTTY, 0), 'ioctl TIOCSCTTY');
}

/** @returns struct termios2, or undefined if the terminal is gone. At a master: that of its terminal */
export function terminalModes(fd: number): Uint8Array | undefined {
  const modes = new Uint8Array(LAYOUT['struct termios2'].size);
  return ioctl(fd, TCGETS2, modes) < 0 ? undefined : modes;
}

/** Sets the modes at once. Output that waits does not delay it. @returns 0, or minus errno: EIO for a terminal that is gone */
export function setTerminalModes(fd: number, modes: Uint8Array): number {
  return ioctl(fd, TCSETS2, modes);
}

/** @returns struct winsize, or undefined if the terminal is gone */
export function windowSize(fd: number): Uint8Array | undefined {
  const size = new Uint8Array(WINSIZE_BYTES);
  return ioctl(fd, TIOCGWINSZ, size) < 0 ? undefined : size;
}

/** Sets the size. The foreground processes get SIGWINCH if it changes. @returns 0, or minus errno */
export function setWindowSize(fd: number, size: Uint8Array): number {
  return ioctl(fd, TIOCSWINSZ, size);
}

/** From now on each read of the master begins with a byte: 0, or what changed at the terminal, ioctl_tty(2) TIOCPKT. */
export function setPacketMode(master: number): void {
  succeed(ioctl(master, TIOCPKT, new Uint8Array(new Int32Array([1]).buffer)), 'ioctl TIOCPKT');
}

/** Sends SIGINT, SIGQUIT or SIGTSTP to the foreground processes of a master's terminal. @returns 0, or minus errno */
export function signalTerminal(master: number, signal: number): number {
  return ioctlNumber(master, TIOCSIG, signal);
}

// The modes of a terminal, termios(3), as values. Pure.

const TERMIOS = LAYOUT['struct termios2'];
/** IGNBRK BRKINT PARMRK INPCK ISTRIP INLCR IGNCR ICRNL IXON */
const INPUT_CHANGES = 0o2773;
const OPOST = 0o1;
const ISIG = 0o1;
const ICANON = 0o2;
const ECHO = 0o10;
const IEXTEN = 0o100000;
const EXTPROC = 0o200000;
/** ECHO ECHOE ECHOK ECHONL ECHOCTL ECHOPRT ECHOKE */
const ECHOES = 0o7170;
const VTIME = 5;
const VMIN = 6;
const VEOF = 4;
const VSUSP = 10;

function change(modes: Uint8Array, edit: (view: DataView) => void): Uint8Array {
  const copy = modes.slice();
  edit(new DataView(copy.buffer));
  return copy;
}

function clear(view: DataView, offset: number, bits: number): void {
  view.setUint32(offset, view.getUint32(offset, true) & ~bits, true);
}

/** Every byte as it comes, both ways: the other terminal does the editing. */
export function rawModes(modes: Uint8Array): Uint8Array {
  return change(modes, (view) => {
    clear(view, TERMIOS.c_iflag, INPUT_CHANGES);
    clear(view, TERMIOS.c_oflag, OPOST);
    clear(view, TERMIOS.c_lflag, ISIG | ICANON | IEXTEN | ECHOES);
    view.setUint8(TERMIOS.c_cc + VMIN, 1);
    view.setUint8(TERMIOS.c_cc + VTIME, 0);
  });
}

/** The same modes, of a terminal that leaves echo, editing and signal characters to the process at its master (EXTPROC). */
export function withoutOwnEditing(modes: Uint8Array): Uint8Array {
  return change(modes, (view) => {
    view.setUint32(TERMIOS.c_lflag, view.getUint32(TERMIOS.c_lflag, true) | EXTPROC, true);
  });
}

/** Whether input is read by lines. */
export function readsLines(modes: Uint8Array): boolean {
  return (new DataView(modes.buffer, modes.byteOffset).getUint32(TERMIOS.c_lflag, true) & ICANON) !== 0;
}

/** Whether what is typed shows. */
export function echoes(modes: Uint8Array): boolean {
  return (new DataView(modes.buffer, modes.byteOffset).getUint32(TERMIOS.c_lflag, true) & ECHO) !== 0;
}

/** Speeds do not count: a program that sets modes by the older structure changes how they are written. */
export function sameModes(one: Uint8Array, other: Uint8Array): boolean {
  return one.subarray(0, TERMIOS.c_ispeed).every((byte, at) => byte === other[at]);
}

/** Whether the key that stops a job is among the bytes, Ctrl-Z. */
export function asksToStop(modes: Uint8Array, typed: Uint8Array): boolean {
  const key = modes[TERMIOS.c_cc + VSUSP];
  return key !== undefined && key !== 0 && typed.includes(key);
}

/** The byte that ends the input in line mode, Ctrl-D. */
export function endOfInput(modes: Uint8Array): number {
  return modes[TERMIOS.c_cc + VEOF] ?? 4;
}
