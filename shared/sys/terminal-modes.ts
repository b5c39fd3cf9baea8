// The modes of a terminal, termios(3), as values. Pure.
import { LAYOUT } from './layout.js';

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
