// The series of one metric in Prometheus' text format, as prom-client writes them, but some in each turn of the event loop.
// Runs in the broker and in the supervisor.
import { setImmediate } from 'node:timers/promises';
import { SERIES_PER_TURN } from '../limits.js';

type Labels = Readonly<Partial<Record<string, string | number>>>;

/** As a metric of prom-client returns itself. */
export interface ReadMetric {
  readonly name: string;
  readonly help: string;
  readonly type: unknown;
  readonly values: readonly {
    readonly value: number;
    readonly labels: Labels;
    /** Of a histogram: the name with `_bucket`, `_sum` or `_count`. */
    readonly metricName?: string | undefined;
  }[];
}

export async function* seriesText({ name, help, type, values }: ReadMetric): AsyncGenerator<string, void> {
  let text = `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n`;
  let left = SERIES_PER_TURN;
  for (const { value, labels, metricName = name } of values) {
    text += `${metricName}${labelText(labels)} ${numberText(value)}\n`;
    left -= 1;
    if (left > 0) continue;
    yield text;
    // protects: G8 metrics: a long page is written over many turns of the event loop
    await setImmediate();
    text = '';
    left = SERIES_PER_TURN;
  }
  yield `${text}\n`;
}

function labelText(labels: Labels): string {
  let text = '';
  for (const label in labels)
    text += `${text === '' ? '{' : ','}${label}="${escapeValue(String(labels[label]))}"`;
  return text === '' ? '' : `${text}}`;
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'Nan';
  return Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf';
}

/** Few texts have such a character, and a search is cheaper than a replacement. */
function escaped(text: string): string {
  if (!/[\\\n]/.test(text)) return text;
  return text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');
}

function escapeValue(text: string): string {
  const safe = escaped(text);
  return safe.includes('"') ? safe.replace(/"/g, '\\"') : safe;
}
