// The whole data path of a channel's `connect`, in order: decide, resolve, classify, connect, hand over, account.
// Runs in the broker on an owned request. It dials the decision's addresses, never the request's.
import { andFinally, andThen, type NowOrLater } from '../../shared/now-or-later.js';
import type { ConnectRequest, ExplainRequest } from '../../shared/protocol/messages.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { askAbout } from '../approval/ask-about.js';
import type { AskTicket } from '../approval/plugin-asks.js';
import type { Claim } from '../ledger/register.js';
import type { RequestLife } from '../limit/request-life.js';
import { CHANNEL } from '../record/audit.js';
import {
  account,
  accountExplanation,
  accountLate,
  describeConnection,
  type Ending,
  earlyReply,
  limitReply,
  outcomeReply,
  proxyProblem,
  refusalReply,
} from '../request/account.js';
import { connectUpstream } from '../request/connect-upstream.js';
import { decideRequest } from '../request/decide-request.js';
import { connectSocket } from '../request/host-sockets.js';
import { admitConnection, type Judgement, refuseQueued } from '../request/judgement.js';
import type { Services } from '../request/plugin.js';
import type { ChannelClient } from './channel-client.js';

/**
 * Serves one `connect`. Its turn in the queue ends when its socket has left. So a plugin that does not read its answers holds no more
 * sockets here than it may ask for at once.
 *
 * @param life ended early by `cancel`, by the end of the channel, or by the request's time limit
 */
export function handleConnect(
  services: Services,
  client: ChannelClient,
  request: ConnectRequest,
  life: RequestLife,
): NowOrLater<void> {
  if (life.ended !== undefined) {
    accountLate(services, client.plugin, request, life);
    void client.answer(earlyReply(request.id, request, life.ended));
    return undefined;
  }
  return andThen(decideRequest(services, client.plugin, request, life), (judged) => {
    const { decision, policy } = judged;
    const refused = { decision, policy, door: 'channel', pid: null, program: null } as const;
    const asked = askAbout(client.plugin.asks, refused, () => services.host.context());
    if (asked !== undefined && 'outcome' in asked) {
      // It waits outside of the queue.
      void awaitAnswer(services, client, request, judged, life, asked);
      return undefined;
    }
    if (asked !== undefined)
      return connectToAddress(services, client, request, { ...judged, ...asked }, life);
    return decision.path === undefined
      ? connectToAddress(services, client, request, judged, life)
      : connectToSocket(services, client, request, judged, decision.path, life);
  });
}

/** A request with a time limit of its own has no more time for that. */
async function awaitAnswer(
  services: Services,
  client: ChannelClient,
  request: ConnectRequest,
  judged: Judgement,
  life: RequestLife,
  ticket: AskTicket,
): Promise<void> {
  const { plugin } = client;
  if (request.timeout_ms === undefined) life.hold();
  life.whenEnded((end) => {
    ticket.leave(end === 'timeout' ? 'gave_up' : 'gone');
    void client.answer(earlyReply(request.id, request, end));
  });
  const outcome = await ticket.outcome;
  life.settle();
  if (request.timeout_ms === undefined) life.resume();
  if (outcome.kind === 'ended') {
    void client.answer(earlyReply(request.id, request, 'canceled'));
    return;
  }
  if (outcome.kind === 'refused') {
    const judgement = { ...judged, answered: outcome.answered };
    account(services, plugin, judgement);
    void client.answer(refusalReply(request.id, judgement));
    return;
  }
  const refusal = plugin.queue.add(life, () => handleConnect(services, client, request, life));
  if (refusal === undefined) return;
  const judgement = refuseQueued(plugin, request, refusal);
  account(services, plugin, judgement);
  void client.answer(limitReply(request.id, judgement));
}

function connectToAddress(
  services: Services,
  client: ChannelClient,
  request: ConnectRequest,
  judged: Judgement,
  life: RequestLife,
): NowOrLater<void> {
  const { judgement, claim } = admitConnection(client.plugin, judged);
  if (judgement.decision.decision === 'deny') {
    account(services, client.plugin, judgement);
    void client.answer(refusalReply(request.id, judgement));
    return undefined;
  }
  return andThen(connectAndHandOver(services, client, request, judgement, life, claim), (ending) =>
    account(services, client.plugin, judgement, ending),
  );
}

function connectAndHandOver(
  services: Services,
  client: ChannelClient,
  request: ConnectRequest,
  judgement: Judgement,
  life: RequestLife,
  claim: Claim | undefined,
): NowOrLater<Ending> {
  const { audit } = services;
  const { decision } = judgement;
  const start = life.ended === undefined ? performance.now() : undefined;
  const pending = connectUpstream(services, client.plugin, judgement, life);
  return andThen(pending, ({ connection, passage, tunnelled }) => {
    const connectMs = start === undefined ? null : performance.now() - start;
    const dialed = connection.address?.text ?? null;
    if (connection.outcome === 'connected') {
      const { socket, own, peer } = connection;
      claim?.hold(socket, own, peer, describeConnection(services, judgement, CHANNEL, { dialed, tunnelled }));
      audit.owe();
      return andThen(handOver(client, request.id, socket), (left): Ending => {
        if (!left) claim?.withdraw();
        const held = left ? claim : undefined;
        return {
          outcome: left ? 'connected' : 'canceled',
          dialed,
          connectMs,
          passage,
          isOwed: true,
          claim: held,
        };
      });
    }
    const { outcome, errno, cause } = connection;
    // Before the answer, or the plugin's next request may find the slot taken.
    claim?.release();
    audit.owe();
    void client.answer(outcomeReply(request.id, decision, outcome, errno, cause));
    return {
      outcome,
      dialed,
      connectMs,
      passage,
      problem: passage && proxyProblem(decision, passage, connection),
      isOwed: true,
    };
  });
}

/** For a permitted socket of the host. No limit counts its connections. */
async function connectToSocket(
  services: Services,
  client: ChannelClient,
  { id }: ConnectRequest,
  judgement: Judgement,
  path: string,
  life: RequestLife,
): Promise<void> {
  const { plugin } = client;
  const made = await connectSocket(services, plugin, judgement, CHANNEL, path, 'stream', life);
  switch (made.kind) {
    case 'denied':
      account(services, plugin, made.judgement);
      void client.answer(refusalReply(id, made.judgement));
      return;
    case 'failed': {
      const { outcome, code, cause } = made.failure;
      account(services, plugin, judgement, made.ending);
      void client.answer(outcomeReply(id, judgement.decision, outcome, code, cause));
      return;
    }
    case 'connected': {
      services.audit.owe();
      const left = await handOver(client, id, made.socket);
      const ending = { ...made.ending, isOwed: true };
      if (!left) made.ending.claim?.withdraw();
      account(
        services,
        plugin,
        judgement,
        left ? ending : { ...ending, outcome: 'canceled', claim: undefined },
      );
    }
  }
}

// The last step of a connect: reply and socket leave together.

/**
 * Hands a connected socket to the plugin. The broker closes its copy in any case, or the peer would never see a FIN.
 *
 * @param socket connected to the peer that was decided
 * @returns whether the plugin has it
 */
function handOver(client: ChannelClient, id: number, socket: OwnedFd): NowOrLater<boolean> {
  const { kept } = client.plugin;
  const waiting = { socket, isPlaced: false, cancel: () => {}, leaveIfGivenUp: () => false };
  kept.add(waiting);
  return andFinally(
    () =>
      andThen(client.answer({ id, ok: true }, socket), (left) => {
        if (left) client.plugin.metrics.count('socketsPassed', { door: 'channel' });
        else if (client.open) refuseUnreceived(client, id);
        return left;
      }),
    () => {
      kept.delete(waiting);
      socket.close();
    },
  );
}

/** Plugins do not receive their descriptors. The kernel counts those in flight by uid, and takes no more (ETOOMANYREFS). */
function refuseUnreceived(client: ChannelClient, id: number): void {
  client.plugin.metrics.count('limitRejections', { limit: 'broker_descriptors' });
  void client.answer({
    id,
    ok: false,
    errno: 'EAGAIN',
    reason: 'concurrency_limited',
    message: 'Too many connections wait to be received',
  });
}

// `explain` is the data path without the connect: decide, resolve, classify, account.

/** Answers as `connect` would, without connecting. */
export async function handleExplain(
  services: Services,
  client: ChannelClient,
  request: ExplainRequest,
  life: RequestLife,
): Promise<void> {
  const { id } = request;
  if (life.ended === undefined) {
    const judgement = await decideRequest(services, client.plugin, request, life);
    accountExplanation(services, client.plugin, judgement);
    const { decision, reason } = judgement.decision;
    if (decision === 'deny') {
      void client.answer(refusalReply(id, judgement));
      return;
    }
    if (life.ended === undefined) {
      void client.answer({ id, ok: true, decision, reason });
      return;
    }
  }
  void client.answer(earlyReply(id, request, life.ended ?? 'canceled'));
}
