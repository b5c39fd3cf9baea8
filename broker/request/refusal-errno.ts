// The errno that connect(2) gives for a refusal. Runs in the broker.
import { constants } from 'node:os';
import type { Reason } from '../../shared/reasons.js';

const { EACCES, EAGAIN, EDQUOT } = constants.errno;

/** EACCES, except for limits. After EAGAIN a program may try again; EDQUOT stays. */
export function refusalErrno(reason: Reason): number {
  if (reason === 'concurrency_limited') return EAGAIN;
  return reason === 'quota_exceeded' ? EDQUOT : EACCES;
}
