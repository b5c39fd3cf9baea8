// Ends the processes that a build without a protection has left: its tests may hang, or their children may outlive them.
import { readdirSync, readFileSync } from 'node:fs';
import type { Wanted } from '../mutation/find-changes.js';

/** A sandbox's init and its children have the build's folder in their environment. */
export function initTold(folder: string): Wanted {
  return { at: "init's environment", code: `['PATH=/usr/bin:/bin', 'BUILD=${folder}/']` };
}

/** Kills each process that runs a file of the build's folder or has it in its environment, and all its descendants. */
export function endLeftOvers(folder: string): void {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const bears = (pid: string, name: 'cmdline' | 'environ'): boolean =>
    textOf(pid, name).includes(`${folder}/`);
  const left = new Set(processes.filter((pid) => bears(pid, 'cmdline') || bears(pid, 'environ')));
  for (let before = 0; before !== left.size; ) {
    before = left.size;
    for (const pid of processes) {
      const parent = /^PPid:\s+(\d+)$/m.exec(textOf(pid, 'status'))?.[1];
      if (parent !== undefined && left.has(parent)) left.add(pid);
    }
  }
  for (const pid of left) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}

function textOf(pid: string, name: 'cmdline' | 'environ' | 'status'): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return '';
  }
}
