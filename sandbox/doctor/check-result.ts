// The result of one check of `postern doctor`.

/**
 * `missing`: postern cannot run without it. `degraded`: postern runs, with one protection or feature less; the fix names it.
 */
export type CheckState = 'ok' | 'missing' | 'degraded';

export interface Check {
  readonly name: string;
  readonly state: CheckState;
  /** The value that was read, with its name. */
  readonly found: string;
  readonly needed: string;
  /** What to do, in lines of text. It rests on what was found, never on a guess. */
  readonly fix?: string | undefined;
  /** It follows from another check that failed, and is not counted beside that one. */
  readonly follows?: boolean;
}
