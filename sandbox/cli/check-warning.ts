// What `postern check` warns of: the file is right all the same.

/** A rule that changes nothing, or more than it looks; a call that weakens a guarantee; a home that two plugins write. */
export interface CheckWarning {
  readonly plugin: string;
  /** `FILE:LINE` */
  readonly place: string;
  readonly message: string;
}
