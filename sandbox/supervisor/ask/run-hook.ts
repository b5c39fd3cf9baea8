// Runs the program of `ask.hook` for one question: a line of JSON in, one JSON object out. Runs in the supervisor. The program is trusted, but may
// hang, fail or print anything. Its whole process group ends with the question. It gets postern's environment, except PATH, and starts in /.
import { spawn } from 'node:child_process';
import PQueue from 'p-queue';
import { HOOK_PATH, type HookCommand } from '../../../shared/config/hook-command.js';
import { HOOK_ANSWER_BYTES, HOOK_DRAIN_MS, HOOKS_AT_ONCE } from '../../../shared/limits.js';
import { printable } from '../../../shared/printable.js';
import type { OnAsk } from './answer-by-callback.js';
import type { AskAnswer } from './ask-request.js';
import { readHookAnswer } from './read-hook-answer.js';

/** Characters of what the program wrote to stderr, in a message. */
const MOST_WORDS = 200;

/**
 * @param refuse asked before each run: the operator may have changed the program, or a link on the way to it. It throws if a plugin may write there
 * @returns a callback that rejects if the program gives no answer
 */
export function hookCallback(hook: HookCommand, refuse: () => void): OnAsk {
  const queue = new PQueue({ concurrency: HOOKS_AT_ONCE });
  return (request, signal) =>
    queue.add(() => {
      // protects: G20 ask: a hook that has come to lie where a plugin may write is not run
      refuse();
      return runHook(hook, `${JSON.stringify(request)}\n`, signal);
    });
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
    const end = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
      for (const stream of child.stdio) stream?.destroy();
    };
    const fail = (text: string): void => {
      end();
      reject(new Error(words === '' ? text : `${text}: ${printable(words.slice(0, MOST_WORDS)).trim()}`));
    };
    signal.addEventListener('abort', () => fail('the question is over'), { once: true });
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
    child.once('exit', () => setTimeout(() => child.stdout.destroy(), HOOK_DRAIN_MS).unref());
    child.once('close', (status, ended) => {
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
