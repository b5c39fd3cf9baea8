// docs/audit.md, from the table of audit events.
import { ECS_VERSION, ecs, OCSF_VERSION, ocsf } from '../../sandbox/supervisor/record/audit-formats.js';
import {
  AUDIT_EVENTS,
  AUDIT_FIELDS,
  AUDIT_WORDS,
  type EventForm,
  SUPERVISOR_EVENTS,
} from '../../shared/protocol/audit-events.js';
import { AUDIT_EXAMPLES, SUPERVISOR_EXAMPLES } from './audit-examples.js';
import { choice, code, meanings, table } from './markdown.js';
import {
  ANSWER_MEANINGS,
  ANSWERER_MEANINGS,
  DECISION_MEANINGS,
  ENDED_BY_MEANINGS,
  FAILURE_MEANINGS,
  HTTP_REASON_MEANINGS,
  KIND_MEANINGS,
  OUTCOME_MEANINGS,
  POLICY_MEANINGS,
  REASON_MEANINGS,
} from './word-meanings.js';

const EXAMPLES: Readonly<Record<string, unknown>> = {
  ...AUDIT_EXAMPLES,
  ...SUPERVISOR_EXAMPLES,
};

/** Words that have their own table on the page. */
const DESCRIBED: ReadonlySet<string> = new Set([
  'reason',
  'outcome',
  'kind',
  'answer',
  'answerer',
  'ended_by',
  'result',
]);

export function auditPage(): string {
  return `# Audit log

\`audit: stderr\`, \`stdout\` or a path in postern.yaml, or \`--audit FILE\` of \`run\`, writes the audit log. It has one line of JSON for
each event, in ASCII.

- Past \`log_lines_per_second\` events are left out. \`postern_audit_events_dropped_total\` counts them.
- If nobody reads the log, or the disk is full, up to 4 MiB of events wait. Beyond that they are left out, unless [plugins wait](#no-event-is-left-out). A line \`gap\` in the log says how
  many are missing. \`postern_audit_up\` is 0 meanwhile, and a line on stderr says so.
- A named pipe (fifo) may change its reader. A plugin that sees the pipe is not started, because it could read the log empty. Put the pipe into a folder of its own.
- \`up\` opens the file anew at SIGHUP, so that logrotate(8) can rename it (deploy/logrotate.conf).
- A line with \`repeated: true\` stands for up to a minute. A broker that is killed takes the repetitions since the last one along, and no line \`gap\` counts
  them: each repeats an earlier line. What it had gathered of further names in one line goes too. A broker that is replaced or ends in order writes both.
- If a file is deleted or renamed without that signal, postern makes a new one at its path within a second. A line \`gap\` there says so.
  - After a deletion, \`events\` are those that postern wrote into the deleted file since it last saw the file at its path. After a renaming it is 0.
  - If postern cannot make the file, it goes on in the former one and tries again each second. It opens no link and no pipe there.
- If the last line of a file has no end, as after a full disk, postern ends that line before it writes. So a reader must expect a line that is
  no JSON.

## Read it
\`postern audit\` prints the file that \`audit\` of postern.yaml names, one line an event, with the rule that would allow what was refused.
\`postern audit FILE\` prints another one. It needs no running postern.

- \`--plugin NAME\` and \`--since 1h\` choose events. A line without a plugin, as \`gap\`, concerns every plugin.
- \`--follow\` goes on, also in the file that takes the place of the log at a rotation.
- \`--json\` prints the chosen events as they are.
- It reads regular files alone: a pipe would lose what it reads. With \`audit: stderr\` the log is where the output of \`up\` goes, for example in the journal.

## Other forms
\`\`\`yaml
audit:
  to: /var/log/postern/audit.log
  format: ocsf                 # or ecs; postern, if it is not written
\`\`\`

\`ocsf\` writes each line as the Open Cybersecurity Schema Framework ${OCSF_VERSION} has it, \`ecs\` as the Elastic Common Schema ${ECS_VERSION} does. The event
stands whole in \`unmapped\`, or in \`postern\`: nothing is lost.

- Only the log has this form. \`postern denials\`, \`learn\`, \`top\` and the library work as before.
- \`postern audit\` reads postern's own form alone, and says so.
- An [export](how-to/export.md) sends the events as log records of OpenTelemetry, whatever the form.
- It is for \`up\`. A change of the form takes effect when postern starts again.
- In OCSF the plugin is \`actor.app_name\` and \`src_endpoint.name\`. In ECS it is \`service.name\`.

${formTable()}

## No event is left out
\`\`\`yaml
audit:
  to: /var/log/postern/audit.log
  when_full: block             # drop, if it is not written
\`\`\`

Use it where a connection without a line is worse than no connection. It is for \`up\`; \`run\` and \`learn\` leave events out.

- Once 4 MiB of events wait, new requests of every plugin wait before the broker decides on them: connects to the outside, questions to DNS,
  requests on a channel. They go on when half of the events are written.
- Open connections go on. So do calls within the sandbox, /healthz, the metrics, and the end of postern.
- A request waits at most as long as its own time limit. If the log has no room then, nothing was decided, and there is no event.
  - connect(2): 30 s, or its SO_SNDTIMEO; then ETIMEDOUT.
  - \`connect\` of the client library: its own time limit.
  - A question to DNS: 6 s; then it gets no answer.
- connect(2) on a non-blocking socket waits too, and with it an event loop that calls it.
- A request that finds the queue full waits in the channel or in the kernel, instead of getting EAGAIN. No plugin is ended or slowed down for it.
- One plugin that makes events faster than the log takes them makes all plugins wait. \`log_lines_per_second\` bounds its events: past it the plugin waits. Lines of its output are left out as
  without \`block\`.
- If 8 MiB wait, no plugin starts or restarts before 2 MiB are left. [What comes on top of the 4 MiB](design/broker.md#a-full-audit-log) is bounded.
- If the reader of a pipe or terminal is gone for good, connections wait until postern ends.

Some events can still be missing. When postern ends, it writes for 2 s; a line on stderr says how many events were left then.
A broker that is killed takes the events of its last milliseconds and of requests under way with it. What postern writes into a deleted file,
before it notices, is gone.

## Events
Each event has \`event\`, its name, and \`ts\`, when it was logged: ISO 8601 in UTC. A field with a question mark may be missing. "or
null" marks a field that may be null. The examples are invented.

${eventSections()}

## Fields
${fieldTable()}

## Words
${meanings('`decision`', DECISION_MEANINGS)}

${meanings('`reason`', REASON_MEANINGS)}

A plugin sees \`address_refused\` instead of \`address_denied\` and \`address_special\`: it must not learn which of them it was.

${meanings('`reason` of `failed`', FAILURE_MEANINGS)}

${meanings('`reason` of `http`', HTTP_REASON_MEANINGS)}

${meanings('`outcome`', OUTCOME_MEANINGS)}

${meanings('`ended_by`', ENDED_BY_MEANINGS)}

${meanings('`kind`', KIND_MEANINGS)}

${meanings('`answer`', ANSWER_MEANINGS)}

${meanings('`answered_by`', ANSWERER_MEANINGS)}

${meanings('`result` of a look for the signed policy', POLICY_MEANINGS)}
`;
}

/** Which class and types the examples have in the other forms. */
function formTable(): string {
  const rows = [...Object.values(AUDIT_EXAMPLES), ...Object.values(SUPERVISOR_EXAMPLES)].map((event) => {
    const { class_uid: uid } = ocsf(event);
    const { event: described } = ecs(event);
    return [
      code(event.event),
      `${CLASS_NAMES[uid]} (${uid})`,
      `${described.kind}: ${described.type.map(code).join(', ')}`,
    ];
  });
  return table(['event', 'OCSF class', 'ECS `event.kind` and `event.type` of its example'], rows);
}

const CLASS_NAMES: Readonly<Record<number, string>> = {
  2004: 'Detection Finding',
  4001: 'Network Activity',
  4002: 'HTTP Activity',
  4003: 'DNS Activity',
};

function eventSections(): string {
  const firstWith = new Map<string, string>();
  const sections = Object.entries<EventForm>({ ...AUDIT_EVENTS, ...SUPERVISOR_EVENTS }).map(
    ([name, form]) => {
      const fields = fieldList(form);
      const same = firstWith.get(fields);
      if (same === undefined) firstWith.set(fields, name);
      return `### ${name}
${form.what}

Fields: ${same === undefined ? fields : `those of [${code(same)}](#${same})`}.

\`\`\`json
${JSON.stringify(EXAMPLES[name])}
\`\`\``;
    },
  );
  return sections.join('\n\n');
}

function fieldList({ fields, nullable, optional, always }: EventForm): string {
  const describe = (field: (typeof fields)[number]): string => {
    const value = always[field];
    if (typeof value === 'string') return `${code(field)} (always ${code(value)})`;
    if (value !== undefined) return `${code(field)} (${choice(value)})`;
    if (optional.includes(field)) return `${code(field)}?`;
    return nullable.includes(field) ? `${code(field)} or null` : code(field);
  };
  return fields.map(describe).join(', ');
}

function fieldTable(): string {
  return table(
    ['field', 'type', 'meaning'],
    Object.entries(AUDIT_FIELDS).map(([field, form]) => {
      const unit = 'unit' in form ? `, in ${form.unit}` : '';
      return [code(field), `${typeText(form.type)}${unit}`, form.what];
    }),
  );
}

function typeText(type: (typeof AUDIT_FIELDS)[keyof typeof AUDIT_FIELDS]['type']): string {
  if (!(type in AUDIT_WORDS)) return type;
  return DESCRIBED.has(type)
    ? `one of [these words](#words)`
    : choice(AUDIT_WORDS[type as keyof typeof AUDIT_WORDS]);
}
