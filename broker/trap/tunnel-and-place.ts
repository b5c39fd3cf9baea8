// Connects by a proxy for a trapped connect(2), and puts the tunnel's socket in the place of the plugin's own. Runs in the broker.
// - The plugin gets the socket after the handshake, never before. Through that socket it could ask the proxy for another destination.
// - A call on a non-blocking socket waits too: once connect(2) has returned, no other socket can take the place of the one that the
//   program watches, epoll(7). It waits for PROXY_PATIENCE_MS at most, since its program serves nobody else meanwhile.
// - If a call ends early, the handshake ends with it, and the program keeps its own socket, which is not connected.
import { constants } from 'node:os';

import { isNonBlocking, makeBlocking } from '../../shared/sys/fcntl.js';
import { errnoNumber } from '../../shared/sys/libc.js';
import { isV6Only, sendTimeout } from '../../shared/sys/socket-state.js';
import type { Claim } from '../ledger/register.js';
import { describeConnection, type Ending, proxyProblem } from '../request/account.js';
import { connectUpstream } from '../request/connect-upstream.js';
import type { SocketForm } from '../request/dial.js';
import type { Judgement } from '../request/judgement.js';
import { placeConnection, type Replaced } from './connect-and-place.js';
import { type Interruption, interruptedResult } from './waiting-calls.js';

/** How long connect(2) of a non-blocking socket waits for a proxy: its program serves nobody else meanwhile. */
const PROXY_PATIENCE_MS = 5_000;

const { EINPROGRESS } = constants.errno;

/** Ends the call. @param claim the connection's slot, if the plugin's connections are noted */
export async function tunnelAndPlace(
  replaced: Replaced,
  judgement: Judgement,
  claim: Claim | undefined,
): Promise<Ending> {
  const { context, call, original, origin, life } = replaced;
  const { services, plugin, waiting } = context;
  const startedAt = performance.now();
  const { blocks, limit, bySender } = services.guard.watch(plugin.stall, () => waitOf(original.number));
  let interruption: Interruption | undefined;
  waiting.add(call, (why) => {
    interruption = why;
    life.end('canceled');
  });
  const timer = limit > 0 ? setTimeout(() => life.end('timeout'), limit) : undefined;
  const form = formOf(replaced);
  const { connection, passage, tunnelled } = await connectUpstream(services, plugin, judgement, life, form);
  clearTimeout(timer);
  waiting.remove(call);
  const ending = {
    dialed: connection.address?.text ?? null,
    connectMs: performance.now() - startedAt,
    passage,
  };
  services.audit.owe();
  if (connection.outcome !== 'connected') {
    const { outcome, errno } = connection;
    claim?.release();
    const interrupted = outcome === 'canceled' ? interruption : undefined;
    call.end(interrupted ? interruptedResult(interrupted, bySender) : -errnoNumber(errno), 'brokered');
    const problem = passage && proxyProblem(judgement.decision, passage, connection);
    return { ...ending, outcome, problem, isOwed: true };
  }
  const { socket, own, peer } = connection;
  try {
    claim?.hold(socket, own, peer, describeConnection(services, judgement, origin, { ...ending, tunnelled }));
    if (blocks) makeBlocking(socket.number);
    const placed = await placeConnection(context, call, socket, blocks ? 0 : -EINPROGRESS, original);
    if (!placed) claim?.withdraw();
    const held = placed ? claim : undefined;
    return { ...ending, outcome: placed ? 'connected' : 'canceled', isOwed: true, claim: held };
  } finally {
    socket.close();
  }
}

/** How long a call may wait, in milliseconds. 0: as long as the request. `bySender`: the program has set a time itself, SO_SNDTIMEO. */
interface Waits {
  readonly blocks: boolean;
  readonly limit: number;
  readonly bySender: boolean;
}

function waitOf(fd: number): Waits {
  if (isNonBlocking(fd))
    return {
      blocks: false,
      limit:
        /* protects: G6 an event loop does not wait for a proxy's answer for long => 0 */ PROXY_PATIENCE_MS,
      bySender: false,
    };
  const limit = sendTimeout(fd);
  return { blocks: true, limit, bySender: limit > 0 };
}

/** The socket is of the family of the program's own where that can dial the proxy's address, and has its options. */
function formOf({ context, original, family }: Replaced): SocketForm {
  const { services, plugin, carryOver } = context;
  const isDual = family === 6 && !services.guard.watch(plugin.stall, () => isV6Only(original.number));
  return {
    familyFor: (address) => (isDual ? 6 : address.family),
    prepare: (socket) => {
      services.guard.watch(plugin.stall, () => carryOver.carry(original.number, socket.number));
      return 0;
    },
  };
}
