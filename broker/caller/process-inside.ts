// The number that a caller's process has in its own sandbox. Runs in the broker.
import { readFileSync } from 'node:fs';

/** @param tid of a call that waits. @returns the last number of NStgid, proc_pid_status(5): the one of the innermost namespace */
export function processInside(tid: number): number | undefined {
  try {
    const status = readFileSync(`/proc/${tid}/status`, 'latin1');
    return Number(/^NStgid:(?:\s+\d+)*\s+(\d+)$/m.exec(status)?.[1] ?? Number.NaN) || undefined;
  } catch {
    return undefined;
  }
}
