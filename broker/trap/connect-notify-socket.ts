// connect(2) on the notify socket, as clients of sd_notify(3) call it before they send. The socket has its peer already, so nothing is connected.
// Runs in the broker.
import { fstatSync } from 'node:fs';
import { constants } from 'node:os';
import { NOTIFY_PATH } from '../../shared/notify-path.js';
import { LAYOUT } from '../../shared/sys/layout.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { AF_UNIX } from '../../shared/sys/sockaddr.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import type { TrapContext } from './trap-context.js';

const { EACCES, EINVAL } = constants.errno;
const UN = LAYOUT['struct sockaddr_un'];

/**
 * Ends the call if it is about the notify socket.
 *
 * @param descriptor a duplicate of the caller's AF_UNIX socket
 * @param address as the call passed it, copied
 * @returns whether the call was about it
 */
export function connectNotifySocket(
  { notify }: TrapContext,
  call: TrappedCall,
  descriptor: OwnedFd,
  address: Uint8Array,
): boolean {
  if (notify === undefined || !isSame(notify, descriptor)) return false;
  if (address[0] !== AF_UNIX || address[1] !== 0 || address.length > UN.size) call.end(-EINVAL, 'error');
  else if (
    /* protects: G4 notify: connect(2) of the socket works to its own path alone => true */ namesNotify(
      address,
    )
  )
    call.end(0, 'own');
  else call.end(-EACCES, 'refused');
  return true;
}

function isSame(one: OwnedFd, other: OwnedFd): boolean {
  return inode(one) === inode(other);
}

function inode({ number }: OwnedFd): bigint {
  return fstatSync(number, { bigint: true }).ino;
}

function namesNotify(address: Uint8Array): boolean {
  const name = Buffer.from(address.subarray(UN.sun_path));
  const end = name.indexOf(0);
  return name.subarray(0, end < 0 ? name.length : end).equals(Buffer.from(NOTIFY_PATH));
}
