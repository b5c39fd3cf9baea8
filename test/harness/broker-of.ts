// The broker of a running supervisor, as proc(5) shows it.
import { readdirSync, readFileSync } from 'node:fs';

/** @param pid the supervisor's pid @returns the broker's pid; undefined while there is none */
export function brokerOf(pid: number): number | undefined {
  return readdirSync(`/proc/${pid}/task`)
    .flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    )
    .find((child) => commandLine(child).includes('run/broker.js'));
}

/** Empty for a process that has ended since it was listed. */
function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** The number of open descriptors of a process. */
export const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;
