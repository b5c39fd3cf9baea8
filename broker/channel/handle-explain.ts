// `explain` is the data path without the connect: decide, resolve, classify, account. Runs in the broker.
import type { ExplainRequest } from '../../shared/protocol/messages.js';
import type { RequestLife } from '../limit/request-life.js';
import { accountExplanation } from '../request/account.js';
import { decideRequest } from '../request/decide-request.js';
import { earlyReply, refusalReply } from '../request/failure-reply.js';
import type { Services } from '../request/services.js';
import type { Requester } from './requester.js';

/** Answers as `connect` would, without connecting. */
export async function handleExplain(
  services: Services,
  requester: Requester,
  request: ExplainRequest,
  life: RequestLife,
): Promise<void> {
  const { id } = request;
  if (life.ended === undefined) {
    const judgement = await decideRequest(services, requester.plugin, request, life);
    accountExplanation(services, requester.plugin, judgement);
    const { decision, reason } = judgement.decision;
    if (decision === 'deny') {
      void requester.answer(refusalReply(id, judgement));
      return;
    }
    if (life.ended === undefined) {
      void requester.answer({ id, ok: true, decision, reason });
      return;
    }
  }
  void requester.answer(earlyReply(id, request, life.ended ?? 'canceled'));
}
