// The whole path of a trapped call: take the descriptor, copy the address or the option, find out whose socket it is, then act on the duplicate or put
// another socket in its place. Runs in the broker. The kernel never executes a connect, bind or listen of an inet socket as the plugin
// wrote it: between check and execution another thread could swap address or descriptor.
import { constants } from 'node:os';
import { MODE_CALLS, QUEUE_CALLS } from '../../shared/reasons.js';
import { LAYOUT } from '../../shared/sys/layout.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { AF_INET, AF_INET6, AF_UNIX } from '../../shared/sys/sockaddr.js';
import { bindTo, isListening, listenOn } from '../../shared/sys/socket.js';
import { identifySocket, tcpState } from '../../shared/sys/socket-state.js';
import { readSockaddr, SOCKADDR_IN_BYTES, SOCKADDR_IN6_BYTES } from '../caller/caller-memory.js';
import { type Reached, reachCaller } from '../caller/reach-caller.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import { refuseForeign, refuseFull } from './answers.js';
import { changeMode } from './change-mode.js';
import { connectDatagram, connectStream, noteAsker } from './inet-sockets.js';
import { answerInterfaces, answerQueueRead, bindNetlink, setLinger, setsLinger } from './rare-answers.js';
import type { TrapContext, TrappedSocket } from './trap-context.js';
import { answerPair, connectNotifySocket, connectUnix, giveNotifySocket } from './unix-sockets.js';

const { EINVAL, EACCES, EAFNOSUPPORT, ENOTSOCK, ENOTTY } = constants.errno;
const AF_NETLINK = 16;

/** Ends a call, now or when its connection is there. */
export function handleTrap(context: TrapContext, call: TrappedCall): void {
  const {
    services: { guard, slowLane },
    plugin: { stall, descriptors },
  } = context;
  // test point: a trapped call begins => $&
  stall.caller = call.tid;
  const mode = MODE_CALLS.find((one) => one === call.call);
  if (mode !== undefined) {
    changeMode(context, call, mode);
    return;
  }
  if (call.call === 'setsockopt') {
    const [, level, number] = call.notification.ints;
    // protects: G3 a rare option is read once a program has set it
    context.carryOver.note(level, number);
    if (!setsLinger(call)) {
      // Both are arguments, and another filter permits them for every socket. So it does not matter what the caller changes meanwhile.
      call.proceed();
      return;
    }
  }
  if (call.call === 'socketpair') {
    void answerPair(context, call);
    return;
  }
  if (call.call === 'socket') {
    // protects: G4 notify: the kernel makes no datagram socket for a plugin => call.proceed();
    void giveNotifySocket(context, call);
    return;
  }
  if (!stall.slow) guard.watch(stall, () => act(context, call, reachCaller(context.processes, call)));
  else if (!descriptors.hasRoom(1)) refuseFull(context, call, undefined);
  else
    slowLane.reach(stall, call).then(
      (reached) => guard.watch(stall, () => act(context, call, reached)),
      // Without a descriptor for the alarm nothing could end a step that waits.
      () => refuseFull(context, call, undefined),
    );
}

function act(context: TrapContext, call: TrappedCall, { descriptor, address }: Reached): void {
  if (typeof descriptor === 'number') {
    call.end(descriptor, 'error');
    return;
  }
  const { descriptors } = context.plugin;
  descriptors.hold(descriptor);
  let kept = false;
  try {
    // If the call still waits now, descriptor and address were the caller's own, and not those of a later thread with the same id.
    if (!call.stillWaits()) call.end(-EINVAL, 'error');
    else if (typeof address === 'number') call.end(address, 'error');
    // The call may have to wait, with a duplicate here.
    // protects: G8 a call that waits counts for its share of descriptors
    else if (mayWait(call) && !descriptors.hasRoom(0)) refuseFull(context, call, address);
    else kept = handleSocket(context, call, descriptor, address);
  } finally {
    if (!kept) descriptor.close();
  }
}

function mayWait({ call }: TrappedCall): boolean {
  return call === 'connect' || call === 'listen';
}

/** @returns whether the descriptor is still needed, and closed later */
function handleSocket(
  context: TrapContext,
  call: TrappedCall,
  descriptor: OwnedFd,
  address: Uint8Array | undefined,
): boolean {
  const identity = identifySocket(descriptor.number);
  if (typeof identity === 'number') {
    call.end(call.call === 'ioctl' && identity === -ENOTSOCK ? -ENOTTY : identity, 'error');
    return false;
  }
  const { domain, netns } = identity;
  const socket: TrappedSocket = {
    descriptor,
    domain,
    own: /* protects: G5 whose socket it is, by its network namespace => true */ netns === context.netns,
  };
  if (QUEUE_CALLS.some((one) => one === call.call)) {
    answerQueueRead(call, socket);
    return false;
  }
  if (address === undefined) return listen(context, call, socket);
  if (call.call === 'setsockopt') {
    setLinger(context, call, socket, address);
    return false;
  }
  if (call.call === 'ioctl') {
    answerInterfaces(context, call, socket, address);
    return false;
  }
  // protects: G2 the kernel executes no AF_UNIX connect on the word of the plugin
  if (domain === AF_UNIX && call.call === 'connect') {
    if (connectNotifySocket(context, call, descriptor, address)) return false;
    return connectUnix(context, call, socket, address);
  }
  if (domain === AF_UNIX) {
    letUnixBindGoOn(context, call, socket, address);
    return false;
  }
  if (call.call === 'bind') {
    bind(context, call, socket, address);
    return false;
  }
  if (domain !== AF_INET && domain !== AF_INET6) {
    connectNetlink(context, call, socket, address);
    return false;
  }
  const state = tcpState(descriptor.number);
  if (state !== undefined) return connectStream(context, call, socket, address, state);
  connectDatagram(context, call, socket, address);
  return false;
}

function bind(
  context: TrapContext,
  call: TrappedCall,
  { descriptor, domain, own }: TrappedSocket,
  address: Uint8Array,
): void {
  // protects: G3 a socket of the host's is not bound
  if (!own) refuseForeign(context, call, readSockaddr(address));
  else if (domain === AF_INET || domain === AF_INET6 || domain === AF_NETLINK) {
    const result =
      domain === AF_NETLINK
        ? bindNetlink(descriptor.number, address, call.tid)
        : bindInet(descriptor.number, domain, address);
    // musl sends its DNS questions from a socket that is bound and never connected.
    if (result === 0 && domain !== AF_NETLINK && tcpState(descriptor.number) === undefined)
      noteAsker(context, call, descriptor, 'udp');
    call.end(result, 'own');
  } else call.end(-EAFNOSUPPORT, 'error');
}

/** The broker's cage permits the lengths that the kernel reads, and no others. */
function bindInet(fd: number, domain: number, address: Uint8Array): number {
  const lengths =
    domain === AF_INET ? [SOCKADDR_IN_BYTES] : [LAYOUT['struct sockaddr_in6'].size, SOCKADDR_IN6_BYTES];
  const length = lengths.find((one) => address.length >= one);
  return length === undefined ? -EINVAL : bindTo(fd, address.subarray(0, length));
}

/**
 * A socket that already listens, for example an inherited one, may listen again. The clients of an AF_UNIX socket see the ids of the
 * process that made it listen.
 *
 * @returns whether the descriptor is still needed, and closed later
 */
function listen(
  context: TrapContext,
  call: TrappedCall,
  { descriptor, domain, own }: TrappedSocket,
): boolean {
  const backlog = call.notification.ints[1];
  if (own && domain === AF_UNIX) {
    context.connectUnix(descriptor.number, { kind: 'listen', backlog }, (result) => {
      call.end(result === 'host' ? -EACCES : result, 'own');
      descriptor.close();
    });
    return true;
  }
  if (/* protects: G3 a socket of the host's does not listen => true */ own)
    call.end(listenOn(descriptor.number, backlog), 'own');
  else if (isListening(descriptor.number)) call.end(0, 'own');
  else refuseForeign(context, call, undefined);
  return false;
}

function connectNetlink(
  context: TrapContext,
  call: TrappedCall,
  { own }: TrappedSocket,
  address: Uint8Array,
): void {
  if (own) call.end(0, 'own');
  else refuseForeign(context, call, readSockaddr(address));
}

/**
 * The kernel executes the call: the broker would make the socket's file in its own root and with its own credentials. If another thread
 * swaps in an inet socket, Landlock denies the call.
 */
function letUnixBindGoOn(
  context: TrapContext,
  call: TrappedCall,
  { own }: TrappedSocket,
  address: Uint8Array,
): void {
  if (address[0] !== AF_UNIX || address[1] !== 0) call.end(-EINVAL, 'error');
  else if (!own) refuseForeign(context, call, undefined);
  else if (
    /* protects: G2 an AF_UNIX bind goes on only where Landlock denies TCP => true */ context.landlockDeniesTcp
  )
    call.proceed();
  else call.end(-EACCES, 'refused');
}
