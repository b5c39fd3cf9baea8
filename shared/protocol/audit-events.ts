// The events of the audit log with their fields. The broker writes most of them, the supervisor checks them, the CLI reads them. Their types and
// docs/audit.md are made from these tables.

import { KEPT_TEXT } from '../limits.js';
import { WHOLLY_TRAPPED, type WhollyTrapped } from '../trap-calls.js';
import {
  ANSWERERS,
  type Answerer,
  ASK_ENDS,
  type AskEnd,
  DECISIONS,
  type DecisionWord,
  DOORS,
  type Door,
  ENDED_BY,
  type EndedBy,
  FAILURES,
  HTTP_REASONS,
  MODES,
  type Mode,
  OUTCOMES,
  type Outcome,
  POLICY_RESULTS,
  type PolicyResult,
  PROTOCOL_ERRORS,
  type ProtocolErrorKind,
  REASONS,
  type Reason,
  SLOW_ACTIONS,
  type SlowAction,
} from '../words.js';

/** The types of fields. The last twelve are words of a list, most in shared/words.ts. */
interface AuditTypes {
  readonly string: string;
  readonly number: number;
  readonly boolean: boolean;
  readonly 'list of strings': readonly string[];
  readonly door: Door;
  readonly mode: Mode;
  readonly decision: DecisionWord;
  readonly reason: Reason;
  readonly outcome: Outcome;
  readonly call: WhollyTrapped;
  readonly kind: ProtocolErrorKind;
  readonly action: SlowAction;
  readonly answer: AskEnd;
  readonly answerer: Answerer;
  readonly ended_by: EndedBy;
  readonly result: PolicyResult;
}

/** Every field: a field has the same type in all events. */
export const AUDIT_FIELDS = {
  decision_id: { type: 'string', what: 'The name of this decision. No other decision has it.' },
  plugin: { type: 'string', what: 'The name of the plugin.' },
  pid: {
    type: 'number',
    what: 'The process that asked, by its id on the host. Null where postern does not know it, for example on a channel.',
  },
  program: {
    type: 'string',
    what: 'The name of that process, comm in proc(5): 15 bytes at most, which the process chooses itself.',
  },
  door: { type: 'door', what: 'The door: `trap` for a call of a program, `channel` for a request.' },
  mode: { type: 'mode', what: "The plugin's `mode`." },
  decision: {
    type: 'decision',
    what: 'The decision. `would_deny` was allowed, but only because the mode is audit.',
  },
  reason: {
    type: 'reason',
    what: 'Why the broker decided so. Of `failed`: what failed. Of `http`: why the gateway refused the request, or why it failed.',
  },
  rule: { type: 'string', what: 'The rule that decided. Null where no rule did.' },
  host: {
    type: 'string',
    what: 'The name or address of the destination, or `unix:` with the path of a socket.',
  },
  port: { type: 'number', what: 'The port of the destination. 0 for a socket.' },
  names: {
    type: 'list of strings',
    what: 'The names for which the DNS of the sandbox gave this address. Empty for a channel.',
  },
  addresses_considered: { type: 'list of strings', what: 'The addresses that the name has.' },
  addresses_dropped: { type: 'list of strings', what: 'Those of them that the rules do not permit.' },
  dialed: {
    type: 'string',
    what: 'The address that was connected, or whose error was returned. Of a socket: its path without links. Null where there was no attempt.',
  },
  via: {
    type: 'string',
    what: 'The proxy of the connection, without its credentials. `dialed` is its address. Missing where the broker connects by itself.',
  },
  tunnel: { type: 'string', what: 'What the proxy was asked to connect to.' },
  dns_ms: {
    type: 'number',
    unit: 'milliseconds',
    what: 'How long DNS took. Null where nothing was looked up.',
  },
  connect_ms: {
    type: 'number',
    unit: 'milliseconds',
    what: 'How long the connect took. Null where there was no attempt.',
  },
  outcome: { type: 'outcome', what: 'How the connect ended. Null where there was no attempt.' },
  policy_hash: {
    type: 'string',
    what: 'SHA-256 of the rules and the mode, in hexadecimal. Null where the plugin has no rules yet.',
  },
  message: { type: 'string', what: 'The event as a sentence for the operator.' },
  suggestion: { type: 'string', what: 'The rule that would allow it.' },
  name_suggestion: {
    type: 'string',
    what: 'The rule for the name that is missing too, where `suggestion` is a rule for its special address. Both are needed.',
  },
  answer: {
    type: 'answer',
    what: 'Only for a destination that was asked about: the answer. `deny` and `timeout` hold for a minute.',
  },
  answered_by: { type: 'answerer', what: 'Who gave this answer.' },
  questions: { type: 'number', what: 'How many questions this line stands for.' },
  repeated: { type: 'boolean', what: 'Whether an earlier line reported the same name or destination.' },
  name: {
    type: 'string',
    what: 'The name in the question. Null in a line that counts the other names of a minute.',
  },
  type: { type: 'string', what: 'The type of the record: `A`, `AAAA`, `HTTPS`, or `TYPE` with its number.' },
  count: { type: 'number', what: 'How many calls, or attempts that failed, this line stands for.' },
  call: { type: 'call', what: 'The system call.' },
  kind: { type: 'kind', what: 'What was wrong with the message. PROTOCOL.md describes each kind.' },
  action: { type: 'action', what: 'What postern did about it.' },
  limit: { type: 'string', what: 'The limit, as `limits` names it.' },
  milliseconds: { type: 'number', unit: 'milliseconds', what: 'How long the plugin made the broker wait.' },
  duration_ms: {
    type: 'number',
    unit: 'milliseconds',
    what: 'From the moment in which the plugin got the connection to its end.',
  },
  sent_bytes: {
    type: 'number',
    unit: 'bytes',
    what: 'What the peer has acknowledged, without headers and repetitions. Null where the kernel could not report it.',
  },
  received_bytes: {
    type: 'number',
    unit: 'bytes',
    what: 'What this host has received, whether the program has read it or not. Null as above.',
  },
  rtt_ms: {
    type: 'number',
    unit: 'milliseconds',
    what: 'The round-trip time as the kernel last estimated it. Null as above.',
  },
  retransmits: { type: 'number', what: 'Segments that were sent again. Null as above.' },
  ended_by: { type: 'ended_by', what: 'What ended the connection.' },
  method: { type: 'string', what: 'The method of the request. Empty where it is no HTTP.' },
  path: {
    type: 'string',
    what: 'The path of the request, without its query. A secret in it is masked.',
  },
  status: { type: 'number', what: 'The status of the answer. 0 if the program left before.' },
  serial: {
    type: 'number',
    what: 'The serial of the signed policy that is in force. Null where there is none yet.',
  },
  result: { type: 'result', what: 'What came of the look for the signed policy.' },
  events: { type: 'number', what: 'How many events are missing here.' },
  from: { type: 'string', what: 'When the first of them was logged: ISO 8601 in UTC.' },
  to: { type: 'string', what: 'When the last of them was logged.' },
} as const;

const DECISION_FIELDS = [
  'decision_id',
  'plugin',
  'pid',
  'program',
  'door',
  'mode',
  'decision',
  'reason',
  'rule',
  'host',
  'port',
  'names',
  'addresses_considered',
  'addresses_dropped',
  'dialed',
  'dns_ms',
  'connect_ms',
  'outcome',
  'policy_hash',
  'via',
  'tunnel',
  'message',
  'suggestion',
  'name_suggestion',
  'answer',
  'answered_by',
] as const;
const DECISION_NULLABLE = [
  'pid',
  'program',
  'rule',
  'dialed',
  'dns_ms',
  'connect_ms',
  'outcome',
  'policy_hash',
] as const;

/**
 * Every event with its fields, in the order of the log. The broker writes all of them except `http`: the supervisor writes that, with a gateway's
 * words, and takes none from a broker. A field that is `optional` may be missing, one that is `nullable` may be null,
 * and one in `always` has that one value, or one of those.
 */
export const AUDIT_EVENTS = {
  decision: {
    what: 'The broker decided on a connection. A permitted one has its line when the attempt is over.',
    fields: DECISION_FIELDS as typeof DECISION_FIELDS,
    nullable: DECISION_NULLABLE as typeof DECISION_NULLABLE,
    optional: ['via', 'tunnel', 'message', 'suggestion', 'name_suggestion', 'answer', 'answered_by'],
    always: {},
  },
  closed: {
    what: 'A connection of a plugin has ended: the socket is closed, and its last bytes are delivered. If a broker is replaced or a plugin ends, it may come before the line of its decision. The fields of its decision are null only if the path of a UNIX socket is too long to be kept.',
    fields: [
      'decision_id',
      'plugin',
      'pid',
      'program',
      'door',
      'host',
      'port',
      'dialed',
      'duration_ms',
      'sent_bytes',
      'received_bytes',
      'rtt_ms',
      'retransmits',
      'ended_by',
    ],
    nullable: [
      'decision_id',
      'pid',
      'program',
      'door',
      'host',
      'port',
      'dialed',
      'sent_bytes',
      'received_bytes',
      'rtt_ms',
      'retransmits',
    ],
    optional: [],
    always: {},
  },
  http: {
    what: 'A request through a gateway is over. The supervisor writes it, and the gateway says what is in it. `sent_bytes` and `received_bytes` are of bodies.',
    fields: [
      'plugin',
      'method',
      'host',
      'port',
      'path',
      'status',
      'sent_bytes',
      'received_bytes',
      'duration_ms',
      'rule',
      'decision',
      'reason',
      'message',
      'suggestion',
    ],
    nullable: ['rule', 'reason'],
    optional: ['message', 'suggestion'],
    always: { reason: HTTP_REASONS as typeof HTTP_REASONS },
  },
  explain: {
    what: 'A plugin asked over its channel how the broker would decide. Nothing was connected, and no metric counts it.',
    fields: DECISION_FIELDS as typeof DECISION_FIELDS,
    nullable: DECISION_NULLABLE as typeof DECISION_NULLABLE,
    optional: ['via', 'tunnel', 'message', 'suggestion', 'name_suggestion', 'answer', 'answered_by'],
    always: {},
  },
  question: {
    what: 'The DNS of the sandbox refused a name, or answered it only because the mode is audit. One line stands for all questions for a name within a minute.',
    fields: [
      'plugin',
      'questions',
      'repeated',
      'pid',
      'program',
      'door',
      'mode',
      'policy_hash',
      'name',
      'type',
      'decision',
      'reason',
      'rule',
      'addresses_dropped',
      'message',
      'suggestion',
      'answer',
      'answered_by',
    ],
    nullable: ['pid', 'program', 'policy_hash', 'name', 'type', 'reason', 'rule'],
    optional: ['suggestion', 'answer', 'answered_by'],
    always: {},
  },
  datagram: {
    what: 'Programs tried to send UDP to the outside. One line stands for all of them within a second, and names the first.',
    fields: ['plugin', 'pid', 'program', 'door', 'decision', 'count', 'host', 'port', 'reason', 'message'],
    nullable: ['pid', 'program', 'host', 'port'],
    optional: [],
    always: { decision: 'deny', reason: 'udp_refused' },
  },
  socket: {
    what: 'Programs tried to connect, bind or listen on a socket that postern had given them. One line stands for all such calls within a second, and names the first.',
    fields: [
      'plugin',
      'pid',
      'program',
      'door',
      'decision',
      'count',
      'host',
      'port',
      'reason',
      'call',
      'message',
    ],
    nullable: ['pid', 'program', 'host', 'port'],
    optional: [],
    always: { decision: 'deny', reason: 'foreign_netns' },
  },
  failed: {
    what: 'A connection that the rules permit was not made, or a name that they open was not resolved. The first failure of a destination is a line within a second, and its repetitions are one line a minute. An address that failed is not told if the name works by another one.',
    fields: [
      'plugin',
      'pid',
      'program',
      'door',
      'reason',
      'host',
      'port',
      'dialed',
      'count',
      'repeated',
      'message',
    ],
    nullable: ['pid', 'program', 'reason', 'host', 'port', 'dialed'],
    optional: [],
    always: { reason: FAILURES as typeof FAILURES },
  },
  loopback: {
    what: 'A program connected to its own loopback, where nobody listens. It may have meant the loopback of the host.',
    fields: ['plugin', 'pid', 'program', 'door', 'host', 'port', 'message', 'suggestion'],
    nullable: ['pid', 'program'],
    optional: [],
    always: {},
  },
  slow: {
    what: 'The plugin made the broker wait for too long, and was ended.',
    fields: ['plugin', 'action', 'milliseconds'],
    nullable: [],
    optional: [],
    always: { action: 'killed' },
  },
  limited: {
    what: 'A limit makes the plugin wait. One line stands for a minute.',
    fields: ['plugin', 'limit', 'message'],
    nullable: [],
    optional: [],
    always: { limit: 'questions_per_second' },
  },
  protocol_error: {
    what: 'The plugin sent something on its channel that is not in the protocol. The broker closed the channel.',
    fields: ['plugin', 'door', 'kind'],
    nullable: [],
    optional: [],
    always: {},
  },
} as const;

/** The events that the supervisor adds. The broker writes none of them. */
export const SUPERVISOR_EVENTS = {
  gap: {
    what: 'Events are missing here: nobody took them for so long that no more of them could wait, or a broker or a gateway that was killed took them along. Or the file of the log was deleted or renamed while it was in use; then `message` says so.',
    fields: ['events', 'from', 'to', 'message'],
    nullable: [],
    optional: ['message'],
    always: {},
  },
  policy: {
    what: 'The signed policy changed, or a look for it had another result than the look before. Until it is new again, the last good one stays in force.',
    fields: ['serial', 'result', 'message'],
    nullable: ['serial'],
    optional: [],
    always: {},
  },
  reload_failed: {
    what: 'The configuration could not be put in force anew, and the former one stays in force. One line stands for each attempt, and `message` says why. `postern_policy_reloads_total` counts the attempts.',
    fields: ['message'],
    nullable: [],
    optional: [],
    always: {},
  },
} as const;

/** The table with the same type for each event. */
export interface EventForm {
  readonly what: string;
  readonly fields: readonly AuditField[];
  readonly nullable: readonly AuditField[];
  readonly optional: readonly AuditField[];
  readonly always: Readonly<Partial<Record<AuditField, string | readonly string[]>>>;
}

type Fields = typeof AUDIT_FIELDS;
type Events = typeof AUDIT_EVENTS & typeof SUPERVISOR_EVENTS;

type AuditField = keyof Fields;
export type AuditEventName = keyof typeof AUDIT_EVENTS;
export type SupervisorEventName = keyof typeof SUPERVISOR_EVENTS;

type Word<W> = W extends readonly (infer One)[] ? One : W;

type Value<E extends keyof Events, F extends AuditField> =
  | (F extends keyof Events[E]['always'] ? Word<Events[E]['always'][F]> : AuditTypes[Fields[F]['type']])
  | (F extends Events[E]['nullable'][number] ? null : never);

/** The fields of any event, each as one that may be missing. */
export type AnyAuditFields = { readonly [F in AuditField]?: AuditTypes[Fields[F]['type']] | null };

type Optional<E extends keyof Events> = Events[E]['optional'][number];

/** The fields of an event, without `event` and `ts`. */
export type AuditFields<E extends keyof Events> = {
  readonly [F in Exclude<Events[E]['fields'][number], Optional<E>>]: Value<E, F>;
} & { readonly [F in Optional<E>]?: Value<E, F> };

/** One line of the log. Without `E`: any event of the broker or a gateway; `event` says which. */
export type AuditEvent<E extends keyof Events = AuditEventName> = E extends keyof Events
  ? {
      readonly event: E;
      /** When it was logged: ISO 8601 in UTC, with milliseconds. */
      readonly ts: string;
    } & AuditFields<E>
  : never;

/** One line of the log that the supervisor adds. */
export type SupervisorEvent = AuditEvent<SupervisorEventName>;

// Checks one line of the audit log against the table. Runs in the supervisor, which does not trust the broker's lines.

type Check = (value: unknown) => boolean;
type WordType = Exclude<keyof AuditTypes, 'string' | 'number' | 'boolean' | 'list of strings'>;

/** The words of each type that is a list of them. */
export const AUDIT_WORDS: { readonly [T in WordType]: readonly AuditTypes[T][] } = {
  door: DOORS,
  mode: MODES,
  decision: DECISIONS,
  reason: REASONS,
  outcome: OUTCOMES,
  call: WHOLLY_TRAPPED,
  kind: PROTOCOL_ERRORS,
  action: SLOW_ACTIONS,
  answer: ASK_ENDS,
  answerer: ANSWERERS,
  ended_by: ENDED_BY,
  result: POLICY_RESULTS,
};

const CHECKS: ReadonlyMap<unknown, ReadonlyMap<string, Check>> = new Map(
  Object.entries<EventForm>(AUDIT_EVENTS).map(([event, form]) => [event, checksOf(form)]),
);

/** @returns undefined if the value is no event of the table, or if a field is missing, unknown or of a wrong type */
export function readAuditEvent(value: unknown): AuditEvent | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { event, ts, ...fields } = value as Readonly<Record<string, unknown>>;
  const checks = CHECKS.get(event);
  if (checks === undefined || !isKept(ts)) return undefined;
  for (const [name, check] of checks) if (!check(fields[name])) return undefined;
  return Object.keys(fields).every((name) => checks.has(name)) ? (value as AuditEvent) : undefined;
}

function checksOf({ fields, nullable, optional, always }: EventForm): ReadonlyMap<string, Check> {
  const checkOf = (name: AuditField): Check => {
    const words = always[name];
    const check: Check =
      words === undefined
        ? checkType(AUDIT_FIELDS[name].type)
        : (value) => (typeof words === 'string' ? value === words : words.some((word) => word === value));
    const mayBeNull = nullable.includes(name);
    const mayBeMissing = optional.includes(name);
    return (value) => check(value) || (mayBeNull && value === null) || (mayBeMissing && value === undefined);
  };
  return new Map(fields.map((name) => [name, checkOf(name)]));
}

function isKept(value: unknown): value is string {
  // protects: G13 a broker's event has no text that fills the memory => return typeof value === 'string';
  return typeof value === 'string' && value.length <= KEPT_TEXT;
}

function checkType(type: keyof AuditTypes): Check {
  switch (type) {
    case 'string':
      return isKept;
    case 'number':
      return Number.isFinite;
    case 'boolean':
      return (value) => typeof value === 'boolean';
    case 'list of strings':
      return (value) => Array.isArray(value) && value.every(isKept);
    default: {
      const words: ReadonlySet<unknown> = new Set(AUDIT_WORDS[type]);
      return (value) => words.has(value);
    }
  }
}
