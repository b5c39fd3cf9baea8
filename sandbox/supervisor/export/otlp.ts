// The requests of OTLP over HTTP, as JSON: opentelemetry-proto 1.5, its mapping of proto3 to JSON. A record of the log is made by otlpRecord(), metrics from
// the page that Prometheus reads. Runs in the supervisor. Pure. A broker that was taken over can write any page: what is no series is left out.
import { hostname } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { VERSION } from '../../../shared/bundles.js';
import { SERIES_PER_TURN } from '../../../shared/limits.js';
import { stringValue } from '../record/audit-formats.js';

type Json = { readonly [key: string]: unknown };

const SCOPE = { name: 'postern', version: VERSION };
/** The sum since the start, AGGREGATION_TEMPORALITY_CUMULATIVE. */
const CUMULATIVE = 2;
/** Of one request. */
const MOST_POINTS = 1000;

/** @param config the path of the configuration: a host may run several */
export function resourceOf(config: string): Json {
  const host = hostname();
  return {
    attributes: attributesOf({
      'service.name': 'postern',
      'service.version': VERSION,
      'service.instance.id': `${host}:${config}`,
      'host.name': host,
    }),
  };
}

/** @param records each as JSON */
export function logsBody(resource: Json, records: readonly string[]): string {
  const head = JSON.stringify({ resource, scope: SCOPE }).slice(1, -1);
  const [ofResource = '', ofScope = ''] = head.split(',"scope":');
  return `{"resourceLogs":[{${ofResource},"scopeLogs":[{"scope":${ofScope},"logRecords":[${records.join(',')}]}]}]}`;
}

interface MetricsRequest {
  readonly body: string;
  readonly points: number;
}

/** @param page in Prometheus' text format @param startedMs when the counters began */
export async function* metricsBodies(
  resource: Json,
  page: string,
  startedMs: number,
  nowMs: number,
): AsyncGenerator<MetricsRequest, void> {
  const times = { startTimeUnixNano: `${startedMs}000000`, timeUnixNano: `${nowMs}000000` };
  let metrics: Json[] = [];
  let points = 0;
  const request = (): MetricsRequest => {
    const scopeMetrics = [{ scope: SCOPE, metrics }];
    const made = { body: JSON.stringify({ resourceMetrics: [{ resource, scopeMetrics }] }), points };
    metrics = [];
    points = 0;
    return made;
  };
  for await (const { name, help, kind, series } of familiesOf(page)) {
    const all =
      kind === 'histogram' ? histogramPoints(series, times) : series.map((one) => point(one, times));
    for (let at = 0; at < all.length; ) {
      const some = all.slice(at, at + MOST_POINTS - points);
      metrics.push({ name, description: help, ...dataOf(kind, some) });
      at += some.length;
      points += some.length;
      if (points === MOST_POINTS) yield request();
    }
  }
  if (points > 0) yield request();
}

function dataOf(kind: Kind, dataPoints: readonly Json[]): Json {
  if (kind === 'gauge') return { gauge: { dataPoints } };
  if (kind === 'histogram') return { histogram: { aggregationTemporality: CUMULATIVE, dataPoints } };
  return { sum: { aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints } };
}

type Times = Readonly<Record<'startTimeUnixNano' | 'timeUnixNano', string>>;

function point({ labels, value }: Series, times: Times): Json {
  return { attributes: attributesOf(labels), ...times, asDouble: value };
}

/** Prometheus counts in each bucket what is in the ones below too, OTLP does not. */
function histogramPoints(series: readonly Series[], times: Times): readonly Json[] {
  const histograms = new Map<
    string,
    { labels: Labels; buckets: [bound: number, below: number][]; sum: number }
  >();
  for (const {
    name,
    labels: { le, ...labels },
    value,
  } of series) {
    const key = JSON.stringify(labels);
    const histogram = histograms.get(key) ?? { labels, buckets: [], sum: 0 };
    histograms.set(key, histogram);
    if (le !== undefined)
      histogram.buckets.push([le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), value]);
    else if (name.endsWith('_sum')) histogram.sum = value;
  }
  return [...histograms.values()].map(({ labels, buckets, sum }) => {
    const sorted = buckets.filter(([bound]) => !Number.isNaN(bound)).sort(([a], [b]) => a - b);
    const counts = sorted.map(([, below], at) => Math.max(0, below - (sorted[at - 1]?.[1] ?? 0)));
    return {
      ...{ attributes: attributesOf(labels), ...times, sum },
      count: String(counts.reduce((all, one) => all + one, 0)),
      bucketCounts: counts.map(String),
      explicitBounds: sorted.map(([bound]) => bound).filter(Number.isFinite),
    };
  });
}

function attributesOf(values: Labels): readonly Json[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: stringValue(value) }));
}

// The page, by metrics.

type Kind = 'counter' | 'gauge' | 'histogram';
type Labels = Readonly<Record<string, string>>;

interface Series {
  /** That of the metric, or with `_bucket`, `_sum` or `_count`. */
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

interface Family {
  readonly name: string;
  readonly help: string;
  readonly kind: Kind;
  readonly series: Series[];
}

const TYPE = /^# TYPE (\w+) (counter|gauge|histogram)$/;
const SERIES = /^(\w+)(?:\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\})? (\d[\d.e+-]*)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** A long page is read over many turns of the event loop. */
async function* familiesOf(page: string): AsyncGenerator<Family, void> {
  let family: Family | undefined;
  let help = '';
  let left = SERIES_PER_TURN;
  for (const line of linesOf(page)) {
    const [, name, kind] = TYPE.exec(line) ?? [];
    if (name !== undefined) {
      if (family !== undefined) yield family;
      // What stands below another name is none of its series.
      family = { name, help, kind: kind as Kind, series: [] };
    } else if (line.startsWith('# HELP ')) help = line.slice(line.indexOf(' ', 7) + 1);
    else {
      const series = seriesOf(line);
      if (series !== undefined && family !== undefined && series.name.startsWith(family.name))
        family.series.push(series);
    }
    left -= 1;
    if (left > 0) continue;
    await setImmediate();
    left = SERIES_PER_TURN;
  }
  if (family !== undefined) yield family;
}

function* linesOf(text: string): Generator<string, void> {
  for (let at = 0; at < text.length; ) {
    const found = text.indexOf('\n', at);
    const end = found === -1 ? text.length : found;
    yield text.slice(at, end);
    at = end + 1;
  }
}

function seriesOf(line: string): Series | undefined {
  const [, name, labels = '', number] = SERIES.exec(line) ?? [];
  const value = Number(number);
  if (name === undefined || !Number.isFinite(value)) return undefined;
  const read = [...labels.matchAll(LABEL)].map(([, key = '', text = '']): [string, string] => [
    key,
    text.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character)),
  ]);
  return { name, labels: Object.fromEntries(read), value };
}
