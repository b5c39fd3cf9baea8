// connect(2) of IPv4 and IPv6 stream and datagram sockets: inside the sandbox's loopback, or past it. Runs in the broker. The address was copied once. What it means depends on the socket: one of the sandbox, or one of the host that postern
// handed over.

import { constants } from 'node:os';
import { isLoopbackAddress, isSandboxAddress, staysInside } from '../../shared/policy/sandbox-address.js';
import { isNonBlocking } from '../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { AF_INET } from '../../shared/sys/sockaddr.js';
import { boundAddress, writableNow } from '../../shared/sys/socket.js';
import {
  concludeConnect,
  connectAtOnce,
  sendTimeout,
  settleConnect,
  startConnectNeverWaiting,
  TCP_STATE,
  tcpState,
} from '../../shared/sys/socket-state.js';
import type { TrapAnswer } from '../../shared/words.js';
import {
  type InetAddress,
  readSockaddr,
  SOCKADDR_IN_BYTES,
  SOCKADDR_IN6_BYTES,
  type TrappedAddress,
} from '../caller/caller-memory.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import type { Transport } from '../dns/encode-dns-answer.js';
import { refuseForeign } from './answers.js';
import { brokerConnection } from './broker-connection.js';
import { dissolve } from './dissolved-connections.js';
import { connectOrdinary } from './ordinary-connect.js';
import type { TrapContext, TrappedSocket } from './trap-context.js';
import { interruptedResult } from './waiting-calls.js';

const { EACCES, EAFNOSUPPORT, EALREADY, EINPROGRESS, EINVAL, EISCONN } = constants.errno;

// connect(2) on a TCP socket. A socket in use gets the kernel's own answer. A connect to the sandbox's loopback happens on the socket itself.
// For every other one the broker puts its connection in the socket's place.

/** @returns whether the descriptor is kept while the call waits */
export function connectStream(
  context: TrapContext,
  call: TrappedCall,
  socket: TrappedSocket,
  raw: Uint8Array,
  state: number,
): boolean {
  const kept =
    socket.own && state === TCP_STATE.CLOSE ? connectOrdinary(context, call, socket, raw) : undefined;
  if (kept !== undefined) return kept;
  const address = readSockaddr(raw);
  if (!socket.own) return connectForeign(context, call, socket, address, raw, state);
  const { descriptor, domain } = socket;
  if (address.kind === 'unspec') {
    call.end(connectAtOnce(descriptor.number, raw), 'own');
    return false;
  }
  const misfit = misfitOf(address, domain, raw.length);
  if (misfit !== undefined || address.kind !== 'inet') {
    call.end(misfit ?? -EAFNOSUPPORT, 'error');
    return false;
  }
  const { policy } = context.plugin;
  if (state === TCP_STATE.CLOSE && !staysInside(policy, address.address, address.port)) {
    return brokerConnection(context, call, socket, address);
  }
  return connectInside(context, call, socket, raw, address);
}

/** On the plugin's own socket, in its own network namespace. */
function connectInside(
  context: TrapContext,
  call: TrappedCall,
  { descriptor }: TrappedSocket,
  raw: Uint8Array,
  { address, port }: InetAddress,
): boolean {
  const blocking = !isNonBlocking(descriptor.number);
  const started =
    /* protects: G9 a connect on a socket of the sandbox never waits => connectAtOnce(descriptor.number, raw) */ /* protects: G5 a descriptor is taken once (own code) */ startConnectNeverWaiting(
      descriptor.number,
      raw,
    );
  if (port === DNS_PORT && (started === 0 || started === -EINPROGRESS))
    noteAsker(context, call, descriptor, 'tcp');
  if (started === -EINPROGRESS && isLoopbackAddress(address)) {
    // Over loopback the attempt has been answered by now, unless the listener's queue is full.
    if (tcpState(descriptor.number) === TCP_STATE.CLOSE)
      context.loopback.refused(address, port, () => context.origins.of(call.tid));
    else context.loopback.connected(address, port);
  }
  if (!blocking || (started !== -EINPROGRESS && started !== -EALREADY)) {
    call.end(started, 'own');
    return false;
  }
  return awaitConnection(context, call, descriptor, 'own', started);
}

/**
 * A socket of the host's network, which the plugin was given: it keeps its peer, and the kernel answers for it. After a failed attempt
 * whose error the plugin has seen, it gets another connection, decided anew.
 */
function connectForeign(
  context: TrapContext,
  call: TrappedCall,
  socket: TrappedSocket,
  address: TrappedAddress,
  raw: Uint8Array,
  state: number,
): boolean {
  const { descriptor, domain } = socket;
  const fd = descriptor.number;
  if (state === TCP_STATE.SYN_SENT) {
    if (!isNonBlocking(descriptor.number))
      return awaitConnection(context, call, descriptor, 'brokered', -EALREADY);
    call.end(-EALREADY, 'brokered');
    return false;
  }
  if (address.kind === 'unspec') {
    // Without a connection to dissolve, this clears the pending error and leaves the socket as new.
    const closed = state === TCP_STATE.CLOSE;
    // protects: G3 a socket of the host's keeps its peer => call.end(connectAtOnce(fd, raw), 'own');
    call.end(
      closed ? dissolve(context.services, fd, () => connectAtOnce(fd, raw)) : -EISCONN,
      closed ? 'own' : 'brokered',
    );
    return false;
  }
  const settled = dissolve(context.services, fd, () => settleConnect(fd));
  if (settled !== -EINVAL || state !== TCP_STATE.CLOSE) {
    call.end(settled === -EINVAL ? -EISCONN : settled, 'brokered');
  } else {
    const misfit = misfitOf(address, domain, raw.length);
    const { policy } = context.plugin;
    if (
      misfit === undefined &&
      address.kind === 'inet' &&
      !staysInside(policy, address.address, address.port)
    )
      return brokerConnection(context, call, socket, address);
    if (misfit === undefined) refuseForeign(context, call, address);
    else call.end(misfit, 'error');
  }
  return false;
}

/** The kernel's answer to an address of another family. The kernel checks the length first. */
function misfitOf(address: TrappedAddress, domain: number, length: number): number | undefined {
  if (length < (domain === AF_INET ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES)) return -EINVAL;
  return address.kind === 'inet' && address.family === domain ? undefined : -EAFNOSUPPORT;
}

// A blocking connect(2) on a socket that is connecting already. The call waits as it would in the kernel.

/**
 * Ends the call when the socket is connected or has failed, when SO_SNDTIMEO is over, or when the caller has a signal to handle.
 *
 * @param descriptor a duplicate of the plugin's socket; closed here at the end if true is returned
 * @param underWay what the call returns when SO_SNDTIMEO is over: -EINPROGRESS if it began the attempt, else -EALREADY
 * @returns whether the call waits
 */
function awaitConnection(
  { services, plugin: { stall }, waiting, writable }: TrapContext,
  call: TrappedCall,
  descriptor: OwnedFd,
  answer: TrapAnswer,
  underWay: number,
): boolean {
  const conclude = (): number =>
    dissolve(services, descriptor.number, () => concludeConnect(descriptor.number));
  if (writableNow(descriptor.number)) {
    call.end(conclude(), answer);
    return false;
  }
  const limit = sendTimeout(descriptor.number);
  const timer = limit > 0 ? setTimeout(() => finish(() => underWay), limit) : undefined;
  const finish = (result: () => number): void =>
    services.guard.watch(stall, () => {
      clearTimeout(timer);
      waiting.remove(call);
      writable.forget(descriptor);
      call.end(result(), answer);
      descriptor.close();
    });
  writable.add(descriptor, () => finish(conclude));
  waiting.add(call, (why) => finish(() => (why === 'gone' ? underWay : interruptedResult(why, limit > 0))));
  return true;
}

// connect(2) on a UDP or ICMP socket: inside the sandbox it is done, to the outside it is refused.

/**
 * getaddrinfo(3) connects like this to each address of a name, and sends nothing: it sorts them by the source address that it gets. So an address
 * that the sandbox's DNS gave is refused without a word.
 */
export function connectDatagram(
  context: TrapContext,
  call: TrappedCall,
  { descriptor, own }: TrappedSocket,
  raw: Uint8Array,
): void {
  const address = readSockaddr(raw);
  const outside =
    /* protects: G3 UDP to the outside is refused => false */ address.kind === 'inet' &&
    !isSandboxAddress(address.address);
  if (own && !outside) {
    const result = connectAtOnce(descriptor.number, raw);
    if (result === 0 && address.kind === 'inet' && address.port === DNS_PORT)
      noteAsker(context, call, descriptor, 'udp');
    call.end(result, 'own');
    return;
  }
  if (!own) refuseForeign(context, call, address);
  else {
    if (!isProbe(context, address))
      context.refusals.note('datagram', 'connect', address, () => context.origins.of(call.tid));
    call.end(-EACCES, 'refused');
  }
}

function isProbe({ grants }: TrapContext, address: TrappedAddress): boolean {
  return (
    address.kind === 'inet' &&
    (grants.use(address.address.text) ?? grants.standIns.nameOf(address.address)) !== undefined
  );
}

// Remembers which process a DNS question will come from.

/** The port of a sandbox's DNS, on its own loopback. */
const DNS_PORT = 53;

/** @param descriptor a duplicate of the caller's socket, which has a port by now */
export function noteAsker(
  { askers, origins }: TrapContext,
  call: TrappedCall,
  descriptor: OwnedFd,
  transport: Transport,
): void {
  const port = boundAddress(descriptor.number)?.port;
  if (port !== undefined) askers.note(transport, port, origins.of(call.tid));
}
