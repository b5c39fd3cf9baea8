// Who asked, for account and audit log. Runs in the broker.
import type { WayOut } from '../../shared/reasons.js';

/** By which door a request came, and of whom. */
export interface Origin {
  readonly door: WayOut;
  /** The process's id on the host. */
  readonly pid: number | null;
  /** The program's name, proc(5) comm: its own to choose, at most 15 bytes of any kind. Print it quoted. */
  readonly program: string | null;
}

/** The channel names a plugin, no process of it: a pipe and a socket pair of the supervisor's tell no other end. */
export const CHANNEL: Origin = { door: 'channel', pid: null, program: null };
/** A process of the plugin's that is not known. */
export const SOMEBODY: Origin = { door: 'trap', pid: null, program: null };
