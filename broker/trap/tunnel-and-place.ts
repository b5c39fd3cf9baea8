// Connects by a proxy for a trapped connect(2), and puts the tunnel's socket in the place of the plugin's own. Runs in the broker.
// - The plugin gets the socket after the handshake, never before. Through that socket it could ask the proxy for another destination.
// - A call on a non-blocking socket waits too: once connect(2) has returned, no other socket can take the place of the one that the
//   program watches, epoll(7). It waits for PROXY_PATIENCE_MS at most. Then it fails, and the next one goes on with the tunnel.
// - If another call ends early, the handshake ends with it, and the program keeps its own socket, which is not connected.
import { constants } from 'node:os';
import { PROXY_PATIENCE_MS } from '../../shared/limits.js';
import { isNonBlocking, makeBlocking } from '../../shared/sys/fcntl.js';
import { errnoNumber } from '../../shared/sys/libc.js';
import { isV6Only, sendTimeout } from '../../shared/sys/socket-state.js';
import type { Claim } from '../accounts/connection-places.js';
import { describeConnection, type Ending, proxyProblem } from '../request/account.js';
import type { SocketForm } from '../request/connect.js';
import {
  connectUpstream,
  type Passage,
  placeOf,
  proxyTargets,
  type Way,
} from '../request/connect-upstream.js';
import type { Judgement } from '../request/judgement.js';
import { proxyText } from '../upstream/upstream.js';
import { placeConnection, type Replaced } from './connect-and-place.js';
import type { Tunnel } from './late-tunnels.js';
import { type Interruption, interruptedResult } from './waiting-calls.js';

const { ECONNABORTED, EINPROGRESS, ETIMEDOUT } = constants.errno;

/** Ends the call. @param claim the connection's place, if the plugin's connections are noted */
export async function tunnelAndPlace(
  replaced: Replaced,
  judgement: Judgement,
  claim: Claim | undefined,
): Promise<Ending> {
  const { context, call, original, origin } = replaced;
  const { services, plugin, waiting, tunnels, carryOver } = context;
  const startedAt = performance.now();
  const waits = services.guard.watch(plugin.stall, () => waitOf(original.number));
  let interruption: Interruption | undefined;
  const { form, passage: asked, key } = wayOf(replaced, judgement);
  const tunnel = await tunnels.begin(key, async (life) =>
    connectUpstream(services, plugin, judgement, life, form),
  );
  waiting.add(call, (why) => {
    interruption = why;
    tunnel.life.end('canceled');
  });
  const way = await inTime(tunnel, waits);
  waiting.remove(call);
  if (way === 'late') {
    tunnels.keep(tunnel);
    services.audit.owe();
    claim?.release();
    call.end(-ETIMEDOUT, 'brokered');
    const problem = proxyProblem(judgement.decision, asked, { cause: LATE });
    const connectMs = performance.now() - startedAt;
    return { outcome: 'timeout', dialed: null, connectMs, passage: asked, problem, isOwed: true };
  }
  const { connection, passage } = way;
  const ending = {
    dialed: connection.address?.text ?? null,
    connectMs: performance.now() - startedAt,
    passage,
  };
  services.audit.owe();
  if (connection.outcome !== 'connected') {
    const { outcome, errno } = connection;
    claim?.release();
    const interrupted = interruption !== undefined && outcome === 'canceled';
    call.end(interrupted ? resultOf(interruption, waits.bySender) : -errnoNumber(errno), 'brokered');
    const problem = passage && proxyProblem(judgement.decision, passage, connection);
    return { ...ending, outcome, problem, isOwed: true };
  }
  const { socket, own, peer } = connection;
  try {
    claim?.hold(socket, own, peer, describeConnection(services, judgement, origin, ending));
    if (tunnel.wasLate)
      services.guard.watch(plugin.stall, () => carryOver.carry(original.number, socket.number));
    if (waits.blocks) makeBlocking(socket.number);
    const placed = await placeConnection(context, call, socket, waits.blocks ? 0 : -EINPROGRESS, original);
    if (!placed) claim?.withdraw();
    const place = placed ? claim : undefined;
    return { ...ending, outcome: placed ? 'connected' : 'canceled', isOwed: true, place };
  } finally {
    socket.close();
  }
}

const LATE =
  'the proxy gave no answer within a second; if it does soon, the next connect of the program gets the tunnel';

/** How long a call may wait, in milliseconds. 0: as long as the request. `bySender`: the program has set a time itself, SO_SNDTIMEO. */
interface Waits {
  readonly blocks: boolean;
  readonly limit: number;
  readonly bySender: boolean;
}

/** @returns `late` if a non-blocking call must wait no longer. A blocking one gives the tunnel up */
async function inTime({ way, life }: Tunnel, { blocks, limit }: Waits): Promise<Way | 'late'> {
  if (limit === 0) return way;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => {
      if (blocks) life.end('timeout');
      else resolve('late');
    }, limit);
  });
  const end = await Promise.race([way, late]);
  clearTimeout(timer);
  return end;
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

function resultOf(why: Interruption | undefined, bySender: boolean): number {
  return why === undefined || why === 'gone' ? -ECONNABORTED : interruptedResult(why, bySender);
}

/** The socket is of the family of the program's own where that can dial the proxy's address, and has its options. */
function wayOf(
  { context, original, family }: Replaced,
  judgement: Judgement,
): { readonly form: SocketForm; readonly passage: Passage; readonly key: string } {
  const { services, plugin, carryOver } = context;
  const { proxy } = plugin.upstream;
  const [target] = proxyTargets(plugin.upstream, judgement, () => services.host.context());
  if (proxy === undefined || target === undefined) throw new RangeError('No proxy leads there');
  const isDual = family === 6 && !services.guard.watch(plugin.stall, () => isV6Only(original.number));
  const passage = { via: proxyText(proxy), tunnel: placeOf(target) };
  const form: SocketForm = {
    familyFor: (address) => (isDual ? 6 : address.family),
    prepare: (socket) => {
      // A late tunnel outlives the call. The next one carries its own options.
      if (original.open)
        services.guard.watch(plugin.stall, () => carryOver.carry(original.number, socket.number));
      return 0;
    },
  };
  return { form, passage, key: `${passage.via} ${passage.tunnel} ${family} ${isDual}` };
}
