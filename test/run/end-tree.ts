// Ends a process with all its descendants, also those in process groups and sessions of their own.
import { readdirSync, readFileSync } from 'node:fs';

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
export function endTree(pid: number): void {
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
