// A question about a destination that no rule allows, as those who answer see it. Runs in the supervisor.
import type { AskDoor } from '../../../shared/protocol/link.js';
import type { Answerer, AskEnd, AskScope } from '../../../shared/reasons.js';

export interface AskRequest {
  /** Names the question. No other question of this supervisor has it. */
  readonly id: string;
  readonly plugin: string;
  /** A name, or an address that is not special. Safe to print. */
  readonly host: string;
  /** 443 for a look-up: it has no port, and a rule without a port is about this one. */
  readonly port: number;
  /** What waits: a connect(2), a look-up, or a request on a channel. */
  readonly door: AskDoor;
  /** The process that asks, on the host, if it is known. */
  readonly pid: number | undefined;
  /** Its name, which the program chooses itself. Print it quoted. */
  readonly program: string | undefined;
  /** When it was asked, and when it is denied without an answer: milliseconds since 1970, for display. */
  readonly since: number;
  readonly deadline: number;
  /** The rule that would allow it. */
  readonly suggestion: string;
}

/** `once`: what waits. `run`: until postern ends. `rule`: also in later runs, by a rule in the file. */
export interface AskAnswer {
  readonly answer: AskScope | 'deny';
}

/** How a question ended. `withdrawn`: nobody waits any more, or new rules have decided. */
export type AskEnding = { readonly answer: AskEnd; readonly by: Answerer } | 'withdrawn';
