// setsockopt(2) with SO_LINGER, which the filter reports because the value lies in memory. A close(2) that lingers would make the broker
// wait, if it closes a socket last. Without a time it does not wait: it resets the connection. The broker itself does that where the bytes of the
// connection are limited, see dissolved-connections.ts. Runs in the broker.
import { constants } from 'node:os';
import { SO_LINGER, SOL_SOCKET } from '../../shared/sys/socket-constants.js';
import { writeOption } from '../../shared/sys/socket-option.js';
import { LINGER_BYTES } from '../caller/passed-memory.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import type { TrapContext } from './trap-context.js';
import type { TrappedSocket } from './trapped-socket.js';

const { EINVAL, EPERM } = constants.errno;

/**
 * @param value as the call passed it, copied
 * @returns the struct linger to set, or minus errno. If it is off, the kernel ignores its time
 */
export function chooseLinger(value: Uint8Array): Uint8Array | number {
  if (value.length < LINGER_BYTES) return -EINVAL;
  const fields = new DataView(value.buffer, value.byteOffset, LINGER_BYTES);
  const isOn = fields.getInt32(0, true) !== 0;
  // protects: G9 trap: no close of a plugin lingers => return value;
  if (isOn && fields.getInt32(4, true) !== 0) return -EPERM;
  return new Uint8Array(new Int32Array([isOn ? 1 : 0, 0]).buffer);
}

/** Whether a setsockopt(2) is about SO_LINGER. */
export function setsLinger({ notification: { ints } }: TrappedCall): boolean {
  return ints[1] === SOL_SOCKET && ints[2] === SO_LINGER;
}

/** Sets the option on the duplicate, also on a socket of the host: a reset goes to the socket's one peer. */
export function setLinger(
  { resets }: TrapContext,
  call: TrappedCall,
  { descriptor, own }: TrappedSocket,
  value: Uint8Array,
): void {
  const chosen = chooseLinger(value);
  if (typeof chosen === 'number') call.end(chosen, chosen === -EPERM ? 'refused' : 'error');
  else if (
    /* protects: G22 quota: the kernel resets no connection whose bytes are limited => false */ !own &&
    resets.set(call, descriptor, chosen[0] === 1)
  )
    call.end(0, 'own');
  else call.end(writeOption(descriptor.number, SOL_SOCKET, SO_LINGER, chosen), 'own');
}
