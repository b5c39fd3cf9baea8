// docs/metrics.md, from the metric tables of supervisor and broker.
import { METRICS } from '../../broker/record/broker-metrics.js';
import { SUPERVISOR_METRICS } from '../../sandbox/supervisor/record/supervisor-metrics.js';
import { COUNTED_LIMITS } from '../../shared/config/limit-forms.js';
import {
  METRICS_ANSWER_MS,
  METRICS_CONNECTIONS,
  METRICS_PAUSE_MS,
  METRICS_REQUEST_MS,
  SURVEY_MS,
  SURVEYED_CONNECTIONS,
} from '../../shared/limits.js';
import { type LabelValues, type MetricForm, PLUGIN_LABEL } from '../../shared/metrics/metric-form.js';
import { RULE_CLASSES } from '../../shared/policy/special-blocks.js';
import { code, meanings, table } from './markdown.js';
import {
  ACTION_MEANINGS,
  CLASS_MEANINGS,
  EXIT_MEANINGS,
  HTTP_MEANINGS,
  LOOKUP_MEANINGS,
  QUESTION_MEANINGS,
  START_MEANINGS,
  STATE_MEANINGS,
  TRAP_MEANINGS,
} from './word-meanings.js';

/** A label with more values than these is described below the tables. */
const MOST_VALUES = 6;

export function metricsPage(): string {
  return `# Metrics

\`metrics: HOST:PORT\` in postern.yaml, or \`--metrics HOST:PORT\` of \`run\`, serves two pages:

- \`/metrics\`: every metric below, in the text format of Prometheus.
- \`/healthz\`: status 200 while a broker runs and answers, 503 otherwise.

A page is made once for all clients that wait for it, ${1_000 / METRICS_PAUSE_MS} times a second at most. ${METRICS_CONNECTIONS} clients may be connected at the same
time, and further connections are closed. A client has ${METRICS_REQUEST_MS / 1_000} s to send its request, and ${METRICS_ANSWER_MS / 1_000} s until it has read the answer.

The series of a plugin appear when it is configured, and start at 0. If a feature is rare, its series appear with it:

- with egress \`transparent\`: trapped calls, and questions to the sandbox's DNS server;
- with the first request of the client library: its door, and protocol errors;
- with \`unknown: ask\`, mode \`audit\`, deny rules, and limits: what only these count;
- once there is something to count: the other words of a label, and the histogram of connections.

The bytes of a connection count while it is open. Each page first asks the kernel for them: ${SURVEYED_CONNECTIONS.toLocaleString('en')} connections of each plugin, and within
${SURVEY_MS / 1_000} s. What is left out comes with a later page, and at the latest with the end of the connection. If a plugin has just
[stalled](design/stalls.md) the broker, no page waits for it.

No counter falls when another broker takes over. What a broker that died had counted since the last page is missing.

## Of the supervisor
${metricTable(Object.values<MetricForm>(SUPERVISOR_METRICS))}

## Of the broker
${metricTable(Object.values<MetricForm>(METRICS))}

## What the values of labels mean
The words of \`decision\`, \`reason\`, \`outcome\`, \`kind\`, \`door\`, and of \`result\` of the signed policy, are those of the [audit log](audit.md#words).

\`postern_decisions_total\` counts a name that the sandbox's DNS refuses as one denial. Repetitions within a minute do not count again. So it
agrees with the lines of the audit log that are no repetition.

\`postern_connect_failures_total\` is the sum of \`count\` over the lines [\`failed\`](audit.md#failed) of the audit log. Its \`reason\` is theirs.

${meanings('`state` of a plugin', STATE_MEANINGS)}

${meanings('`cause` of a start', START_MEANINGS)}

${meanings('`cause` of an end', EXIT_MEANINGS)}

${meanings('`outcome` of a request through a gateway', HTTP_MEANINGS)}

${meanings('`limit`', limitMeanings())}

${meanings('`answer` to a trapped call', TRAP_MEANINGS)}

${meanings('`answer` to a question', QUESTION_MEANINGS)}

${meanings('`result` of a lookup', LOOKUP_MEANINGS)}

${meanings('`action`', ACTION_MEANINGS)}

The \`class\` of an address is one of the [classes of rules](rules.md#what-a-rule-says), or one that no rule can name:

${meanings('`class`', otherClasses())}
`;
}

function otherClasses(): Readonly<Record<string, string>> {
  const named: readonly string[] = RULE_CLASSES;
  return Object.fromEntries(Object.entries(CLASS_MEANINGS).filter(([name]) => !named.includes(name)));
}

function limitMeanings(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    COUNTED_LIMITS.map(({ word, counts, onlyWithCgroup }) => [
      word,
      onlyWithCgroup ? `${counts} Only with a cgroup.` : counts,
    ]),
  );
}

function metricTable(forms: readonly MetricForm[]): string {
  return table(
    ['metric', 'kind', 'labels', 'counts'],
    forms.map(({ name, kind, labels, help }) => [code(name), kind, describeLabels(labels), `${help}.`]),
  );
}

function describeLabels(labels: MetricForm['labels']): string {
  return Object.entries(labels)
    .map(([name, values]) => `${code(name)}${describeValues(values)}`)
    .join('; ');
}

function describeValues(values: LabelValues): string {
  // Every metric of a plugin has this label.
  if (values === PLUGIN_LABEL) return '';
  if ('any' in values) return `: ${values.any}`;
  return values.length > MOST_VALUES ? '' : `: ${values.map(code).join(', ')}`;
}
