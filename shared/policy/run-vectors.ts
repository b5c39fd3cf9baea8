// Runs test vectors: rules, a request, its addresses, and the expected decision.
import * as z from 'zod';
import { DECISIONS, type DecisionWord, REASONS, type Reason } from '../words.js';
import { type Address, parseAddress } from './address.js';
import { compilePolicy } from './compile-policy.js';
import { decide } from './decide.js';
import { OwnAddresses } from './host-block.js';
import { quote } from './quote.js';

const address = z.string().transform((text, context): Address => {
  const parsed = parseAddress(text);
  if (parsed) return parsed;
  context.addIssue({ code: 'custom', message: 'is not an address' });
  return z.NEVER;
});

const vectors = z.array(
  z.strictObject({
    rules: z.strictObject({ allow: z.array(z.string()).default([]), deny: z.array(z.string()).default([]) }),
    request: z.strictObject({ host: z.string(), port: z.number() }),
    resolved: z.array(address),
    expect: z.enum(DECISIONS).exclude(['would_deny']),
    why: z.string().optional(),
    reason: z.enum(REASONS).optional(),
    dials: z.array(address).optional(),
  }),
);
type Vector = z.infer<typeof vectors>[number];

/** The outcome that a vector expects, or that it had. */
export interface Outcome {
  readonly decision: DecisionWord;
  readonly reason?: Reason;
  /** Canonical addresses, in order. */
  readonly dials?: readonly string[];
  /** Whether the rules are refused, or must be. */
  readonly rejected?: boolean;
}

/** The result of a vector. */
export interface VectorResult {
  /** Its position in the array, from 0. */
  readonly index: number;
  readonly passed: boolean;
  readonly request: { readonly host: string; readonly port: number };
  readonly expected: Outcome;
  readonly got: Outcome & { readonly reason: Reason };
}

export type VectorsResult =
  | { readonly ok: true; readonly results: readonly VectorResult[] }
  | { readonly ok: false; readonly problem: string };

/** How a vector says that its rules must be refused. */
const INVALID_RULE = 'INVALID-RULE';

/**
 * Runs vectors, each `{rules, request, resolved, expect, why?, reason?, dials?}`.
 *
 * Refused rules deny everything, with the reason `policy_unavailable`. A `why` that begins with INVALID-RULE expects that.
 *
 * @param value an array of vectors, as parsed from JSON
 * @returns a result for each vector, or the first mistake in the form of the array
 */
export function runVectors(value: unknown): VectorsResult {
  const parsed = vectors.safeParse(value);
  if (parsed.success) return { ok: true, results: parsed.data.map(runVector) };
  const [issue] = parsed.error.issues;
  const place = issue && issue.path.length > 0 ? `at ${quote(issue.path.join('.'))}: ` : '';
  return { ok: false, problem: `${place}${(issue?.message ?? 'not vectors').replace(/[^ -~]/g, '?')}` };
}

function runVector(vector: Vector, index: number): VectorResult {
  const { request, expect, reason, dials } = vector;
  const expected: Outcome = {
    decision: expect,
    ...(reason && { reason }),
    ...(dials && { dials: dials.map(({ text }) => text) }),
    ...(vector.why?.startsWith(INVALID_RULE) && { rejected: true }),
  };
  const got = decideVector(vector);
  const passed =
    got.decision === expect &&
    (reason === undefined || got.reason === reason) &&
    (dials === undefined || got.dials.join() === expected.dials?.join()) &&
    (got.rejected || expected.rejected !== true);
  return { index, passed, request, expected, got };
}

function decideVector({
  rules,
  request,
  resolved,
}: Vector): VectorResult['got'] & { dials: readonly string[] } {
  const compiled = compilePolicy(rules);
  if (!compiled.ok) return { decision: 'deny', reason: 'policy_unavailable', dials: [], rejected: true };
  const { decision, reason, dial } = decide(compiled.policy, request, resolved, {
    own: OwnAddresses.of(),
    listeners: [],
  });
  return { decision, reason, dials: dial.map(({ text }) => text), rejected: false };
}
