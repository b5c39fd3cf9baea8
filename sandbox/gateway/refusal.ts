// What a program reads if the gateway refuses its request, or cannot carry it out: a body of JSON that a person and an agent understand. Pure. It holds no
// secret, and nothing of what the upstream has said.

import type { HttpReason } from '../../shared/words.js';

const STATUS: Readonly<Record<HttpReason, number>> = {
  method_not_allowed: 403,
  path_not_allowed: 403,
  host_mismatch: 421,
  bad_request: 400,
  https_only: 403,
  certificate_refused: 400,
  too_many_requests: 503,
  request_timeout: 408,
  secret_missing: 502,
  connect_refused: 403,
  upstream_failed: 502,
  answer_compressed: 502,
  not_signable: 403,
  body_too_large: 413,
};

export interface HttpRefusal {
  readonly reason: HttpReason;
  /** The rule that refuses it; undefined if no rule allows it. */
  readonly rule?: string | undefined;
  /** The rule that would allow it, or what else to do. */
  readonly suggestion?: string | undefined;
  readonly message: string;
}

export interface RefusalAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export function refusalAnswer({ reason, rule, suggestion, message }: HttpRefusal): RefusalAnswer {
  const body = `${JSON.stringify({
    error: 'postern',
    reason,
    message,
    rule: rule ?? null,
    suggestion: suggestion ?? null,
  })}\n`;
  return {
    status: STATUS[reason],
    headers: {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      'cache-control': 'no-store',
    },
    body,
  };
}

/** The same as bytes of HTTP/1.1, where no parser has read a request. */
export function rawRefusal(refusal: HttpRefusal): string {
  const { status, headers, body } = refusalAnswer(refusal);
  const lines = Object.entries({ ...headers, connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return [`HTTP/1.1 ${status} postern`, ...lines, '', body].join('\r\n');
}
