// docs/audit.md, from the table of audit events.
import {
  AUDIT_EVENTS,
  AUDIT_FIELDS,
  type EventForm,
  SUPERVISOR_EVENTS,
} from '../../shared/protocol/audit-events.js';
import { AUDIT_WORDS } from '../../shared/protocol/read-audit-event.js';
import { AUDIT_EXAMPLES, GAP_EXAMPLE } from './audit-examples.js';
import { choice, code, meanings, table } from './markdown.js';
import {
  ACTION_MEANINGS,
  DECISION_MEANINGS,
  KIND_MEANINGS,
  OUTCOME_MEANINGS,
  REASON_MEANINGS,
} from './word-meanings.js';

const EXAMPLES: Readonly<Record<string, unknown>> = { ...AUDIT_EXAMPLES, gap: GAP_EXAMPLE };

/** Words that have their own table on the page. */
const DESCRIBED: ReadonlySet<string> = new Set(['reason', 'outcome', 'kind']);

export function auditPage(): string {
  return `# Audit log

\`audit: stderr\`, \`stdout\` or a path in postern.yaml, or \`--audit FILE\` of \`run\`, writes the audit log. It has one line of JSON for
each event, in ASCII.

- Past \`log_lines_per_second\` events are left out. \`postern_audit_events_dropped_total\` counts them.
- If nobody reads the log, or the disk is full, up to 4 MiB of events wait. Beyond that they are left out. A line \`gap\` in the log says how
  many are missing, and from when to when. \`postern_audit_up\` is 0 meanwhile, and a line on stderr says so.
- The log goes on when it is read again, or when the disk has room again. A named pipe (fifo) may change its reader.
- \`up\` opens the file anew at SIGHUP, so that logrotate(8) can rename it (deploy/logrotate.conf).

## Events
Each event has \`event\`, its name, and \`ts\`, when it was logged: ISO 8601 in UTC. A field with a question mark may be missing. "or
null" marks a field that may be null. The examples are invented.

${Object.entries<EventForm>({ ...AUDIT_EVENTS, ...SUPERVISOR_EVENTS })
  .map(eventSection)
  .join('\n\n')}

## Fields
${fieldTable()}

## Words
${meanings('`decision`', DECISION_MEANINGS)}

${meanings('`reason`', REASON_MEANINGS)}

A plugin sees \`address_refused\` instead of \`address_denied\` and \`address_special\`: it must not learn which of them it was.

${meanings('`outcome`', OUTCOME_MEANINGS)}

${meanings('`kind`', KIND_MEANINGS)}

${meanings('`action`', ACTION_MEANINGS)}
`;
}

function eventSection([name, { what, fields, nullable, optional, always }]: [string, EventForm]): string {
  const describe = (field: (typeof fields)[number]): string => {
    const value = always[field];
    if (value !== undefined) return `${code(field)} (always ${code(value)})`;
    if (optional.includes(field)) return `${code(field)}?`;
    return nullable.includes(field) ? `${code(field)} or null` : code(field);
  };
  return `### ${name}
${what}

Fields: ${fields.map(describe).join(', ')}.

\`\`\`json
${JSON.stringify(EXAMPLES[name])}
\`\`\``;
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
