// SO_MAX_PACING_RATE, socket(7): how fast a socket sends. TCP keeps the rate by itself since Linux 4.13, without a queueing discipline. Runs in the
// broker.
import { endianness } from 'node:os';
import { SOL_SOCKET } from './socket-constants.js';
import { writeOption } from './socket-option.js';

const SO_MAX_PACING_RATE = 47;

/**
 * Bounds what a socket sends. TCP does not pace the first ten segments of a connection.
 *
 * @param bytesPerSecond with headers
 * @returns 0, or minus errno
 */
export function paceSending(fd: number, bytesPerSecond: number): number {
  const rate = new Uint8Array(8);
  new DataView(rate.buffer).setBigUint64(0, BigInt(bytesPerSecond), endianness() === 'LE');
  return writeOption(fd, SOL_SOCKET, SO_MAX_PACING_RATE, rate);
}
