// The ordinary trapped connect(2), from top to bottom: a fresh TCP socket of the sandbox's own, to a destination that a rule allows and that was decided
// before, with nothing between broker and peer, and room in every limit. Runs in the broker, on the main thread.
//
// handle-trap.ts has taken the caller's socket and a copy of the address, and has seen that the call still waits and whose socket it is. Here nothing is
// decided anew, and nothing waits. What is not ordinary leaves before anything was done for it, and goes the general way (broker-connection.ts). A
// connection that is not there at once goes on there too, without a second dial.

import { constants } from 'node:os';
import { CONNECT_TIMEOUT_MS } from '../../shared/limits.js';
import type { Address } from '../../shared/policy/address.js';
import { isNonBlocking, makeBlocking } from '../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { isSameEndpoint } from '../../shared/sys/sockaddr.js';
import { type Dialer, peerOf, startConnect, tcpSocket } from '../../shared/sys/socket.js';
import { awaitPeersEnd } from '../../shared/sys/socket-state.js';
import type { Outcome } from '../../shared/words.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import type { Claim } from '../ledger/register.js';
import { RequestLife } from '../limit/request-life.js';
import type { Origin } from '../record/audit.js';
import { account, describeConnection } from '../request/account.js';
import { outcomeOf } from '../request/dial.js';
import type { Judgement } from '../request/judgement.js';
import { goOn } from './broker-connection.js';
import { dialState, placeHere } from './connect-and-place.js';
import type { TrapContext, TrappedSocket } from './trap-context.js';

const { ECONNABORTED, EINPROGRESS } = constants.errno;

/**
 * @param socket that has no connection
 * @param raw the call's address, copied
 * @returns whether the descriptor is still needed, and closed later; undefined: nothing was done for the call
 */
export function connectOrdinary(
  context: TrapContext,
  call: TrappedCall,
  { descriptor: original, domain }: TrappedSocket,
  raw: Uint8Array,
): boolean | undefined {
  const { services, plugin, origins, carryOver, remembered } = context;
  const { queue, connections, descriptors, stall } = plugin;

  // The verdict, and room for the connection.
  const askedAt = performance.now();
  const known = /* test point: every connect goes the general way => undefined */ remembered.find(
    raw,
    domain,
  );
  if (known === undefined || stall.slow || !queue.isFree || !descriptors.hasRoom(1)) return undefined;
  if (connections?.hasRoom !== true) return undefined;
  const claim = connections.claim();
  if (!claim.granted) return undefined;
  const { judgement, address, endpoint, family } = known;
  const startedAt = performance.now();
  services.metrics.observe('decisionDuration', {}, (startedAt - askedAt) / 1000);
  const attempt: OrdinaryConnect = {
    context,
    call,
    judgement,
    address,
    claim,
    startedAt,
    origin: origins.of(call.tid),
  };

  // The socket, with the options of the caller's.
  const socket = tcpSocket(family);
  if (typeof socket === 'number') return fail(attempt, socket);
  descriptors.hold(socket);
  awaitPeersEnd(socket.number);
  carryOver.carry(original.number, socket.number);

  // The connect.
  const dialer: Dialer = { own: undefined };
  const started = /* test point: an ordinary connect dials => $& */ startConnect(
    socket.number,
    endpoint,
    dialer,
  );
  if (started < 0 && started !== -EINPROGRESS) return fail(attempt, started, socket);
  const blocks = !isNonBlocking(original.number);
  const dial = blocks ? dialState(socket) : (peerOf(socket.number) ?? 'under_way');
  if (dial === 'under_way') {
    const life = new RequestLife(CONNECT_TIMEOUT_MS);
    goOn({ ...attempt, original, family, life, socket, own: dialer.own, blocks });
    return true;
  }
  if (typeof dial === 'number') return fail(attempt, dial, socket);

  // The peer.
  // protects: G6 an ordinary connect: the peer is compared before the hand-over
  if (!isSameEndpoint(dial, endpoint)) return fail(attempt, -ECONNABORTED, socket);

  // The connection is noted and counted before the program has it: a broker that dies in between leaves none that nobody knows.
  const description = describeConnection(services, judgement, attempt.origin, { dialed: address.text });
  // protects: G22 an ordinary connect is noted before the program has it
  if (dialer.own !== undefined) claim.hold(socket, dialer.own, endpoint, description);
  // test point: an ordinary connect is noted => $&
  if (blocks) makeBlocking(socket.number);
  services.audit.owe();

  // It takes the place of the caller's socket and its duplicates, the broker's own descriptor closes, and the call ends.
  const placed = placeHere(context, call.placement(socket), original);
  // test point: an ordinary connect is in place => $&
  socket.close();
  if (placed < 0) claim.withdraw();
  if (placed < 0) call.end(placed, 'error');
  else call.end(blocks ? 0 : -EINPROGRESS, 'brokered');
  // test point: an ordinary connect is answered => $&
  if (placed >= 0) plugin.metrics.count('socketsPassed', { door: 'trap' });
  return record(attempt, placed < 0 ? 'canceled' : 'connected', placed >= 0);
}

/** An ordinary connect that has begun. */
interface OrdinaryConnect {
  readonly context: TrapContext;
  readonly call: TrappedCall;
  readonly judgement: Judgement;
  readonly address: Address;
  readonly claim: Claim;
  readonly startedAt: number;
  readonly origin: Origin;
}

/** @param result minus errno */
function fail(attempt: OrdinaryConnect, result: number, socket?: OwnedFd): false {
  // Before the call ends, or the plugin's next one may find the slot taken.
  attempt.claim.withdraw();
  attempt.context.services.audit.owe();
  attempt.call.end(result, 'brokered');
  socket?.close();
  return record(attempt, outcomeOf(-result), false);
}

function record(
  { context: { services, plugin }, judgement, address, claim, startedAt, origin }: OrdinaryConnect,
  outcome: Outcome,
  placed: boolean,
): false {
  const connectMs = performance.now() - startedAt;
  const held = placed ? claim : undefined;
  account(
    services,
    plugin,
    judgement,
    { outcome, dialed: address.text, connectMs, isOwed: true, claim: held },
    origin,
  );
  plugin.queue.count();
  return false;
}
