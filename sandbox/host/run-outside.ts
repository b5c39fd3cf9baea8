// Runs a program of the operator's outside of every sandbox: that of `ask.hook`, or the `command` of a secret. It is trusted, but may hang, fail or print
// anything. It has no terminal, gets postern's environment, except PATH and variables with secrets, and starts in /. Its whole process group ends with it. Runs in the supervisor.
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { HOOK_PATH, type HookCommand } from '../../shared/config/hook-command.js';
import { printable } from '../../shared/printable.js';
import { endGroup } from '../../shared/sys/pidfd.js';
import { withoutSecrets } from './secret-variables.js';

/** How long its output is read after its end. */
const DRAIN_MS = 500;
/** Until the kernel has ended a killed process. */
const REAP_PAUSE_MS = 10;
/** Characters of what it wrote to stderr, in a message. */
const MOST_WORDS = 200;

interface OutsideRun {
  readonly input: string;
  /** Of its output. */
  readonly mostBytes: number;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Where its stderr goes: to postern's own, or into the message of a failure. */
  readonly words: 'own' | 'message';
}

/** @returns what it has printed. Rejects if it fails, is ended, or prints more */
export function runOutside(
  { command }: HookCommand,
  { input, mostBytes, signal, words: to }: OutsideRun,
): Promise<string> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    // A session of its own, so that the group can be ended. It has no terminal.
    const child = spawn(program, args, {
      // protects: G20 ask: the hook starts in no folder that a plugin may write
      cwd: '/',
      env: {
        ...withoutSecrets(process.env),
        // protects: G20 ask: the hook finds programs in folders of the system alone
        PATH: HOOK_PATH,
      },
      stdio: ['pipe', 'pipe', to === 'own' ? 'inherit' : 'pipe'],
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
    const abort = (): void => fail('its time is over');
    signal.addEventListener('abort', abort, { once: true });
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      if (out.length > mostBytes) fail(`it wrote more than ${mostBytes} bytes`);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (words.length < MOST_WORDS) words += text;
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    child.once('error', ({ message }) => fail(message));
    child.once('exit', () => {
      isReaped = true;
      if (child.pid !== undefined) void endRest(child.pid);
      // A process that has left the group may hold its output open.
      setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, DRAIN_MS).unref();
    });
    child.once('close', (status, ended) => {
      signal.removeEventListener('abort', abort);
      if (ended !== null) fail(`it ended with ${ended}`);
      else if (status !== 0) fail(`it ended with status ${status}`);
      else resolve(out);
    });
  });
}

/** What it leaves behind becomes a child of this process, a subreaper. Nobody else would reap it. */
async function endRest(group: number): Promise<void> {
  // protects: G20 ask: what a hook leaves behind is ended and reaped => await delay(0);
  while (endGroup(group)) await delay(REAP_PAUSE_MS);
}
