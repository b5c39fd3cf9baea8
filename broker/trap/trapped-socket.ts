// What a trapped call's descriptor is.
import type { OwnedFd } from '../../shared/sys/owned-fd.js';

/** The socket that a call is about: a duplicate, and what it is. */
export interface TrappedSocket {
  readonly descriptor: OwnedFd;
  readonly domain: number;
  /** Made in the sandbox's own network namespace. */
  readonly own: boolean;
}
