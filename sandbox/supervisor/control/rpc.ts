// JSON-RPC 2.0, jsonrpc.org/specification: one line in, at most one line out. Runs in the supervisor, and trusts no byte of the line. Pure, except for
// the methods that it calls.
import { PosternError } from '../../../shared/errors.js';

/** What a client gets first: a notification. The commands send nothing to a socket that does not say this. */
export const GREETING = '{"jsonrpc":"2.0","method":"postern"}\n';

/** Requests in one line, a batch. */
const CONTROL_BATCH = 64;

/** The codes of the specification, and `failed` for what postern could not do. */
export const RPC_CODES = {
  parse: -32700,
  request: -32600,
  method: -32601,
  params: -32602,
  internal: -32603,
  failed: -32000,
} as const;

/** A refusal of a request. */
export class RpcError extends Error {
  readonly code: number;

  constructor(code: keyof typeof RPC_CODES, message: string) {
    super(message);
    this.code = RPC_CODES[code];
  }
}

type Id = string | number | null;
/** @throws RpcError, PosternError */
export type CallMethod = (method: string, params: unknown) => unknown;

interface Request {
  readonly id: Id | undefined;
  readonly method: string;
  readonly params: unknown;
}

/** @returns the answer; undefined if the line asks for none: it has notifications alone */
export async function answerLine(line: string, call: CallMethod): Promise<unknown> {
  let read: unknown;
  try {
    read = JSON.parse(line);
  } catch {
    return refusal(null, new RpcError('parse', 'Not JSON; send one JSON object a line'));
  }
  if (!Array.isArray(read)) return answerOne(read, call);
  if (read.length === 0 || read.length > CONTROL_BATCH) {
    return refusal(null, new RpcError('request', `A batch has 1 to ${CONTROL_BATCH} requests`));
  }
  const answers: unknown[] = [];
  // One after the other: a batch must not be a way around the bound on requests under way.
  for (const one of read) {
    const answer = await answerOne(one, call);
    if (answer !== undefined) answers.push(answer);
  }
  return answers.length === 0 ? undefined : answers;
}

/** The answer to what was no request at all, as a line that is too long. */
export function refuseLine(message: string): unknown {
  return refusal(null, new RpcError('request', message));
}

async function answerOne(value: unknown, call: CallMethod): Promise<unknown> {
  const request = readRequest(value);
  if (request === undefined)
    return refusal(
      idOf(value) ?? null,
      new RpcError('request', 'Not a request; it has jsonrpc "2.0", an id, a method and params'),
    );
  const { id } = request;
  try {
    const result = await call(request.method, request.params);
    return id === undefined ? undefined : { jsonrpc: '2.0', id, result: result ?? null };
  } catch (error) {
    return id === undefined ? undefined : refusal(id, error);
  }
}

function readRequest(value: unknown): Request | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { jsonrpc, method, params = {} } = value as Readonly<Record<string, unknown>>;
  const id = idOf(value);
  if (jsonrpc !== '2.0' || typeof method !== 'string' || typeof params !== 'object' || params === null)
    return undefined;
  return Object.hasOwn(value, 'id') && id === undefined ? undefined : { id, method, params };
}

function idOf(value: unknown): Id | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { id } = value as { readonly id?: unknown };
  return typeof id === 'string' || typeof id === 'number' || id === null ? id : undefined;
}

function refusal(id: Id, error: unknown): unknown {
  return { jsonrpc: '2.0', id, error: describe(error) };
}

function describe(error: unknown): {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
} {
  if (error instanceof RpcError) return { code: error.code, message: error.message };
  if (!(error instanceof PosternError))
    return { code: RPC_CODES.internal, message: 'postern failed; this is a bug: please report it' };
  const { code, lines, fix } = error;
  return {
    code: RPC_CODES.failed,
    message: lines.join('\n'),
    data: { code, ...(fix === undefined ? {} : { fix }) },
  };
}
