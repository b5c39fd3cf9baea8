// Trapped calls that are rare and short: each looks at one socket of the caller, on the broker's duplicate, and answers. Runs in the broker.

import { randomBytes } from 'node:crypto';
import { constants, endianness } from 'node:os';
import { LAYOUT } from '../../shared/sys/layout.js';
import { listInterfaces, readInterface, SIOCGIFCONF } from '../../shared/sys/network-interface.js';
import { AF_INET, AF_INET6 } from '../../shared/sys/sockaddr.js';
import { bindTo, SO_LINGER, SOL_SOCKET, takeSocketError, writeOption } from '../../shared/sys/socket.js';
import { emptyErrorQueue, TCP_STATE, tcpState } from '../../shared/sys/socket-state.js';
import { LINGER_BYTES } from '../caller/caller-memory.js';
import { processInside } from '../caller/caller-processes.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import { writeAnswer } from './answers.js';
import type { TrapContext, TrappedSocket } from './trap-context.js';

const { EADDRINUSE, EAGAIN, EINVAL, EPERM } = constants.errno;

// ioctl(2) that reads the interfaces of a socket's network namespace: if_nametoindex(3), Java's NetworkInterface. The kernel never executes
// the plugin's own call: another thread could swap in a socket of the host meanwhile, and the answer would name the host's interfaces. Runs in
// the broker, which asks on its duplicate. The supervisor writes the answer into the caller's memory.

/** @param memory a copy of the struct that the call passed */
export function answerInterfaces(
  context: TrapContext,
  call: TrappedCall,
  { descriptor, own }: TrappedSocket,
  memory: Uint8Array,
): void {
  // protects: G3 a socket of the host tells no interfaces
  if (!own) {
    call.end(-EPERM, 'refused');
    return;
  }
  const answer = /* protects: G3 interfaces are those of the socket that was taken (own code) */ ask(
    descriptor.number,
    call.notification.ints[1],
    memory,
  );
  if (typeof answer === 'number') {
    call.end(answer, 'own');
    return;
  }
  writeAnswer(context, call, answer, (result) => call.end(result, result === -EPERM ? 'refused' : 'own'));
}

function ask(fd: number, request: number, memory: Uint8Array): Uint8Array | number {
  if (request === SIOCGIFCONF) return listInterfaces(fd);
  const result = readInterface(fd, request, memory);
  return result < 0 ? result : memory;
}

// A trapped read of a socket's error queue: recvfrom(2), recvmsg(2) or recvmmsg(2) with MSG_ERRQUEUE. The plugin gets no entry of the queue: one holds
// a packet that was sent, with hardware addresses of the host, or the address of a router. But poll(2) reports POLLERR until somebody takes
// the error and the entries. So the broker takes them, and answers with an errno.

/** The kernel never executes the call. Another family has no such queue, and there the flag could read data. */
export function answerQueueRead(call: TrappedCall, { descriptor, domain }: TrappedSocket): void {
  const inet =
    /* protects: G3 an AF_UNIX socket's data is not taken for an error queue => true */ domain === AF_INET ||
    domain === AF_INET6;
  call.end((inet && takeError(descriptor.number)) || -EAGAIN, 'own');
}

/**
 * A connection keeps its error: one that was reset would look as if it had ended well. An attempt to connect that has failed keeps its entries too,
 * since the kernel clears the error with the last of them.
 *
 * @returns minus errno, or 0
 */
function takeError(fd: number): number {
  const state = tcpState(fd);
  // protects: G3 an attempt to connect keeps the error that ended it
  if (state === TCP_STATE.CLOSE) return 0;
  // protects: G3 a connection keeps the error that ended it (with: an attempt to connect keeps the error that ended it) => const error = takeSocketError(fd);
  // protects: G3 who reads the error queue alone takes the error => const error = 0;
  const error = state === undefined ? takeSocketError(fd) : 0;
  // protects: G3 who reads the error queue alone finds it empty the next time
  emptyErrorQueue(fd);
  return error;
}

// bind(2) of a plugin's own netlink socket, netlink(7). Where it leaves the port to the kernel, the kernel takes the id of the process that
// binds, which is the broker's: a fact of the host's. The caller's id in its own sandbox stands in, as without a trap.

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

// setsockopt(2) with SO_LINGER, which the filter reports because the value lies in memory. A close(2) that lingers would make the broker
// wait, if it closes a socket last. Without a time it does not wait: it resets the connection. The broker itself does that where the bytes of the
// connection are limited, see dissolved-connections.ts.

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
