// The audit log in the forms that other programs read: OCSF 1.6.0 (Open Cybersecurity Schema Framework) and ECS 9.4 (Elastic Common Schema). And an event
// as a log record of OpenTelemetry, for the export. Runs in the supervisor. Pure.
//
// The form is that of the log alone. What postern itself reads (denials, learn, top, the library's events) are the events before they are written. An
// event loses nothing: it stands whole in `unmapped`, or in `postern`. Texts of plugins stay texts: no key and no class comes from one.
import { isIP } from 'node:net';
import { VERSION } from '../../../shared/bundles.js';
import type { AuditFormat } from '../../../shared/config/config-file.js';
import {
  type AnyAuditFields,
  AUDIT_FIELDS,
  type AuditEvent,
  type SupervisorEvent,
} from '../../../shared/protocol/audit-events.js';
import type { DecisionWord } from '../../../shared/words.js';

/** What a log has. */
export type Written = AuditEvent | SupervisorEvent;
type WrittenName = Written['event'];
interface Fields extends Omit<AnyAuditFields, 'reason'> {
  readonly event: WrittenName;
  readonly ts: string;
  /** Of a decision, or of a failure. */
  readonly reason?: string | null;
}

type Json = { readonly [key: string]: unknown };

export const OCSF_VERSION = '1.6.0';
export const ECS_VERSION = '9.4.0';

/** What every line has. */
interface Ocsf extends Json {
  readonly class_uid: number;
}
interface Ecs extends Json {
  readonly event: Json & { readonly kind: string; readonly type: readonly string[] };
}

/** @returns the event as a line of the log has it */
export function formatAudit(format: AuditFormat, event: Written): object {
  if (format === 'postern') return event;
  return format === 'ocsf' ? ocsf(event) : ecs(event);
}

// What happened, in the words of both forms.

type What = 'connected' | 'refused' | 'failed' | 'ended' | 'cut' | 'asked' | 'requested' | 'told' | 'found';

interface Kind {
  readonly about: 'connection' | 'name' | 'request' | 'incident';
  readonly what: (fields: Fields) => What;
  /** Of an incident. */
  readonly title?: string;
}

/** They ask nobody to act at once. */
const QUIET: readonly string[] = ['limited', 'policy', 'reload_failed'] satisfies readonly WrittenName[];

const incident = (title: string): Kind => ({ about: 'incident', what: () => 'found', title });

const KINDS: { readonly [E in WrittenName]: Kind } = {
  decision: {
    about: 'connection',
    what: ({ decision, outcome }) =>
      decision === 'deny' ? 'refused' : outcome === 'connected' ? 'connected' : 'failed',
  },
  closed: {
    about: 'connection',
    what: ({ ended_by: by }) => (by === 'closed' || by === 'unknown' ? 'ended' : 'cut'),
  },
  http: { about: 'request', what: () => 'requested' },
  explain: { about: 'connection', what: () => 'told' },
  question: { about: 'name', what: () => 'asked' },
  datagram: { about: 'connection', what: () => 'refused' },
  socket: incident('A program used a socket of the host against its purpose'),
  failed: { about: 'connection', what: () => 'failed' },
  loopback: { about: 'connection', what: () => 'failed' },
  slow: incident('A plugin stalled the broker and was ended'),
  limited: incident('A limit makes a plugin wait'),
  protocol_error: incident('A plugin broke the protocol of its channel'),
  gap: incident('Events are missing in the audit log'),
  policy: incident('A look for the signed policy had another result'),
  reload_failed: incident('A reload failed, and the former configuration stays in force'),
};

/** Of a failure: DNS, and no peer, did not work. It has no port. */
const kindOf = (fields: Fields): Kind => {
  const kind = KINDS[fields.event];
  return fields.event === 'failed' && fields.port === null ? { ...kind, about: 'name' } : kind;
};

/** Keys without a value are left out. */
function present(value: Json): Json | undefined {
  const entries = Object.entries(value).filter(([, one]) => one !== undefined && one !== null);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** A name, an address, or both; of a UNIX socket its path. */
function destination({ host, port, dialed, names }: Fields): { name?: string; ip?: string; port?: number } {
  if (host === null || host === undefined) return {};
  if (host.startsWith('unix:')) return { name: host };
  const ip = isIP(host) > 0 ? host : (dialed ?? undefined);
  const name = isIP(host) > 0 ? names?.[0] : host;
  return {
    ...(name !== undefined && { name }),
    ...(ip !== undefined && isIP(ip) > 0 && { ip }),
    ...(typeof port === 'number' && port > 0 && { port }),
  };
}

const isUnix = ({ host }: Fields): boolean => host?.startsWith('unix:') === true;
const transport = (fields: Fields): string | undefined =>
  fields.event === 'datagram' ? 'udp' : isUnix(fields) ? undefined : 'tcp';
const durationMs = ({ duration_ms, milliseconds, connect_ms }: Fields): number | undefined =>
  duration_ms ?? milliseconds ?? connect_ms ?? undefined;

// OCSF. Whatever has no attribute there is in `unmapped`.

const CLASSES = { connection: 4001, request: 4002, name: 4003, incident: 2004 } as const;

const OTHER = 99;
const ACTIVITY: { readonly [W in What]: number } = {
  ...{ connected: 1, ended: 2, cut: 3, failed: 4, refused: 5 },
  // Of a name: a query.
  asked: 1,
  ...{ told: OTHER, requested: OTHER },
  // A finding is created.
  found: 1,
};
const METHODS = ['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'TRACE', 'PATCH'];
const ACTIONS: { readonly [D in DecisionWord]: readonly [action: number, disposition: number] } = {
  ...{ allow: [1, 1], deny: [2, 2] },
  // It was allowed, and logged since no rule allows it.
  would_deny: [3, 17],
};
const RCODES: Readonly<Record<string, number>> = { name_unknown: 3, dns_failed: 2 };
const [INFORMATIONAL, LOW, MEDIUM, HIGH] = [1, 2, 3, 4];
const [OUTBOUND, TCP, UDP] = [2, 6, 17];
/** A response to a query. */
const RESPONSE = 2;

export function ocsf(event: Written): Ocsf {
  const fields: Fields = event;
  const { about, what, title } = kindOf(fields);
  const did = what(fields);
  const classUid = CLASSES[about];
  const activity = activityOf(fields, about, did);
  const [action, disposition] = typeof fields.decision === 'string' ? ACTIONS[fields.decision] : [];
  const time = Date.parse(fields.ts);
  const failed = did === 'failed' || did === 'refused' || fields.decision === 'deny';
  return {
    ...{ class_uid: classUid, category_uid: Math.floor(classUid / 1000), activity_id: activity },
    ...(activity === OTHER && { activity_name: fields.event }),
    ...{ type_uid: classUid * 100 + activity, time, severity_id: severityOf(fields, about) },
    ...(about !== 'incident' && { status_id: failed ? 2 : 1 }),
    ...present({ status_code: fields.reason, message: fields.message ?? title }),
    metadata: {
      version: OCSF_VERSION,
      product: { name: 'postern', vendor_name: 'postern', version: VERSION },
      profiles: ['host', 'security_control'],
      ...{ log_name: 'audit', event_code: fields.event, original_time: fields.ts },
    },
    ...present({
      action_id: action,
      disposition_id: disposition,
      firewall_rule: present({ name: fields.rule }),
      policy: present({ uid: fields.policy_hash }),
      actor: present({
        app_name: fields.plugin,
        process:
          typeof fields.pid === 'number' ? present({ pid: fields.pid, name: fields.program }) : undefined,
      }),
      count: fields.count ?? fields.questions,
      duration: about === 'incident' ? undefined : rounded(durationMs(fields)),
    }),
    ...ABOUT[about](fields, time, title),
    unmapped: event,
  };
}

function activityOf({ method, event }: Fields, about: Kind['about'], did: What): number {
  // They are numbered from 1 on. 0 is unknown.
  if (about === 'request') return METHODS.indexOf(method ?? '') + 1 || OTHER;
  return about === 'name' && event === 'failed' ? RESPONSE : ACTIVITY[did];
}

function severityOf({ event, decision }: Fields, about: Kind['about']): number {
  if (about === 'incident') return QUIET.includes(event) ? LOW : event === 'socket' ? MEDIUM : HIGH;
  return decision === 'deny' ? LOW : INFORMATIONAL;
}

const rounded = (value: number | undefined): number | undefined =>
  value === undefined ? undefined : Math.round(value);

const endpoints = (fields: Fields): Json => {
  const { name, ip, port } = destination(fields);
  const protocol = transport(fields);
  return {
    src_endpoint: { name: fields.plugin },
    ...present({
      dst_endpoint: isUnix(fields) ? { name } : present({ hostname: name, ip, port }),
      connection_info:
        protocol === undefined
          ? undefined
          : {
              direction_id: OUTBOUND,
              protocol_name: protocol,
              protocol_num: protocol === 'udp' ? UDP : TCP,
            },
    }),
  };
};

const ABOUT: {
  readonly [A in Kind['about']]: (fields: Fields, time: number, title: string | undefined) => Json;
} = {
  connection: (fields) => ({
    ...endpoints(fields),
    ...present({
      traffic: present({ bytes_out: fields.sent_bytes, bytes_in: fields.received_bytes }),
    }),
  }),
  name: (fields, time) => ({
    src_endpoint: { name: fields.plugin },
    ...present({
      query: present({ hostname: fields.name ?? fields.host, type: fields.type }),
      rcode_id: fields.event === 'failed' ? RCODES[fields.reason ?? ''] : undefined,
      query_time: fields.event === 'failed' ? undefined : time,
    }),
  }),
  request: (fields) => ({
    ...endpoints(fields),
    http_request: present({
      http_method: fields.method,
      url: { path: fields.path, ...present({ hostname: fields.host, port: fields.port, scheme: 'https' }) },
      body_length: fields.sent_bytes,
    }),
    http_response: { code: fields.status, ...present({ body_length: fields.received_bytes }) },
  }),
  incident: (fields, time, title) => ({
    is_alert: !QUIET.includes(fields.event),
    finding_info: {
      uid: [fields.ts, fields.event, fields.plugin ?? ''].join(' '),
      ...{ title, types: [fields.event], created_time: time },
      ...present({ desc: fields.message }),
    },
  }),
};

// ECS. Whatever has no field there is in `postern`.

const TYPES: { readonly [W in What]: readonly string[] } = {
  connected: ['connection', 'start'],
  refused: ['connection'],
  failed: ['connection', 'error'],
  ended: ['connection', 'end'],
  cut: ['connection', 'end'],
  asked: ['protocol'],
  requested: ['protocol', 'access'],
  told: ['info'],
  found: ['info'],
};
const NANOSECONDS = 1_000_000;

export function ecs(event: Written): Ecs {
  const fields: Fields = event;
  const { about, what, title } = kindOf(fields);
  const did = what(fields);
  const { name, ip, port } = destination(fields);
  const denied = fields.decision === 'deny';
  const milliseconds = durationMs(fields);
  const decided = fields.decision === undefined ? [] : [denied ? 'denied' : 'allowed'];
  const isRequest = about === 'request';
  return {
    '@timestamp': fields.ts,
    ecs: { version: ECS_VERSION },
    event: {
      kind: about === 'incident' && !QUIET.includes(fields.event) ? 'alert' : 'event',
      category: ['network', ...(isRequest ? ['web'] : [])],
      type: [...TYPES[did], ...decided],
      ...{ action: fields.event, provider: 'postern', dataset: 'postern.audit' },
      outcome: denied || did === 'failed' || did === 'refused' ? 'failure' : 'success',
      ...present({
        reason: fields.reason,
        duration: milliseconds === undefined ? undefined : Math.round(milliseconds * NANOSECONDS),
      }),
    },
    ...{ observer: { product: 'postern', vendor: 'postern', type: 'firewall', version: VERSION } },
    ...present({
      message: fields.message ?? title,
      service: present({ name: fields.plugin }),
      process: present({ pid: fields.pid, name: fields.program }),
      rule: present({ name: fields.rule }),
      network:
        about === 'incident' ? undefined : present({ direction: 'egress', transport: transport(fields) }),
      source: isRequest ? undefined : present({ bytes: fields.sent_bytes }),
      destination: present({
        address: name ?? ip,
        ...{ domain: isUnix(fields) ? undefined : name, ip, port },
        bytes: isRequest ? undefined : fields.received_bytes,
      }),
      dns:
        about === 'name'
          ? present({ question: present({ name: fields.name ?? fields.host, type: fields.type }) })
          : undefined,
      http: isRequest
        ? {
            request: { method: fields.method, body: { bytes: fields.sent_bytes } },
            response: { status_code: fields.status, body: { bytes: fields.received_bytes } },
          }
        : undefined,
      url: isRequest
        ? { scheme: 'https', domain: fields.host, port: fields.port, path: fields.path }
        : undefined,
    }),
    postern: event,
  };
}

// OpenTelemetry: a LogRecord in the JSON of OTLP 1.5. A field that its semantic conventions name has that name, each other one `postern.` and its own.

type AuditField = keyof typeof AUDIT_FIELDS;
type Names = { readonly [F in AuditField]?: string };

const NAMES: Names = {
  pid: 'process.pid',
  program: 'process.executable.name',
  host: 'destination.address',
  port: 'destination.port',
  dialed: 'network.peer.address',
  name: 'dns.question.name',
};
/** Of a request, the destination is a server. */
const REQUEST_NAMES: Names = {
  ...NAMES,
  host: 'server.address',
  port: 'server.port',
  method: 'http.request.method',
  path: 'url.path',
  status: 'http.response.status_code',
  sent_bytes: 'http.request.body.size',
  received_bytes: 'http.response.body.size',
};
const INFO = [9, 'INFO'] as const;
const SEVERITIES: Readonly<Record<number, readonly [number: number, text: string]>> = {
  [LOW]: [13, 'WARN'],
  [MEDIUM]: [13, 'WARN'],
  [HIGH]: [17, 'ERROR'],
};

/** @returns the record as JSON has it */
export function otlpRecord(event: Written): Json {
  const fields: Fields = event;
  const { about, title } = kindOf(fields);
  const [severityNumber, severityText] = SEVERITIES[severityOf(fields, about)] ?? INFO;
  const names = about === 'request' ? REQUEST_NAMES : NAMES;
  // protects: G25 export: a record has a time, whatever the broker wrote => const milliseconds = Date.parse(fields.ts);
  const milliseconds = Date.parse(fields.ts) || Date.now();
  const protocol = about === 'connection' ? (isUnix(fields) ? 'unix' : transport(fields)) : undefined;
  // The message is the body.
  const { ts, message, ...rest } = fields;
  const attributes = Object.entries(rest).flatMap(([name, value]) => {
    const read = otlpValue(name, value);
    return read === undefined ? [] : [{ key: names[name as AuditField] ?? `postern.${name}`, value: read }];
  });
  if (protocol !== undefined) attributes.push({ key: 'network.transport', value: stringValue(protocol) });
  return {
    ...{ timeUnixNano: `${milliseconds}000000`, severityNumber, severityText },
    ...{
      eventName: `postern.${fields.event}`,
      body: stringValue(message ?? title ?? inShort(fields)),
    },
    attributes,
  };
}

/** For those who read bodies alone. */
function inShort({ event, plugin, decision, host, port }: Fields): string {
  const to = typeof port === 'number' && port > 0 ? `${host}:${port}` : host;
  return [event, decision, plugin, to].filter((one) => typeof one === 'string').join(' ');
}

/** Without lone surrogates: a collector refuses the whole batch of a text that is no Unicode. */
export function stringValue(text: string): Json {
  // protects: G25 export: a text that is no Unicode spoils no batch => return { stringValue: text };
  return { stringValue: Buffer.from(text).toString() };
}

/** An attribute has one type in all records. @returns undefined for a field without a value */
function otlpValue(name: string, value: unknown): Json | undefined {
  if (typeof value === 'string') return stringValue(value);
  if (typeof value === 'boolean') return { boolValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map((one) => stringValue(String(one))) } };
  if (typeof value !== 'number') return undefined;
  const field = Object.hasOwn(AUDIT_FIELDS, name) ? AUDIT_FIELDS[name as AuditField] : undefined;
  const isTime = field !== undefined && 'unit' in field && field.unit === 'milliseconds';
  return isTime || !Number.isSafeInteger(value) ? { doubleValue: value } : { intValue: String(value) };
}
