// process_vm_readv(2): the memory of another process. Runs in the broker, whose uid owns the user namespaces of the sandboxes.
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
 * Copies memory. Waits for the mmap lock of the other process, which can hold it for long.
 *
 * @param pid of any of its threads
 * @param into the buffer to fill
 * @returns bytes copied, fewer if the memory ends, or minus errno: EFAULT, ESRCH, EPERM
 */
export function readMemory(pid: number, address: bigint, into: Uint8Array, length: number): number {
  if (described !== into) {
    // SAFETY: the memory of an ArrayBuffer does not move, and `described` keeps it alive.
    local.setBigUint64(0, koffi.address(into), true);
    described = into;
  }
  local.setBigUint64(IOVEC.iov_len, BigInt(length), true);
  remote.setBigUint64(0, address, true);
  remote.setBigUint64(IOVEC.iov_len, BigInt(length), true);
  return call(pid, localBytes, 1, remoteBytes, 1, 0);
}
