// bind(2) of a plugin's own netlink socket, netlink(7). Where it leaves the port to the kernel, the kernel takes the id of the process that
// binds, which is the broker's: a fact of the host's. The caller's id in its own sandbox stands in, as without a trap.
import { randomBytes } from 'node:crypto';
import { constants, endianness } from 'node:os';
import { LAYOUT } from '../../shared/sys/layout.js';
import { bindTo } from '../../shared/sys/listen.js';
import { processInside } from '../caller/process-inside.js';

const { EADDRINUSE, EINVAL } = constants.errno;
const NAME = LAYOUT['struct sockaddr_nl'];
const little = endianness() === 'LE';
/** As the kernel does for a second socket: a number that no process has. */
const NO_PROCESS = 0x8000_0000;
const TRIES = 16;

/**
 * @param tid of the caller, whose call still waits
 * @param address struct sockaddr_nl as the plugin gave it, copied
 * @returns 0, or minus errno
 */
export function bindNetlink(fd: number, address: Uint8Array, tid: number): number {
  if (address.length < NAME.size) return -EINVAL;
  const own = address.slice(0, NAME.size);
  const fields = new DataView(own.buffer);
  if (fields.getUint32(NAME.nl_pid, little) !== 0) return bindTo(fd, own);
  let port = processInside(tid) ?? someNumber();
  for (let tries = 0; ; tries += 1) {
    // protects: G17 a netlink socket is not named by the broker's process
    fields.setUint32(NAME.nl_pid, port, little);
    const result = bindTo(fd, own);
    if (result !== -EADDRINUSE || tries === TRIES) return result;
    port = someNumber();
  }
}

function someNumber(): number {
  return (NO_PROCESS | randomBytes(4).readUInt32LE()) >>> 0;
}
