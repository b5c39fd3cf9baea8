// Where the requests of one plugin wait before the broker decides on them, although it is their turn. Runs in the broker.
import type { RequestLife } from './request-life.js';

export interface Gate {
  /** Whether a request may begin. */
  readonly isOpen: boolean;
  /** Calls back once, when it is open. The same callback is called once, however often it was passed. */
  whenOpen(callback: () => void): void;
  /** Resolves when it is open, or when the request ends. It replaces the request's callback, and starts its time limit. */
  pass(life: RequestLife): Promise<void>;
}

/** For what nothing holds back. */
export const OPEN_GATE: Gate = { isOpen: true, whenOpen: (callback) => callback(), pass: async () => {} };
