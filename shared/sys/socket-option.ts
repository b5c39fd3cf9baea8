// getsockopt(2) and setsockopt(2). Runs in broker and supervisor.
import { getsockopt, setsockopt } from './socket-calls.js';
import { succeed } from './system-error.js';

const length = new Uint32Array(1);
const lengthBytes = new Uint8Array(length.buffer);
const int = new Int32Array(1);
const intBytes = new Uint8Array(int.buffer);

/** Copies the value of an option into `into`. @returns 0, or minus errno */
export function readOption(fd: number, level: number, name: number, into: Uint8Array): number {
  length[0] = into.length;
  return getsockopt(fd, level, name, into, lengthBytes);
}

/** The value of an option that is an int. @returns the value, or minus errno */
export function readIntOption(fd: number, level: number, name: number): number {
  const result = readOption(fd, level, name, intBytes);
  return result < 0 ? result : (int[0] ?? 0);
}

/** @returns 0, or minus errno */
export function writeOption(fd: number, level: number, name: number, from: Uint8Array): number {
  return setsockopt(fd, level, name, from, from.length);
}

/**
 * Sets an option.
 *
 * @param value an int, or the bytes of another type
 * @throws SystemError
 */
export function setOption(fd: number, level: number, name: number, value: number | Uint8Array): void {
  const bytes = typeof value === 'number' ? new Uint8Array(new Int32Array([value]).buffer) : value;
  succeed(writeOption(fd, level, name, bytes), 'setsockopt');
}
