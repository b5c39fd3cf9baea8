// sysconf(3): the units in which proc(5) counts.
import { bind } from './libc.js';

const SC_CLK_TCK = 2;
const SC_PAGESIZE = 30;

const sysconf = bind('long sysconf(int name)');

/** @returns how many clock ticks of proc_pid_stat(5) a second has */
export function ticksPerSecond(): number {
  return Number(sysconf(SC_CLK_TCK));
}

/** @returns the size of a page of memory in bytes */
export function pageBytes(): number {
  return Number(sysconf(SC_PAGESIZE));
}
