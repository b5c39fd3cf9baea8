// process_vm_readv(2): another process's memory. Runs in the broker, whose uid owns the sandboxes' user namespaces.
import koffi from 'koffi';
import { LAYOUT } from './layout.js';
import { bind } from './libc.js';

const IOVEC = LAYOUT['struct iovec'];
const call = bind(
  'long process_vm_readv(int pid, const void *local, ulong locals, const void *remote, ulong remotes, ulong flags)',
);

const local = new DataView(new ArrayBuffer(IOVEC.size));
const localBytes = new Uint8Array(local.buffer);
const remote = new DataView(new ArrayBuffer(IOVEC.size));
const remoteBytes = new Uint8Array(remote.buffer);
let described: Uint8Array | undefined;

/**
 * Copies memory. Waits for the other process's mmap lock, which it can hold for long.
 *
 * @param pid of any of its threads
 * @param into where to; as many bytes are asked for as it has
 * @returns bytes copied, fewer where memory ends, or minus errno: EFAULT, ESRCH, EPERM
 */
export function readMemory(pid: number, address: bigint, into: Uint8Array, length: number): number {
  if (described !== into) {
    // SAFETY: an ArrayBuffer's memory does not move, and `described` keeps it alive.
    local.setBigUint64(0, koffi.address(into), true);
    described = into;
  }
  local.setBigUint64(IOVEC.iov_len, BigInt(length), true);
  remote.setBigUint64(0, address, true);
  remote.setBigUint64(IOVEC.iov_len, BigInt(length), true);
  return call(pid, localBytes, 1, remoteBytes, 1, 0);
}
