// What the supervisor tells the process that makes its requests, and what that answers: lines of JSON. The supervisor does not trust the answer.

/** The first line. */
export interface RequesterSettings {
  /** Its host and port are those of every request. */
  readonly url: string;
  /** Certificates in PEM that may sign the server's; undefined: those of Node. */
  readonly roots: string | undefined;
}

/** Each further line: the answer to the one before has come. */
export interface ServerRequest {
  readonly method: 'GET' | 'POST';
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** The most that the answer's body may have. */
  readonly mostBytes: number;
}

/** Those of the answer that the supervisor gets to know. */
export const ANSWER_HEADERS = ['content-encoding', 'etag', 'retry-after'] as const;
export type AnswerHeader = (typeof ANSWER_HEADERS)[number];

/** Lines: the parts of a body, and then how it ended. */
export type AnswerLine =
  /** In base64. */
  | { readonly part: string }
  | { readonly status: number; readonly headers: { readonly [H in AnswerHeader]?: string | undefined } }
  | { readonly problem: string };

/** Of a body, before it is in base64: the supervisor cuts longer lines. */
export const PART_BYTES: number = 32_768;
