// Terminals and pseudo-terminals: ioctl_tty(2), pty(7). Runs in the supervisor, on the user's terminal, and in the launcher, which makes the
// plugin's own one.
import { constants, openSync } from 'node:fs';
import { LAYOUT } from './layout.js';
import { bind } from './libc.js';
import { OwnedFd } from './owned-fd.js';
import { succeed } from './system-error.js';

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
