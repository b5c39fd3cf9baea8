// The process that asked, for the account and the audit log. Runs in the broker.
import type { WayOut } from '../../shared/reasons.js';

/** The way that a request came by, and its process. */
export interface Origin {
  /** The audit log's field for the way out: `trap` is the transparent one. */
  readonly door: WayOut;
  /** The process's id on the host. */
  readonly pid: number | null;
  /** The program's name, proc(5) comm. The program chooses it: at most 15 bytes of any kind. Print it quoted. */
  readonly program: string | null;
}

/** A channel names its plugin but no process, since the supervisor made its pipe and its sockets. */
export const CHANNEL: Origin = { door: 'channel', pid: null, program: null };
/** An unknown process of the plugin. */
export const SOMEBODY: Origin = { door: 'trap', pid: null, program: null };
