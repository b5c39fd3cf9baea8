// The socket of a trapped call. Runs in the broker.
import type { OwnedFd } from '../../shared/sys/owned-fd.js';

export interface TrappedSocket {
  /** A duplicate of the caller's. */
  readonly descriptor: OwnedFd;
  readonly domain: number;
  /** Made in the sandbox's own network namespace. */
  readonly own: boolean;
}
