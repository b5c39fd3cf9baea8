// The trapped calls, in one table, and the path that the calls about a socket take: take the descriptor, copy the memory that the call passes, find out
// whose socket it is, then act on the duplicate or put another socket in its place. Runs in the broker. The kernel never executes a connect, bind or listen of an inet
// socket as the plugin wrote it: between check and execution another thread could swap address or descriptor.
import { constants } from 'node:os';
import { LAYOUT } from '../../shared/sys/layout.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Notification } from '../../shared/sys/seccomp-notify.js';
import { AF_INET, AF_INET6, AF_UNIX } from '../../shared/sys/sockaddr.js';
import { bindTo, isListening, listenOn } from '../../shared/sys/socket.js';
import { identifySocket, tcpState } from '../../shared/sys/socket-state.js';
import type { ModeCall, TrapCall } from '../../shared/trap-calls.js';
import {
  type PassedMemory,
  passedAddress,
  passedOption,
  passedRequest,
  readSockaddr,
  SOCKADDR_IN_BYTES,
  SOCKADDR_IN6_BYTES,
} from '../caller/caller-memory.js';
import { type Reached, reachCaller } from '../caller/reach-caller.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import { refuseForeign, refuseFull } from './answers.js';
import { changeMode } from './change-mode.js';
import { closeTaken } from './close-taken.js';
import { connectDatagram, connectStream, noteAsker } from './inet-sockets.js';
import { answerInterfaces, answerQueueRead, bindNetlink, setLinger, setsLinger } from './rare-answers.js';
import type { TrapContext, TrappedSocket } from './trap-context.js';
import { answerPair, connectNoticeSocket, connectUnix, giveNoticeSocket } from './unix-sockets.js';

const { EINVAL, EACCES, EAFNOSUPPORT, ENOTSOCK, ENOTTY } = constants.errno;
const AF_NETLINK = 16;

/** A call that is about a socket of the caller. */
interface SocketCall {
  /** Whether the kernel may execute it, whatever the caller changes meanwhile. */
  readonly proceeds?: (context: TrapContext, call: TrappedCall) => boolean;
  /** Where the memory lies that it passes. Missing: it passes none. */
  readonly passed?: (notification: Notification) => PassedMemory;
  /** Whether it may wait, with a duplicate of its socket here. */
  readonly mayWait?: boolean;
  /** Its errno for a descriptor that is no socket. Missing: the kernel's. */
  readonly noSocket?: number;
  /**
   * Ends the call, now or when its connection is there.
   *
   * @param memory a copy, as long as the call says; of an option's value at most 8 bytes
   * @returns whether the descriptor is still needed, and closed later
   */
  readonly handle: (
    context: TrapContext,
    call: TrappedCall,
    socket: TrappedSocket,
    memory: Uint8Array,
  ) => boolean;
}

/** A call that is about no socket. */
interface OtherCall {
  /** Ends the call, now or later. */
  readonly begin: (context: TrapContext, call: TrappedCall) => void;
}

const changesMode = (name: ModeCall): OtherCall => ({
  begin: (context, call) => changeMode(context, call, name),
});

/** Of a call that ends at once. */
const atOnce =
  (end: (...parts: Parameters<SocketCall['handle']>) => void): SocketCall['handle'] =>
  (...parts) => {
    end(...parts);
    return false;
  };
const readsQueue: SocketCall = { handle: atOnce((_, call, socket) => answerQueueRead(call, socket)) };

const CALLS: Readonly<Record<TrapCall, SocketCall | OtherCall>> = {
  connect: { passed: passedAddress, mayWait: true, handle: connect },
  bind: { passed: passedAddress, handle: atOnce(bind) },
  listen: { mayWait: true, handle: listen },
  setsockopt: { proceeds: setsOther, passed: passedOption, handle: atOnce(setLinger) },
  ioctl: { passed: passedRequest, noSocket: -ENOTTY, handle: atOnce(answerInterfaces) },
  chmod: changesMode('chmod'),
  fchmod: changesMode('fchmod'),
  fchmodat: changesMode('fchmodat'),
  fchmodat2: changesMode('fchmodat2'),
  recvfrom: readsQueue,
  recvmsg: readsQueue,
  recvmmsg: readsQueue,
  socketpair: { begin: (context, call) => void answerPair(context, call) },
  socket: {
    // protects: G4 notify: the kernel makes no datagram socket for a plugin => begin: (_, call) => call.proceed()
    begin: (context, call) => void giveNoticeSocket(context, call),
  },
};

/** Ends a call, now or when its connection is there. */
export function handleTrap(context: TrapContext, call: TrappedCall): void {
  const {
    services: { guard, slowLane },
    plugin: { stall, descriptors, closing },
  } = context;
  // test point: a trapped call begins => $&
  stall.caller = call.tid;
  const kind = CALLS[call.call];
  if ('begin' in kind) {
    kind.begin(context, call);
    return;
  }
  if (kind.proceeds?.(context, call) === true) {
    call.proceed();
    return;
  }
  const passed = kind.passed?.(call.notification);
  // protects: G8 what waits to be closed counts for its plugin's share
  if ((stall.slow || closing > 0) && !descriptors.hasRoom(1)) refuseFull(context, call);
  else if (!stall.slow)
    guard.watch(stall, () => act(context, call, kind, reachCaller(context.processes, call, passed)));
  else
    slowLane.reach(stall, call, passed).then(
      (reached) => guard.watch(stall, () => act(context, call, kind, reached)),
      // Without a descriptor for the alarm nothing could end a step that waits.
      () => refuseFull(context, call),
    );
}

function act(
  context: TrapContext,
  call: TrappedCall,
  kind: SocketCall,
  { descriptor, memory }: Reached,
): void {
  if (typeof descriptor === 'number') {
    call.end(descriptor, 'error');
    return;
  }
  const { descriptors } = context.plugin;
  descriptors.hold(descriptor);
  let kept = false;
  let domain: number | undefined;
  try {
    // If the call still waits now, descriptor and memory were the caller's own, and not those of a later thread with the same id.
    if (!call.stillWaits()) call.end(-EINVAL, 'error');
    else if (typeof memory === 'number') call.end(memory, 'error');
    // protects: G8 a call that waits counts for its share of descriptors
    else if (kind.mayWait === true && !descriptors.hasRoom(0)) refuseFull(context, call, memory);
    else {
      const socket = identify(context, descriptor);
      if (typeof socket === 'number')
        call.end(socket === -ENOTSOCK ? (kind.noSocket ?? socket) : socket, 'error');
      else {
        domain = socket.domain;
        kept = kind.handle(context, call, socket, memory);
      }
    }
  } finally {
    if (!kept) closeTaken(context, descriptor, domain);
  }
}

/** @returns minus errno if it is no socket */
function identify({ netns }: TrapContext, descriptor: OwnedFd): TrappedSocket | number {
  const identity = identifySocket(descriptor.number);
  if (typeof identity === 'number') return identity;
  return {
    descriptor,
    domain: identity.domain,
    own: /* protects: G5 whose socket it is, by its network namespace => true */ identity.netns === netns,
  };
}

/**
 * Two arguments name the option, and another filter permits those for every socket.
 *
 * @returns whether it is one that the broker does not judge
 */
function setsOther({ carryOver }: TrapContext, call: TrappedCall): boolean {
  const [, level, number] = call.notification.ints;
  // protects: G3 a rare option is read once a program has set it
  carryOver.note(level, number);
  return !setsLinger(call);
}

function connect(
  context: TrapContext,
  call: TrappedCall,
  socket: TrappedSocket,
  address: Uint8Array,
): boolean {
  const { descriptor, domain } = socket;
  // protects: G2 the kernel executes no AF_UNIX connect on the word of the plugin
  if (domain === AF_UNIX)
    return (
      !connectNoticeSocket(context, call, descriptor, address) && connectUnix(context, call, socket, address)
    );
  if (domain !== AF_INET && domain !== AF_INET6) {
    connectNetlink(context, call, socket, address);
    return false;
  }
  const state = tcpState(descriptor.number);
  if (state !== undefined) return connectStream(context, call, socket, address, state);
  connectDatagram(context, call, socket, address);
  return false;
}

function bind(context: TrapContext, call: TrappedCall, socket: TrappedSocket, address: Uint8Array): void {
  const { descriptor, domain, own } = socket;
  if (domain === AF_UNIX) letUnixBindGoOn(context, call, socket, address);
  // protects: G3 a socket of the host's is not bound
  else if (!own) refuseForeign(context, call, readSockaddr(address));
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

/** The broker's sandbox permits the lengths that the kernel reads, and no others. */
function bindInet(fd: number, domain: number, address: Uint8Array): number {
  const lengths =
    domain === AF_INET ? [SOCKADDR_IN_BYTES] : [LAYOUT['struct sockaddr_in6'].size, SOCKADDR_IN6_BYTES];
  const length = lengths.find((one) => address.length >= one);
  return length === undefined ? -EINVAL : bindTo(fd, address.subarray(0, length));
}

/**
 * A socket that already listens, for example an inherited one, may listen again. The clients of an AF_UNIX socket see the ids of the
 * process that made it listen.
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
      closeTaken(context, descriptor, domain);
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
