// Trapped calls on AF_UNIX sockets: connect(2), and the pairs and notify sockets that stand in for datagram sockets. Runs in the broker. Before
// Linux 7.1 no AF_UNIX datagram socket can be left to the plugin: sendmsg(2) could send from it to any path, and no filter sees the path.

import { fstatSync } from 'node:fs';
import { constants } from 'node:os';
import { CONNECT_TIMEOUT_MS } from '../../shared/limits.js';
import { decideUnix } from '../../shared/policy/decide-unix.js';
import type { Policy } from '../../shared/policy/policy.js';
import { shortestPath } from '../../shared/policy/socket-path.js';
import { NOTIFY_PATH } from '../../shared/sandbox-places.js';
import type { UnixTarget } from '../../shared/sys/connect-inside.js';
import { isNonBlocking, setNonBlocking } from '../../shared/sys/fcntl.js';
import { LAYOUT } from '../../shared/sys/layout.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { AF_UNIX } from '../../shared/sys/sockaddr.js';
import {
  namedPair,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_SEQPACKET,
  SOCK_TYPE_MASK,
  shutDown,
  socketKind,
} from '../../shared/sys/socket.js';
import { sendTimeout } from '../../shared/sys/socket-state.js';
import { callerFolder, processInside } from '../caller/caller-processes.js';
import { installSocket } from '../caller/place-socket.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import { RequestLife } from '../limit/request-life.js';
import { connectHostSocket } from '../request/host-sockets.js';
import { refuseForeign, refuseFull, writeAnswer } from './answers.js';
import { carryUnixOptions } from './carry-over.js';
import { closeTaken } from './close-taken.js';
import { placeConnection } from './connect-and-place.js';
import type { TrapContext, TrappedSocket } from './trap-context.js';
import { type Interruption, interruptedResult } from './waiting-calls.js';

const { EACCES, EAGAIN, EINVAL, EPERM, EPROTONOSUPPORT } = constants.errno;

// connect(2) on an AF_UNIX socket of the plugin's. The kernel does not execute it as the plugin wrote it: between a look at the path and the
// call, another thread could swap the path, and a path can lead to any socket of the host.

/** Between two attempts at a listener whose backlog is full: no event tells when there is room. */
const RETRY_MS = { first: 2, last: 100 };

/** @returns whether the descriptor is still needed, and closed later */
export function connectUnix(
  context: TrapContext,
  call: TrappedCall,
  { descriptor, own }: TrappedSocket,
  address: Uint8Array,
): boolean {
  const {
    services: { guard },
    plugin: { stall },
    waiting,
  } = context;
  const target = unixTarget(call.tid, address);
  if (typeof target === 'number') {
    call.end(target, 'error');
    return false;
  }
  if (!own) {
    refuseForeign(context, call, undefined);
    return false;
  }
  // A rule opens a socket of the host that takes connections. Datagrams stay within the sandbox.
  const datagrams = socketKind(descriptor.number)?.type === SOCK_DGRAM;
  const path = target.kind === 'path' && !datagrams ? shortest(target.path) : undefined;
  if (path !== undefined && isOpened(context.plugin.policy, path)) {
    void placeHostSocket(context, call, descriptor, path);
    return true;
  }
  const blocking = !isNonBlocking(descriptor.number);
  const limit = blocking ? sendTimeout(descriptor.number) : 0;
  const giveUpAt = limit > 0 ? performance.now() + limit : Number.POSITIVE_INFINITY;
  let pause = RETRY_MS.first;
  let timer: NodeJS.Timeout | undefined;
  let over = false;
  /** While the supervisor works on the call, it keeps its place: a plugin could interrupt calls faster than they are carried out. */
  let asked = false;
  let interruption: Interruption | undefined;
  const finish = (result: number): void => {
    over = true;
    clearTimeout(timer);
    waiting.remove(call);
    call.end(result, result === -EACCES ? 'refused' : 'own');
    closeTaken(context, descriptor, AF_UNIX);
  };
  const interrupt = (why: Interruption): void =>
    finish(why === 'gone' ? -EAGAIN : interruptedResult(why, limit > 0));
  const attempt = (): void => {
    asked = true;
    call.begin();
    context.connectUnix(descriptor.number, target, settle);
  };
  const settle = (result: number | 'host'): void => {
    asked = false;
    if (over) return;
    if (interruption !== undefined && (result === 'host' || result === -EAGAIN)) interrupt(interruption);
    else if (result === 'host' && path !== undefined) {
      over = true;
      waiting.remove(call);
      // No rule opens it: this refuses and accounts.
      void placeHostSocket(context, call, descriptor, path);
    } else if (result === 'host') finish(-EACCES);
    else if (result !== -EAGAIN || !blocking || performance.now() >= giveUpAt) finish(result);
    else {
      call.begin(false);
      timer = setTimeout(() => guard.watch(stall, attempt), Math.min(pause, giveUpAt - performance.now()));
      pause = Math.min(2 * pause, RETRY_MS.last);
    }
  };
  attempt();
  if (over) return true;
  waiting.add(call, (why) => {
    interruption = why;
    if (!over && !asked) guard.watch(stall, () => interrupt(why));
  });
  return true;
}

/** Whether a rule opens this very path, so that the host's socket is meant. */
function isOpened(policy: Policy | undefined, path: string | Uint8Array): boolean {
  return policy !== undefined && decideUnix(policy, path).decision === 'allow';
}

/** The path in its shortest form, as rules write it, or its bytes if they are no UTF-8. */
function shortest(path: Uint8Array): string | Uint8Array {
  try {
    return shortestPath(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(path));
  } catch {
    return path;
  }
}

// Reads the struct sockaddr_un of a trapped connect, unix(7). The bytes are hostile, and a copy.

const UN = LAYOUT['struct sockaddr_un'];
const SLASH = 0x2f;

/**
 * @param tid of the caller, whose call still waits
 * @param address as many bytes as the call says, 2 at least
 * @returns the target, or minus errno
 */
function unixTarget(tid: number, address: Uint8Array): UnixTarget | number {
  if (address[0] !== AF_UNIX || address[1] !== 0) return -EINVAL;
  if (address.length <= UN.sun_path || address.length > UN.size) return -EINVAL;
  const name = address.subarray(UN.sun_path);
  if (name[0] === 0) return { kind: 'abstract', address };
  const end = name.indexOf(0);
  const path = end < 0 ? name : name.subarray(0, end);
  const self = processInside(tid);
  if (path[0] === SLASH) return { kind: 'path', path, self };
  const folder = callerFolder(tid);
  if (folder === undefined) return -EACCES;
  return { kind: 'path', path: Buffer.concat([folder, Buffer.from('/'), path]), self };
}

// A trapped connect(2) to a socket of the host: a rule decides, the broker connects a socket of its own, and that takes the place of the
// plugin's.

/**
 * Ends the call. Never rejects.
 *
 * @param original a duplicate of the plugin's socket, closed here
 * @param path absolute, as the plugin wrote it
 */
async function placeHostSocket(
  context: TrapContext,
  call: TrappedCall,
  original: OwnedFd,
  path: string | Uint8Array,
): Promise<void> {
  const { services, plugin, origins, waiting } = context;
  const life = new RequestLife(CONNECT_TIMEOUT_MS);
  const origin = origins.of(call.tid);
  const blocking = !isNonBlocking(original.number);
  const limited = blocking && sendTimeout(original.number) > 0;
  const type = socketKind(original.number)?.type === SOCK_SEQPACKET ? 'seqpacket' : 'stream';
  waiting.add(call, (why) => {
    call.end(interruptedResult(why, limited), 'error');
    life.end('canceled');
  });
  const made = await connectHostSocket(services, plugin, { path, type, origin, life });
  waiting.remove(call);
  if (typeof made === 'number') {
    const refused = made === -EACCES || made === -EAGAIN;
    call.end(made, refused ? 'refused' : 'brokered');
  } else {
    carryUnixOptions(original.number, made.number);
    if (blocking) setNonBlocking(made.number, false);
    await placeConnection(context, call, made, 0);
    made.close();
  }
  closeTaken(context, original, AF_UNIX);
}

// A trapped socketpair(2) of AF_UNIX datagram sockets. From one of them sendmsg(2) could send to any path, and no filter sees it. The caller gets a
// pair of packet sockets, where the kernel ignores an address: they keep the bounds of messages too. Runs in the broker, which makes the pair
// and puts it into the caller's table. The supervisor writes the two numbers into the caller's memory.

const PF_UNIX = 1;
const numbers = (one: number, other: number): Uint8Array => new Uint8Array(Int32Array.of(one, other).buffer);
const NO_NUMBERS = numbers(-1, -1);

/** Ends the call. Never rejects. */
export async function answerPair(context: TrapContext, call: TrappedCall): Promise<void> {
  const [, type, protocol] = call.notification.ints;
  const flags = type & ~SOCK_TYPE_MASK;
  if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) !== 0) endWith(call, -EINVAL);
  else if (protocol !== 0 && protocol !== PF_UNIX) endWith(call, -EPROTONOSUPPORT);
  else {
    // First, so that a pointer to no memory leaves no socket behind.
    const unwritable = /* protects: G14 a pair for a pointer to no memory is not made => 0 */ await written(
      context,
      call,
      NO_NUMBERS,
    );
    if (unwritable !== 0) endWith(call, unwritable);
    else if (!context.plugin.descriptors.hasRoom(1)) refuseFull(context, call);
    else await givePair(context, call, flags);
  }
}

async function givePair(context: TrapContext, call: TrappedCall, flags: number): Promise<void> {
  const pair = namedPair((flags & SOCK_NONBLOCK) !== 0);
  if (typeof pair === 'number') {
    endWith(call, pair);
    return;
  }
  for (const end of pair) context.plugin.descriptors.hold(end);
  const result = await install(context, call, pair, (flags & SOCK_CLOEXEC) !== 0);
  // The first may be in the caller's table already, and nothing can take it out. The program does not know its number: it is dead.
  if (result !== 0)
    // protects: G14 a socket of a pair that the caller does not learn of is dead
    shutDown(pair[0].number);
  // Before the program goes on: it may close an end at once, and send to the other.
  for (const end of pair) end.close();
  endWith(call, result);
}

/** @returns 0, or minus errno */
async function install(
  context: TrapContext,
  call: TrappedCall,
  [one, other]: readonly [OwnedFd, OwnedFd],
  closesOnExec: boolean,
): Promise<number> {
  const first = await installed(context, call, one, closesOnExec, false);
  if (first < 0) return first;
  const second = await installed(context, call, other, closesOnExec, false);
  return second < 0 ? second : written(context, call, numbers(first, second));
}

/** @param ends whether the call returns the number and has ended then @returns the number, or minus errno */
async function installed(
  { services: { guard, slowLane }, plugin: { stall } }: TrapContext,
  call: TrappedCall,
  socket: OwnedFd,
  closesOnExec: boolean,
  ends: boolean,
): Promise<number> {
  if (!call.stillWaits()) return -EINVAL;
  const installation = call.installation(socket, closesOnExec, ends);
  stall.caller = call.tid;
  // test point: the main thread puts sockets into tables
  if (!stall.slow) return guard.watch(stall, () => installSocket(installation));
  // Without a descriptor for the alarm nothing could end a step that waits.
  return slowLane.install(stall, installation).catch(() => -EAGAIN);
}

function written(context: TrapContext, call: TrappedCall, answer: Uint8Array): Promise<number> {
  return new Promise((resolve) => writeAnswer(context, call, answer, resolve));
}

function endWith(call: TrappedCall, result: number): void {
  call.end(result, result === 0 ? 'own' : result === -EPERM ? 'refused' : 'error');
}

// A trapped socket(2) of an AF_UNIX datagram socket, where the plugin says itself when it is ready (`ready: {notify: true}`). The kernel does not
// execute it: sendmsg(2) could send from such a socket to any path. The caller gets one end of a pair of packet sockets, on which the kernel ignores an
// address. At the other end a process of the sandbox reads.

/** Ends the call. Never rejects. */
export async function giveNoticeSocket(context: TrapContext, call: TrappedCall): Promise<void> {
  const [, type, protocol] = call.notification.ints;
  const flags = type & ~SOCK_TYPE_MASK;
  if (context.noticeSocket === undefined) call.end(-EPERM, 'refused');
  else if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) !== 0) call.end(-EINVAL, 'error');
  else if (protocol !== 0 && protocol !== PF_UNIX) call.end(-EPROTONOSUPPORT, 'error');
  else {
    // SOCK_NONBLOCK is left out: the mode would be that of every such socket of the sandbox, since all are one open file description.
    const result = await installed(context, call, context.noticeSocket, (flags & SOCK_CLOEXEC) !== 0, true);
    if (result < 0) call.end(result, 'error');
    else call.gotDescriptor();
  }
}

// connect(2) on the notify socket, as clients of sd_notify(3) call it before they send. The socket has its peer already, so nothing is connected.

/**
 * Ends the call if it is about the notify socket.
 *
 * @param descriptor a duplicate of the caller's AF_UNIX socket
 * @param address as the call passed it, copied
 * @returns whether the call was about it
 */
export function connectNoticeSocket(
  { noticeSocket }: TrapContext,
  call: TrappedCall,
  descriptor: OwnedFd,
  address: Uint8Array,
): boolean {
  if (noticeSocket === undefined || !isSame(noticeSocket, descriptor)) return false;
  if (address[0] !== AF_UNIX || address[1] !== 0 || address.length > UN.size) call.end(-EINVAL, 'error');
  else if (
    /* protects: G4 notify: connect(2) of the socket works to its own path alone => true */ namesNoticeSocket(
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

function namesNoticeSocket(address: Uint8Array): boolean {
  const name = Buffer.from(address.subarray(UN.sun_path));
  const end = name.indexOf(0);
  return name.subarray(0, end < 0 ? name.length : end).equals(Buffer.from(NOTIFY_PATH));
}
