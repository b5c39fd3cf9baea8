// A trapped socketpair(2) of AF_UNIX datagram sockets. From one of them sendmsg(2) could send to any path, and no filter sees it. The caller gets a
// pair of packet sockets, where the kernel ignores an address: they keep the bounds of messages too. Runs in the broker, which makes the pair
// and puts it into the caller's table. The supervisor writes the two numbers into the caller's memory.
import { constants } from 'node:os';
import { namedPair } from '../../shared/sys/named-pair.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { shutDown } from '../../shared/sys/socket.js';
import { SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_TYPE_MASK } from '../../shared/sys/socket-constants.js';
import { installSocket } from '../caller/install-socket.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import { refuseFull } from './refuse-full.js';
import type { TrapContext } from './trap-context.js';
import { writeAnswer } from './write-answer.js';

const { EAGAIN, EINVAL, EPERM, EPROTONOSUPPORT } = constants.errno;
const PF_UNIX = 1;
const numbers = (one: number, other: number): Uint8Array => new Uint8Array(Int32Array.of(one, other).buffer);
const NONE = numbers(-1, -1);

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
      NONE,
    );
    if (unwritable !== 0) endWith(call, unwritable);
    else if (!context.plugin.descriptors.hasRoom(1)) refuseFull(context, call, undefined);
    else await give(context, call, flags);
  }
}

async function give(context: TrapContext, call: TrappedCall, flags: number): Promise<void> {
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
  const first = await installed(context, call, one, closesOnExec);
  if (first < 0) return first;
  const second = await installed(context, call, other, closesOnExec);
  return second < 0 ? second : written(context, call, numbers(first, second));
}

async function installed(
  { services: { guard, slowLane }, plugin: { stall } }: TrapContext,
  call: TrappedCall,
  socket: OwnedFd,
  closesOnExec: boolean,
): Promise<number> {
  if (!call.stillWaits()) return -EINVAL;
  const installation = call.installation(socket, closesOnExec);
  stall.caller = call.tid;
  // test point: the main thread puts pairs into tables
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
