// How a connect ended, by its errno. Pure.
import type { Outcome } from '../../shared/reasons.js';
import { errnoName } from '../../shared/sys/system-error.js';

export function outcomeOf(errno: number): Exclude<Outcome, 'connected'> {
  switch (errnoName(errno)) {
    case 'ECONNREFUSED':
      return 'refused';
    case 'ETIMEDOUT':
      return 'timeout';
    case 'ECONNRESET':
    case 'ECONNABORTED':
      return 'reset';
    default:
      return 'unreachable';
  }
}
