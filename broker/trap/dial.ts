// How a connection that was begun for a trapped call goes on: to whom it is, or why it failed. Runs in the broker.
import { constants } from 'node:os';
import type { Address } from '../../shared/policy/address.js';
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

/** How a dial went on: connected to that peer, under way, or minus errno. */
export type Dial = Endpoint | 'under_way' | number;

/** Why a caller goes on before its connection is there; its own time-out is one of the reasons. */
export type DialInterruption = Interruption | 'timeout';

/** Whom a connecting socket is connected to, or with which errno it failed: told once. */
export function dialState(socket: OwnedFd): Dial {
  const peer = peerOf(socket.number);
  if (peer === undefined && !writableNow(socket.number)) return 'under_way';
  const result = concludeConnect(socket.number);
  if (result !== 0) return result;
  return peer ?? peerOf(socket.number) ?? -ECONNRESET;
}

/**
 * Whether a dial that was begun is known to be to another peer. One that is under way tells its peer to nobody: sock_diag(7) would,
 * but of a service that a BPF program balances (cgroup/connect4) it tells who serves, and getpeername(2) the service.
 */
export function goesElsewhere(socket: OwnedFd, endpoint: Endpoint): boolean {
  const peer = peerOf(socket.number);
  return peer !== undefined && !isSameEndpoint(peer, endpoint);
}

/**
 * Waits for a dial that is under way, and no longer than its request lives.
 *
 * @param limit milliseconds of the caller's own time-out, 0: none
 * @returns an interruption where the caller shall go on before the connection is there
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

/** @param family of the socket that dials: an IPv4 address is mapped for one of IPv6 */
export function endpointOf({ family, bytes }: Address, port: number, ofSocket: 4 | 6): Endpoint {
  if (ofSocket === family) return { bytes, port };
  const mapped = new Uint8Array(16);
  mapped.set([0xff, 0xff], 10);
  mapped.set(bytes, 12);
  return { bytes: mapped, port };
}
