// Runs a program to its end within a time limit, and leaves no process of it behind.
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';

export interface Ended {
  readonly status: number | null;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly seconds: number;
}

/** Between the signal that asks postern to end and the one that ends it. */
const GRACE_MS = 5_000;
const MAX_CHARACTERS = 64 * 1024 * 1024;
const running = new Set<ChildProcess>();

process.once('exit', () => {
  for (const child of running) signal(child, 'SIGKILL');
});

export async function runWords(words: readonly string[], options: RunOptions): Promise<Ended> {
  const [program = '', ...args] = words;
  // In a session without a terminal.
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(child);
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  let timedOut = false;
  let grace: NodeJS.Timeout | undefined;
  // What the program left running may hold the pipes open, so the wait for their end is bounded too.
  const endSoon = (): void => {
    grace ??= setTimeout(() => {
      signal(child, 'SIGKILL');
      child.stdout.destroy();
      child.stderr.destroy();
    }, GRACE_MS);
  };
  const timer = setTimeout(() => {
    timedOut = true;
    signal(child, 'SIGTERM');
    endSoon();
  }, options.seconds * 1_000);
  child.once('exit', endSoon);
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    return { status, timedOut, stdout: stdout(), stderr: stderr() };
  } finally {
    clearTimeout(timer);
    clearTimeout(grace);
    signal(child, 'SIGKILL');
    running.delete(child);
  }
}

/** To its whole group: the program itself may have ended before its children. */
function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid !== undefined) kill(-child.pid, name);
}

function kill(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** @returns what gives the text so far */
function collect(stream: Readable): () => string {
  let text = '';
  stream.setEncoding('utf8').on('data', (more: string) => {
    text = (text + more).slice(-MAX_CHARACTERS);
  });
  return () => text;
}

/**
 * Ends the processes that tests left outside of their group.
 * @param folder a path that no other process has in its environment
 */
export function endLeftovers(folder: string): void {
  for (const pid of readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    let environment: string;
    try {
      environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
    } catch {
      // It has ended, or is another user's.
      continue;
    }
    if (pid !== process.pid && environment.includes(folder)) kill(pid, 'SIGKILL');
  }
}
