// setrlimit(2). Runs in the supervisor, the launcher and the broker.
import { bind } from './libc.js';
import { succeed } from './system-error.js';

const getrlimitCall = bind('int getrlimit(int resource, void *limits)');
const setrlimitCall = bind('int setrlimit(int resource, const void *limits)');

const UNLIMITED = 2n ** 64n - 1n;

export const RLIMIT = {
  CPU: 0,
  FSIZE: 1,
  DATA: 2,
  CORE: 4,
  NPROC: 6,
  NOFILE: 7,
  MEMLOCK: 8,
  SIGPENDING: 11,
  MSGQUEUE: 12,
  NICE: 13,
  RTPRIO: 14,
} as const;

/** The soft and the hard limit of this process. */
export function getLimit(resource: number): { readonly soft: bigint; readonly hard: bigint } {
  const limits = new BigUint64Array(2);
  succeed(getrlimitCall(resource, new Uint8Array(limits.buffer)), 'getrlimit');
  return { soft: limits[0] ?? 0n, hard: limits[1] ?? 0n };
}

/** Sets both limits, but not above the present hard limit. */
export function lowerLimit(resource: number, soft: bigint, hard: bigint = soft): void {
  const stands = getLimit(resource).hard;
  const most = (limit: bigint): bigint => (limit < stands ? limit : stands);
  setLimit(resource, most(soft), most(hard));
}

/**
 * Calls a function that spawns a process, with no limit of processes if this process may raise its hard limit, else with the hard one.
 * The kernel remembers the limit in a user namespace that this process makes, and then holds it against the owner's sum.
 */
export function withMostProcesses<T>(spawns: () => T): T {
  const { soft, hard } = getLimit(RLIMIT.NPROC);
  try {
    setLimit(RLIMIT.NPROC, UNLIMITED, UNLIMITED);
  } catch {
    setLimit(RLIMIT.NPROC, hard, hard);
  }
  try {
    return spawns();
  } finally {
    setLimit(RLIMIT.NPROC, soft, hard);
  }
}

/** Sets both limits. Raising the hard limit again needs CAP_SYS_RESOURCE. */
export function setLimit(resource: number, soft: bigint, hard: bigint): void {
  const limits = new BigUint64Array([soft, hard]);
  succeed(setrlimitCall(resource, new Uint8Array(limits.buffer)), 'setrlimit', nameOf(resource));
}

function nameOf(resource: number): string {
  const [name] = Object.entries(RLIMIT).find(([, number]) => number === resource) ?? [String(resource)];
  return `RLIMIT_${name}`;
}
