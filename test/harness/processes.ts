// Processes as proc(5) shows them. Any may end between two reads: what has ended is left out.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** @param name a file of proc(5) below a task, such as `status` @returns its text for each thread of the process */
export function ofThreads(pid: number, name: string): string[] {
  return entriesOf(`/proc/${pid}/task`).flatMap(
    (thread) => textOf(`/proc/${pid}/task/${thread}/${name}`) ?? [],
  );
}

/** The pids of a process's children, whichever of its threads started them. */
export const childrenOf = (pid: number): number[] =>
  ofThreads(pid, 'children').flatMap((pids) => pids.split(' ').filter(Boolean).map(Number));

/** The words of a process's command line, with a space behind each. Empty for a process that has ended. */
export const commandOf = (pid: number): string => textOf(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ') ?? '';

/** @param pid the supervisor's pid @returns the broker's pid; undefined while there is none */
export const brokerOf = (pid: number): number | undefined =>
  childrenOf(pid).find((child) => commandOf(child).includes('run/broker.cjs'));

/** Whether a process is over. Where nobody waits for it, as under a first process that takes no orphans, a zombie is left. */
export function hasEnded(pid: number | string): boolean {
  const status = textOf(`/proc/${pid}/status`);
  return status === undefined || /^State:\s+[ZX]/m.test(status);
}

/**
 * Sends a signal to a process that a look has found.
 * @throws Error where it found none: 0 would be the group of the test itself
 */
export function signalTo(pid: number | undefined, signal: NodeJS.Signals): asserts pid is number {
  if (pid === undefined || !(pid > 0)) throw new Error(`No process was found that could get ${signal}`);
  process.kill(pid, signal);
}

/** The number of open descriptors of a process. */
export const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** What the descriptors of a process lead to. Empty for a process that has ended. */
export const linksOf = (pid: number): string[] =>
  entriesOf(`/proc/${pid}/fd`).flatMap((fd) => linkOf(`/proc/${pid}/fd/${fd}`) ?? []);

/** The sockets of a process, one for each descriptor, as `socket:[INODE]`. Empty for a process that has ended. */
export const socketsOf = (pid: number): string[] => linksOf(pid).filter((link) => link.startsWith('socket:'));

function entriesOf(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
