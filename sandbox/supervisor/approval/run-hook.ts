// Asks a program of the operator's, or a function of the application, about a destination that no rule allows. Runs in the supervisor.

import { spawn } from 'node:child_process';
import PQueue from 'p-queue';
import { HOOK_PATH, type HookCommand } from '../../../shared/config/hook-command.js';

import { printable } from '../../../shared/printable.js';
import { type Answerer, ASK_SCOPES } from '../../../shared/words.js';
import type { AskAnswer, AskRequest, Asks } from './asks.js';

/** Hooks that run at the same time for one plugin, the longest answer of one, and how long its output is read after its end. */
const HOOKS_AT_ONCE = 4;
const HOOK_ANSWER_BYTES = 4096;
const HOOK_DRAIN_MS = 500;

// Runs the program of `ask.hook` for one question: a line of JSON in, one JSON object out. The program is trusted, but may
// hang, fail or print anything. Its whole process group ends with the question. It gets postern's environment, except PATH, and starts in /.

/** Characters of what the program wrote to stderr, in a message. */
const MOST_WORDS = 200;

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

function runHook({ command }: HookCommand, question: string, signal: AbortSignal): Promise<AskAnswer> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    // A session of its own, so that the group can be ended. It has no terminal.
    const child = spawn(program, args, {
      // protects: G20 ask: the hook starts in no folder that a plugin may write
      cwd: '/',
      env: {
        ...process.env,
        // protects: G20 ask: the hook finds programs in folders of the system alone
        PATH: HOOK_PATH,
      },
      stdio: 'pipe',
      detached: true,
    });
    let out = '';
    let words = '';
    let isReaped = false;
    const end = (): void => {
      signal.removeEventListener('abort', abort);
      try {
        // protects: G20 ask: a hook that has ended is not killed: its pid may be another one's => if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
        if (child.pid !== undefined && !isReaped) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
      for (const stream of child.stdio) stream?.destroy();
    };
    const fail = (text: string): void => {
      end();
      reject(new Error(words === '' ? text : `${text}: ${printable(words.slice(0, MOST_WORDS)).trim()}`));
    };
    const abort = (): void => fail('the question is over');
    signal.addEventListener('abort', abort, { once: true });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      if (out.length > HOOK_ANSWER_BYTES) fail(`it wrote more than ${HOOK_ANSWER_BYTES} bytes`);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (words.length < MOST_WORDS) words += text;
    });
    child.stdin.on('error', () => {});
    child.stdin.end(question);
    child.once('error', ({ message }) => fail(message));
    // A process that it leaves behind may hold its output open.
    child.once('exit', () => {
      isReaped = true;
      setTimeout(() => child.stdout.destroy(), HOOK_DRAIN_MS).unref();
    });
    child.once('close', (status, ended) => {
      signal.removeEventListener('abort', abort);
      if (ended !== null) fail(`it ended with ${ended}`);
      else if (status !== 0) fail(`it ended with status ${status}`);
      else {
        const answer = readHookAnswer(out);
        if (typeof answer === 'string') fail(answer);
        else resolve(answer);
      }
    });
  });
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
      const { message } = error instanceof Error ? error : { message: String(error) };
      onProblem(`question ${request.id} has no answer from the ${by}: ${message}`);
    });
  });
}
