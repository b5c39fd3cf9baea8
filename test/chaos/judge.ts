// Judges a chaos run by what the plugins told, what the server counted, the audit log and the metrics. Pure.

/** A time in seconds of CLOCK_MONOTONIC, from and to. */
export type Span = readonly [from: number, to: number];

export interface Evidence {
  readonly output: string;
  readonly audit: string;
  readonly metrics: string;
  readonly steady: readonly string[];
  /** Connections that the server got. */
  readonly connections: number;
  /** Times in which no broker answered on purpose, or nobody had a processor. */
  readonly hangs: readonly Span[];
  /** Times in which a broker was lost. The next one serves a call from its begin: the caller's own time limit counts anew. */
  readonly losses: readonly Span[];
  /** Brokers that were killed. For each steady plugin, one may have dialled a connection that the plugin never got. */
  readonly deaths: number;
  /** `PORT ADDRESS` of each connection to a place that no rule allows, and of each such place that was approved. */
  readonly reached: readonly string[];
  readonly approved: ReadonlySet<string>;
  /** Connections to a server that nobody can approve. */
  readonly specialHeard: number;
  readonly before: Footprint;
  readonly after: Footprint;
}

/** What the supervisor holds. */
export interface Footprint {
  readonly descriptors: number;
  readonly residentKib: number;
}

export interface Judgement {
  readonly problems: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
}

const LONGEST_WAIT_S = 2;
/** A plugin of the run is about to start at any time. A first reload loads code, and V8 collects when it likes. */
const SLACK: Footprint = { descriptors: 40, residentKib: 72 * 1024 };

interface Told {
  readonly plugin: string;
  readonly transferred?: boolean;
  readonly connected?: true;
  readonly began?: number;
  readonly waited?: number;
  /** Of a connect to a place that no rule allows. */
  readonly outcome?: string | number;
  readonly special?: boolean;
  readonly start?: number;
  readonly took?: number;
  readonly limit?: number | null;
  readonly own?: boolean;
}

export function judge(evidence: Evidence): Judgement {
  const told = readTold(evidence.output);
  const waits = told.flatMap(({ began, waited }) =>
    began === undefined || waited === undefined
      ? []
      : [waited - overlap([began, began + waited], evidence.hangs)],
  );
  const { lines, gaps } = readAudit(evidence.audit);
  const missing = evidence.connections - lines - gaps;
  const bound = evidence.deaths * evidence.steady.length;
  const longest = Math.max(0, ...waits);
  const problems = [
    ...evidence.steady
      .filter((name) => !told.some((one) => one.plugin === name && one.began === undefined))
      .map((name) => `${name} did nothing`),
    ...told
      .filter(({ transferred }) => transferred === false)
      .map(({ plugin }) => `${plugin}: bytes were lost`),
    ...evidence.steady
      .filter((name) => restarts(evidence.metrics, name) !== 0)
      .map((name) => `${name} was restarted`),
    ...(longest > LONGEST_WAIT_S ? [`a call waited ${longest.toFixed(1)} s`] : []),
    ...(missing > bound || missing < -bound
      ? [`${evidence.connections} connections, but ${lines} lines in the audit log and ${gaps} in gaps`]
      : []),
    ...askProblems(evidence, told),
    ...grown('descriptors', evidence),
    ...grown('residentKib', evidence),
  ];
  return {
    problems,
    figures: {
      connections: evidence.connections,
      transfers: told.filter(({ transferred }) => transferred === true).length,
      auditLines: lines,
      inGaps: gaps,
      longestWaitSeconds: longest,
      brokerDeaths: evidence.deaths,
      askedFor: told.filter(({ took }) => took !== undefined).length,
      approvedPlaces: evidence.approved.size,
      approvedConnections: evidence.reached.length,
      descriptorsBefore: evidence.before.descriptors,
      descriptorsAfter: evidence.after.descriptors,
      residentKibBefore: evidence.before.residentKib,
      residentKibAfter: evidence.after.residentKib,
    },
  };
}

/** Nothing connects that was not approved, special places never, and no caller waits past its limit. */
function askProblems(evidence: Evidence, told: readonly Told[]): string[] {
  const { reached, approved, specialHeard } = evidence;
  const late = told.filter((one) => isLate(one, evidence));
  return [
    ...new Set(
      reached.filter((place) => !approved.has(place)).map((place) => `reached unapproved: ${place}`),
    ),
    ...(specialHeard > 0 ? [`${specialHeard} connections to a special address`] : []),
    ...told
      .filter(({ special, outcome }) => special === true && outcome === 'connected')
      .map(({ plugin }) => `${plugin} connected to a special address`),
    ...late.map(
      ({ plugin, took, limit }) => `${plugin} waited ${took?.toFixed(1)} s, with a limit of ${limit} s`,
    ),
    ...(approved.size > 10 && reached.length === 0 ? ['nothing that was approved connected'] : []),
  ];
}

function isLate({ start = 0, took = 0, limit, own }: Told, { hangs, losses }: Evidence): boolean {
  if (typeof limit !== 'number') return false;
  const span: Span = [start, start + took];
  const times = own === true ? 1 + losses.filter((loss) => overlap(span, [loss]) > 0).length : 1;
  return took - overlap(span, hangs) > limit * times + LONGEST_WAIT_S;
}

function grown(what: keyof Footprint, { before, after }: Evidence): readonly string[] {
  return after[what] > before[what] + SLACK[what]
    ? [`${what} of the supervisor: ${before[what]} to ${after[what]}`]
    : [];
}

/** How much of a time lies in others, which may overlap each other. */
function overlap([from, to]: Span, others: readonly Span[]): number {
  let sum = 0;
  let counted = from;
  for (const [start, end] of others.toSorted(([one], [other]) => one - other)) {
    const [begin, stop] = [Math.max(start, counted), Math.min(end, to)];
    if (stop <= begin) continue;
    sum += stop - begin;
    counted = stop;
  }
  return sum;
}

function readTold(output: string): readonly Told[] {
  return [...output.matchAll(/^(\S+) +\| chaos (\{.*\})$/gm)].map(
    ([, plugin = '', fields = '{}']) => ({ plugin, ...(JSON.parse(fields) as object) }) as Told,
  );
}

/** Lines about connections that were made, and events that are missing in the log. */
function readAudit(audit: string): { readonly lines: number; readonly gaps: number } {
  let lines = 0;
  let gaps = 0;
  for (const text of audit.split('\n').filter(Boolean)) {
    const event = JSON.parse(text) as {
      readonly event: string;
      readonly outcome?: string;
      readonly events?: number;
    };
    if (event.event === 'decision' && event.outcome === 'connected') lines += 1;
    if (event.event === 'gap') gaps += event.events ?? 0;
  }
  return { lines, gaps };
}

function restarts(metrics: string, plugin: string): number {
  const found = new RegExp(
    `^postern_plugin_starts_total\\{plugin="${plugin}",cause="restart"\\} (\\d+)$`,
    'm',
  ).exec(metrics);
  return found === null ? Number.NaN : Number(found[1]);
}
