// setrlimit(2). Runs in the launcher and the broker.
import { bind } from './libc.js';
import { succeed } from './system-error.js';

const getrlimitCall = bind('int getrlimit(int resource, void *limits)');
const setrlimitCall = bind('int setrlimit(int resource, const void *limits)');

export const RLIMIT = { CORE: 4, NOFILE: 7 } as const;

/** Soft and hard limit of this process. */
export function getLimit(resource: number): { readonly soft: bigint; readonly hard: bigint } {
  const limits = new BigUint64Array(2);
  succeed(getrlimitCall(resource, new Uint8Array(limits.buffer)), 'getrlimit');
  return { soft: limits[0] ?? 0n, hard: limits[1] ?? 0n };
}

/** Sets both limits; the hard one cannot be raised again without CAP_SYS_RESOURCE. */
export function setLimit(resource: number, soft: bigint, hard: bigint): void {
  const limits = new BigUint64Array([soft, hard]);
  succeed(setrlimitCall(resource, new Uint8Array(limits.buffer)), 'setrlimit');
}
