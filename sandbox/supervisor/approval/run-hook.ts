// Asks a program of the operator's, or a function of the application, about a destination that no rule allows. Runs in the supervisor.

import PQueue from 'p-queue';
import type { HookCommand } from '../../../shared/config/hook-command.js';
import { messageOf } from '../../../shared/errors.js';
import { type Answerer, ASK_SCOPES } from '../../../shared/words.js';
import { runOutside } from '../../host/run-outside.js';
import type { AskAnswer, AskRequest, Asks } from './asks.js';

/** Hooks that run at the same time for one plugin, and the longest answer of one. */
const HOOKS_AT_ONCE = 4;
const HOOK_ANSWER_BYTES = 4096;

// Runs the program of `ask.hook` for one question: a line of JSON in, one JSON object out. It ends with the question.

/**
 * @param refuse asked before each run: the operator may have changed the program, or a link on the way to it. It throws if a plugin may write there
 * @returns a callback that rejects if the program gives no answer
 */
export function hookCallback(hook: HookCommand, refuse: () => void): OnAsk {
  /** Each plugin has its own: slow answers about one keep no other waiting. */
  const queues = new Map<string, PQueue>();
  return (request, signal) => {
    // protects: G20 ask: slow answers about one plugin keep no other waiting => const plugin = '';
    const { plugin } = request;
    const queue = queues.get(plugin) ?? new PQueue({ concurrency: HOOKS_AT_ONCE });
    queues.set(
      plugin,
      queue.once('idle', () => queues.delete(plugin)),
    );
    return queue.add(() => {
      // protects: G20 ask: a hook that has come to lie where a plugin may write is not run
      refuse();
      return runHook(hook, `${JSON.stringify(request)}\n`, signal);
    });
  };
}

async function runHook(hook: HookCommand, input: string, signal: AbortSignal): Promise<AskAnswer> {
  const answer = readHookAnswer(
    await runOutside(hook, { input, mostBytes: HOOK_ANSWER_BYTES, signal, words: 'message' }),
  );
  if (typeof answer === 'string') throw new Error(answer);
  return answer;
}

// Reads what a hook has printed. Pure.

/** @returns the answer, or what is wrong with it */
function readHookAnswer(text: string): AskAnswer | string {
  if (text.trim() === '') return 'it printed nothing';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'it did not print one JSON object';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'it did not print one JSON object';
  const { answer, ...others } = value as Readonly<Record<string, unknown>>;
  if (Object.keys(others).length > 0) return 'it printed a key besides "answer"';
  const known = [...ASK_SCOPES, 'deny' as const].find((one) => one === answer);
  return known === undefined ? 'its answer is none of once, run, rule and deny' : { answer: known };
}

// Has a callback answer each question: the library's, or one that runs a hook.

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
      onProblem(`question ${request.id} has no answer from the ${by}: ${messageOf(error)}`);
    });
  });
}
