// Runs a program of this host to its end, within a time limit. If it fails, the error holds its output.
import { spawn } from 'node:child_process';

const MAX_SHOWN = 2_000;

export interface CommandOptions {
  readonly seconds: number;
  readonly cwd?: string;
  readonly input?: string;
}

/** @returns its stdout; throws where the program fails or takes longer */
export async function command(words: readonly string[], options: CommandOptions): Promise<string> {
  const [program = '', ...args] = words;
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
    stdio: 'pipe',
    timeout: options.seconds * 1_000,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let all = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    all += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    all += text;
  });
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, by) => resolve([code, by]));
  });
  if (status === 0) return stdout;
  const how =
    signal === 'SIGKILL' ? `was ended, after ${options.seconds} s` : `failed with ${status ?? signal}`;
  throw new Error(`"${words.join(' ')}" ${how}:\n${all.slice(-MAX_SHOWN)}`);
}
