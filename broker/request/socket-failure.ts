// Why a permitted socket of the host was not connected, in words. Pure.
import type { Outcome } from '../../shared/reasons.js';
import { errnoName } from '../../shared/sys/system-error.js';
import { outcomeOf } from './connect-outcome.js';

export interface SocketFailure {
  readonly outcome: Exclude<Outcome, 'connected'>;
  /** Positive. */
  readonly errno: number;
  /** Its name. */
  readonly code: string;
  /** For the plugin. */
  readonly cause: string;
  /** For the operator. */
  readonly detail: string;
}

const CAUSES: Readonly<Record<string, string>> = {
  ENOENT: 'nothing is at this path',
  ENOTDIR: 'a part of the path is no folder',
  ELOOP: 'the path leads through a link, and only links of root in / or /var are followed',
  ENOTSOCK: 'the file is no socket',
  EACCES: 'postern has no permission for it',
  ECONNREFUSED: 'nobody listens there',
  EPROTOTYPE: 'it is a socket of another type',
  ETIMEDOUT: 'the queue of its server stayed full',
  ECANCELED: 'canceled',
};

/** @param errno positive @param uid as which the broker asks */
export function socketFailure(errno: number, uid: number): SocketFailure {
  const name = errnoName(errno);
  const cause = CAUSES[name] ?? name;
  const detail =
    name === 'EACCES' ? `uid ${uid} needs write permission for it, and search permission above it` : cause;
  return { outcome: name === 'ECANCELED' ? 'canceled' : outcomeOf(errno), errno, code: name, cause, detail };
}
