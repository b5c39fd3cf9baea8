// What `postern doctor` finds out about one thing of the host: a value, whoever prints it.

/** `lacking`: postern cannot run. `absent`: it runs, and the fix says what is not there without it. */
export type CheckState = 'ok' | 'lacking' | 'absent';

export interface Check {
  readonly name: string;
  readonly state: CheckState;
  /** The value that was read, by its name. */
  readonly found: string;
  readonly needed: string;
  /** Lines of text; each follows from what was found. */
  readonly fix?: string | undefined;
  /** A consequence of another lack, which is not counted beside it. */
  readonly follows?: boolean;
}
