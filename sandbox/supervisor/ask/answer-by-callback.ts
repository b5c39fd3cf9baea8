// Has a callback answer each question: the library's, or one that runs a hook. Runs in the supervisor.
import { type Answerer, ASK_SCOPES } from '../../../shared/reasons.js';
import type { AskAnswer, AskRequest } from './ask-request.js';
import type { Asks } from './asks.js';

/**
 * Answers a question.
 *
 * @param signal aborted when the question is over: somebody else has answered it, its time is over, or nobody waits any more
 * @returns the answer. A promise that rejects, and anything else, is no answer: the question stays open for others
 */
export type OnAsk = (request: AskRequest, signal: AbortSignal) => Promise<AskAnswer>;

/** @param onProblem takes a line for the operator when there is no answer */
export function answerByCallback(
  asks: Asks,
  onAsk: OnAsk,
  by: Answerer,
  onProblem: (text: string) => void,
): void {
  const open = new Map<string, AbortController>();
  asks.on('closed', ({ id }) => {
    open.get(id)?.abort();
    open.delete(id);
  });
  asks.on('opened', (request) => {
    const controller = new AbortController();
    open.set(request.id, controller);
    const answered = async (): Promise<void> => {
      const { answer } = await onAsk(request, controller.signal);
      const scope = ASK_SCOPES.find((one) => one === answer);
      if (controller.signal.aborted) return;
      if (scope !== undefined) asks.approve(request.id, scope, by);
      else if (answer === 'deny') asks.deny(request.id, by);
      else throw new TypeError('the answer is none of once, run, rule and deny');
    };
    answered().catch((error: unknown) => {
      if (controller.signal.aborted) return;
      const { message } = error instanceof Error ? error : { message: String(error) };
      onProblem(`question ${request.id} has no answer from the ${by}: ${message}`);
    });
  });
}
