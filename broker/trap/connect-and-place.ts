// Dials for a trapped connect(2), and puts the connection in the place of the plugin's own socket. Runs in the broker.
// - A non-blocking socket is placed while it connects.
// - A blocking one is placed once it is connected, and after its peer was compared.
// - If the call is interrupted, the socket is placed as it is then, as the kernel would leave it.
import { constants } from 'node:os';
import type { Address } from '../../shared/policy/address.js';
import type { Outcome } from '../../shared/reasons.js';
import { isNonBlocking, makeBlocking } from '../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { type Endpoint, isSameEndpoint } from '../../shared/sys/sockaddr.js';
import { startConnect, tcpSocket } from '../../shared/sys/socket.js';
import { isV6Only, sendTimeout } from '../../shared/sys/socket-state.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import type { Claim } from '../limit/open-connections.js';
import type { RequestLife } from '../limit/request-life.js';
import { type Ending, unwatched } from '../request/account.js';
import { outcomeOf } from '../request/connect-outcome.js';
import { awaitDial, type Dial, type DialInterruption, dialState, endpointOf, goesElsewhere } from './dial.js';
import { placeConnection } from './place-connection.js';
import { SettlingConnect } from './settling-connect.js';
import type { TrapContext } from './trap-context.js';
import { interruptedResult } from './waiting-calls.js';

const { EINPROGRESS, ECONNABORTED, ENETUNREACH } = constants.errno;

/** The call, and the socket whose place a connection takes. */
export interface Replaced {
  readonly context: TrapContext;
  readonly call: TrappedCall;
  /** A duplicate of the plugin's own socket. */
  readonly original: OwnedFd;
  /** Of that socket. */
  readonly family: 4 | 6;
  readonly life: RequestLife;
}

/**
 * Ends the call.
 *
 * @param claim the connection's place, if the plugin's connections are limited
 * @returns how the connect ended, or the object that will say so
 */
export async function connectAndPlace(
  replaced: Replaced,
  address: Address,
  port: number,
  claim: Claim | undefined,
): Promise<Ending | SettlingConnect> {
  const { context, call, original, family, life } = replaced;
  const { audit, guard } = context.services;
  const startedAt = performance.now();
  let isOwed = false;
  const endingOf = (outcome: Outcome): Ending => {
    return { outcome, dialed: address.text, connectMs: performance.now() - startedAt, isOwed };
  };
  const owe = (): void => {
    audit.owe();
    isOwed = true;
  };
  const fail = (result: number): Ending => {
    // Before the call ends, or the plugin's next one may find the place taken.
    claim?.release();
    owe();
    call.end(result, 'brokered');
    return endingOf(outcomeOf(-result));
  };
  const socket = tcpSocket(family);
  if (typeof socket === 'number') return fail(socket);
  context.plugin.descriptors.hold(socket);
  const endpoint = endpointOf(address, port, family);
  let settling: SettlingConnect | undefined;
  try {
    const begun = guard.watch(context.plugin.stall, () => beginDial(replaced, socket, address, endpoint));
    if (begun === 'non_blocking') {
      claim?.hold(socket, endpoint);
      settling = new SettlingConnect(context, socket, endingOf);
      owe();
      const placing = placeConnection(context, call, socket, -EINPROGRESS);
      if (placing instanceof Promise ? await placing : placing) return settling;
      settling.close();
      return endingOf('canceled');
    }
    const end =
      begun === 'under_way'
        ? await awaitDial(context, call, socket, sendTimeout(original.number), life)
        : begun;
    if (typeof end === 'number') return fail(end);
    claim?.hold(socket, endpoint);
    if (typeof end === 'string') {
      owe();
      const placed = await placeInterrupted(replaced, socket, end);
      return placed ? unwatched(endingOf('canceled')) : endingOf('canceled');
    }
    if (!isSameEndpoint(end, endpoint)) return fail(-ECONNABORTED);
    makeBlocking(socket.number);
    owe();
    const placing = placeConnection(context, call, socket, 0);
    return endingOf((placing instanceof Promise ? await placing : placing) ? 'connected' : 'canceled');
  } finally {
    if (settling === undefined) socket.close();
  }
}

/** Dials. `non_blocking`: the plugin gets the socket, whatever comes of the dial. Otherwise the call may have to wait. */
function beginDial(
  replaced: Replaced,
  socket: OwnedFd,
  address: Address,
  endpoint: Endpoint,
): Dial | 'non_blocking' {
  const { context, original, family } = replaced;
  if (family === 6 && address.family === 4 && isV6Only(original.number)) return -ENETUNREACH;
  context.carryOver.carry(original.number, socket.number, family);
  const started = startConnect(socket.number, endpoint);
  if (started < 0 && started !== -EINPROGRESS) return started;
  if (!isNonBlocking(original.number)) return dialState(socket);
  return goesElsewhere(socket, endpoint) ? -ECONNABORTED : 'non_blocking';
}

/**
 * The caller has a signal to handle, or its own time-out is over. It gets the socket, which still connects.
 *
 * @returns whether the plugin has it
 */
async function placeInterrupted(
  { context, call, original }: Replaced,
  socket: OwnedFd,
  why: DialInterruption,
): Promise<boolean> {
  if (why === 'gone') {
    call.end(-ECONNABORTED, 'error');
    return false;
  }
  const limited = sendTimeout(original.number) > 0;
  makeBlocking(socket.number);
  const result = why === 'timeout' ? -EINPROGRESS : interruptedResult(why, limited);
  return placeConnection(context, call, socket, result);
}
