// Copies a struct sockaddr, or another short argument, out of a caller's memory. Runs in the broker, on any of its threads.
import { constants } from 'node:os';
import { readMemory } from '../../shared/sys/process-memory.js';
import { MAX_SOCKADDR_BYTES } from './read-sockaddr.js';

const { EFAULT, EINVAL } = constants.errno;
const FAMILY_BYTES = 2;
const scratch = new Uint8Array(MAX_SOCKADDR_BYTES);

/** @returns a copy of exactly `length` bytes, or minus errno as connect(2) and bind(2) have it */
export function copyAddress(tid: number, address: bigint, length: number): Uint8Array | number {
  if (length < FAMILY_BYTES || length > MAX_SOCKADDR_BYTES) return -EINVAL;
  return readMemory(tid, address, scratch, length) === length ? scratch.slice(0, length) : -EFAULT;
}
