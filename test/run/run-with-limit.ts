// Runs a command with a time limit. Then it ends with all its descendants, also those in other process groups and sessions.
import { type SpawnOptions, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const running = new Set<number>();
process.once('exit', endRunning);

/** Ends each command that runs now. */
export function endRunning(): void {
  for (const pid of running) endTree(pid);
}

export interface LimitedEnd {
  /** Whether the limit has ended it. */
  readonly timedOut: boolean;
  /** Why it did not run, or how it ended. Missing if its status is 0. */
  readonly how?: string;
}

/** @param options as of spawn() */
export async function runWithLimit(
  limitMs: number,
  command: string,
  words: readonly string[],
  options: SpawnOptions,
): Promise<LimitedEnd> {
  const child = spawn(command, words, { ...options, detached: true });
  const { pid } = child;
  let timedOut = false;
  if (pid !== undefined) running.add(pid);
  const timer = setTimeout(() => {
    timedOut = true;
    if (pid !== undefined) endTree(pid);
  }, limitMs);
  const how = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (status, signal) => resolve(status === 0 ? undefined : `status ${signal ?? status}`));
  });
  clearTimeout(timer);
  if (pid !== undefined) running.delete(pid);
  return { timedOut, ...(how === undefined ? {} : { how }) };
}

/** The process and its descendants, as proc(5) shows them now. */
function treeOf(pid: number): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(name);
    if (parent !== undefined) parents.set(Number(name), parent);
  }
  const tree = new Set([pid]);
  for (let before = 0; before !== tree.size; ) {
    before = tree.size;
    for (const [child, parent] of parents) if (tree.has(parent)) tree.add(child);
  }
  return [...tree];
}

function parentOf(pid: string): number | undefined {
  try {
    const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return parent === undefined ? undefined : Number(parent);
  } catch {
    return undefined;
  }
}

/** Kills the tree. Its processes are stopped first, so that none makes another meanwhile. */
function endTree(pid: number): void {
  const stopped = new Set<number>();
  for (;;) {
    const found = treeOf(pid).filter((one) => !stopped.has(one));
    if (found.length === 0) break;
    for (const one of found) {
      stopped.add(one);
      signal(one, 'SIGSTOP');
    }
  }
  for (const one of stopped) signal(one, 'SIGKILL');
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}
