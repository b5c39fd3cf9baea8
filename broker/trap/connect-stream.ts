// connect(2) on a TCP socket. A socket in use gets the kernel's own answer. A connect to the sandbox's loopback happens on the socket itself.
// For every other one the broker puts its connection in the socket's place. Runs in the broker.
import { constants } from 'node:os';
import { isLoopbackAddress } from '../../shared/policy/sandbox-address.js';
import { staysInside } from '../../shared/policy/stays-inside.js';
import { isNonBlocking } from '../../shared/sys/fcntl.js';
import { AF_INET } from '../../shared/sys/sockaddr.js';
import {
  connectAtOnce,
  settleConnect,
  startConnectNeverWaiting,
  TCP_STATE,
  tcpState,
} from '../../shared/sys/socket-state.js';
import {
  readSockaddr,
  SOCKADDR_IN_BYTES,
  SOCKADDR_IN6_BYTES,
  type TrappedAddress,
} from '../caller/read-sockaddr.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import { awaitConnection } from './await-connection.js';
import { brokerConnection } from './broker-connection.js';
import { dissolve } from './dissolved-connections.js';
import { DNS_PORT, noteAsker } from './note-asker.js';
import { refuseForeign } from './refuse-foreign.js';
import type { TrapContext } from './trap-context.js';
import type { TrappedSocket } from './trapped-socket.js';

const { EAFNOSUPPORT, EALREADY, EINPROGRESS, EINVAL, EISCONN } = constants.errno;

type InetAddress = Extract<TrappedAddress, { kind: 'inet' }>;

/** @returns whether the descriptor is kept while the call waits */
export function connectStream(
  context: TrapContext,
  call: TrappedCall,
  socket: TrappedSocket,
  raw: Uint8Array,
  state: number,
): boolean {
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
