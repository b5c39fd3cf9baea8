// What the supervisor tells the process that fetches a policy, and what that answers. The supervisor does not trust the answer.

/** In a sealed file. */
export interface FetchSettings {
  readonly url: string;
  /** Of the policy in force: the server says whether there is another one. */
  readonly etag: string | undefined;
  /** Certificates in PEM that may sign the server's; undefined: those of Node. */
  readonly roots: string | undefined;
}

/** One line of JSON. */
export type FetchAnswer =
  | { readonly kind: 'same' }
  | {
      readonly kind: 'policy';
      readonly etag: string | undefined;
      /** In base64. */
      readonly body: string;
    }
  | { readonly kind: 'failed'; readonly problem: string };

export const MOST_POLICY_BYTES: number = 1024 * 1024;
/** As RFC 9110 section 8.8.3 has it, and not longer than a header should be. */
export const ETAG: RegExp = /^(?:W\/)?"[!#-~]{0,256}"$/;
