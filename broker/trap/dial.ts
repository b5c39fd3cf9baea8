// The progress of a dial for a trapped call: its peer, or why it failed. Runs in the broker.
import { constants } from 'node:os';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { type Endpoint, isSameEndpoint } from '../../shared/sys/sockaddr.js';
import { peerOf, writableNow } from '../../shared/sys/socket.js';
import { concludeConnect } from '../../shared/sys/socket-state.js';
import { Watch, WRITABLE } from '../../shared/sys/uv-poll.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import type { RequestLife } from '../limit/request-life.js';
import type { TrapContext } from './trap-context.js';
import type { Interruption } from './waiting-calls.js';

const { ECONNRESET, ETIMEDOUT } = constants.errno;

/** The state of a dial: its peer if connected, under way, or minus errno. */
export type Dial = Endpoint | 'under_way' | number;

/** Why a call ends before its connection is there. `timeout`: the caller's own is over. */
export type DialInterruption = Interruption | 'timeout';

/** @returns the state; an errno is returned once */
export function dialState(socket: OwnedFd): Dial {
  const peer = peerOf(socket.number);
  if (peer === undefined && !writableNow(socket.number)) return 'under_way';
  const result = concludeConnect(socket.number);
  if (result !== 0) return result;
  return peer ?? peerOf(socket.number) ?? -ECONNRESET;
}

/**
 * Whether a dial is known to go to another peer. While it is under way, getpeername(2) does not name its peer. sock_diag(7) would, but
 * not the same one: of a service that a BPF program balances (cgroup/connect4) it names the backend, and getpeername(2) the service.
 */
export function goesElsewhere(socket: OwnedFd, endpoint: Endpoint): boolean {
  const peer = peerOf(socket.number);
  // protects: G6 a non-blocking dial that ended at another peer is not handed over => return false;
  return peer !== undefined && !isSameEndpoint(peer, endpoint);
}

/**
 * Waits for a dial that is under way, at most until its request's time limit.
 *
 * @param limit the caller's own time-out in milliseconds, 0 for none
 * @returns an interruption if the call must end before the connection is there
 */
export function awaitDial(
  { waiting }: TrapContext,
  call: TrappedCall,
  socket: OwnedFd,
  limit: number,
  life: RequestLife,
): Promise<Exclude<Dial, 'under_way'> | DialInterruption> {
  return new Promise((resolve) => {
    const finish = (end: Exclude<Dial, 'under_way'> | DialInterruption): void => {
      clearTimeout(timer);
      waiting.remove(call);
      watch.close();
      resolve(end);
    };
    const watch = new Watch(socket.number, () => {
      const dial = dialState(socket);
      if (dial !== 'under_way') finish(dial);
    });
    const timer = limit > 0 ? setTimeout(() => finish('timeout'), limit) : undefined;
    watch.want(WRITABLE);
    waiting.add(call, finish);
    life.whenEnded(() => finish(-ETIMEDOUT));
  });
}
