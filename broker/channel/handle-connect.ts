// The whole data path of a channel's `connect`, in order: decide, resolve, classify, connect, hand over, account.
// Runs in the broker on an owned request. It dials the decision's addresses, never the request's.
import { andThen, type NowOrLater } from '../../shared/now-or-later.js';
import type { ConnectRequest } from '../../shared/protocol/messages.js';
import type { Claim } from '../limit/open-connections.js';
import type { RequestLife } from '../limit/request-life.js';
import { account, type Ending } from '../request/account.js';
import { admitConnection } from '../request/admit-connection.js';
import { connect } from '../request/connect.js';
import { connectSocket } from '../request/connect-socket.js';
import { decideRequest } from '../request/decide-request.js';
import { earlyReply, outcomeReply, refusalReply } from '../request/failure-reply.js';
import type { Judgement } from '../request/judgement.js';
import type { Services } from '../request/services.js';
import { handOver } from './hand-over.js';
import type { Requester } from './requester.js';

/**
 * Serves one `connect`. Its turn in the queue ends when its socket has left. So a plugin that does not read its answers holds no more
 * sockets here than it may ask for at once.
 *
 * @param life ended early by `cancel`, by the end of the channel, or by the request's time limit
 */
export function handleConnect(
  services: Services,
  requester: Requester,
  request: ConnectRequest,
  life: RequestLife,
): NowOrLater<void> {
  if (life.ended !== undefined) {
    // Nothing was decided, so nothing is accounted.
    void requester.answer(earlyReply(request.id, request, life.ended));
    return undefined;
  }
  return andThen(decideRequest(services, requester.plugin, request, life), (judged) => {
    const { path } = judged.decision;
    return path === undefined
      ? connectToAddress(services, requester, request, judged, life)
      : connectToSocket(services, requester, request, judged, path, life);
  });
}

function connectToAddress(
  services: Services,
  requester: Requester,
  request: ConnectRequest,
  judged: Judgement,
  life: RequestLife,
): NowOrLater<void> {
  const { judgement, claim } = admitConnection(requester.plugin, judged);
  if (judgement.decision.decision === 'deny') {
    account(services, requester.plugin, judgement);
    void requester.answer(refusalReply(request.id, judgement));
    return undefined;
  }
  return andThen(connectAndHandOver(services, requester, request, judgement, life, claim), (ending) =>
    account(services, requester.plugin, judgement, ending),
  );
}

function connectAndHandOver(
  { audit }: Services,
  requester: Requester,
  request: ConnectRequest,
  { decision }: Judgement,
  life: RequestLife,
  claim: Claim | undefined,
): NowOrLater<Ending> {
  const start = life.ended === undefined ? performance.now() : undefined;
  const pending = connect(decision.dial, decision.port, life, requester.plugin.descriptors);
  return andThen(pending, (connection) => {
    const connectMs = start === undefined ? null : performance.now() - start;
    const dialed = connection.address?.text ?? null;
    if (connection.outcome === 'connected') {
      claim?.hold(connection.socket, { bytes: connection.address.bytes, port: decision.port });
      audit.owe();
      return andThen(handOver(requester, request.id, connection.socket), (left) => ({
        outcome: left ? ('connected' as const) : ('canceled' as const),
        dialed,
        connectMs,
        isOwed: true,
      }));
    }
    // Before the answer, or the plugin's next request may find the place taken.
    claim?.release();
    audit.owe();
    void requester.answer(outcomeReply(request.id, decision, connection.outcome, connection.errno));
    return { outcome: connection.outcome, dialed, connectMs, isOwed: true };
  });
}

/** For a permitted socket of the host. No limit counts its connections: the kernel does not report their end. */
async function connectToSocket(
  services: Services,
  requester: Requester,
  { id }: ConnectRequest,
  judgement: Judgement,
  path: string,
  life: RequestLife,
): Promise<void> {
  const { plugin } = requester;
  const made = await connectSocket(plugin, judgement, path, 'stream', life);
  switch (made.kind) {
    case 'denied':
      account(services, plugin, made.judgement);
      void requester.answer(refusalReply(id, made.judgement));
      return;
    case 'failed': {
      const { outcome, code, cause } = made.failure;
      account(services, plugin, judgement, made.ending);
      void requester.answer(outcomeReply(id, judgement.decision, outcome, code, cause));
      return;
    }
    case 'connected': {
      services.audit.owe();
      const left = await handOver(requester, id, made.socket);
      const ending = { ...made.ending, isOwed: true };
      account(services, plugin, judgement, left ? ending : { ...ending, outcome: 'canceled' });
    }
  }
}
