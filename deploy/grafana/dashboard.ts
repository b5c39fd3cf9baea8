// The dashboard for Grafana, deploy/grafana/postern.json: `npm run reference` writes it from this table. A panel's title is the question that it
// answers, and its text says what to do next. No label of a metric has a destination, since a program could make any number of them: the texts
// name the command that has them. A test runs each query.

interface Query {
  readonly expr: string;
  /** As Grafana writes labels: `{{plugin}}`. */
  readonly legend: string;
}

interface Panel {
  /** The question that it answers. */
  readonly title: string;
  readonly what: string;
  readonly kind: 'timeseries' | 'stat' | 'table';
  /** As Grafana names it. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** For a state: what 0 and 1 mean. */
  readonly words?: readonly [zero: string, one: string];
}

interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** A series of the chosen instances. */
const own = (metric: string, labels = ''): string =>
  `${metric}{instance=~"$instance"${labels === '' ? '' : `,${labels}`}}`;
/** A series of the chosen plugins, and of their gateways. */
const of = (metric: string, labels = ''): string =>
  own(metric, `plugin=~"($plugin)([.]gateway)?"${labels === '' ? '' : `,${labels}`}`);
const rate = (series: string): string => `rate(${series}[$__rate_interval])`;
const sum = (by: string, expr: string): string => `sum by (${by}) (${expr})`;
const p99 = (metric: string, by: string, labels = ''): string =>
  `histogram_quantile(0.99, ${sum(`le${by}`, rate(by === '' ? own(metric, labels) : of(metric, labels)))})`;

export const ROWS: readonly Row[] = [
  {
    title: 'Is postern itself well?',
    panels: [
      {
        title: 'Does the broker answer?',
        what: 'Without a broker no plugin gets a connection or a name. Open connections go on. The journal of postern says why.',
        ...{ kind: 'stat', unit: 'none', words: ['no', 'yes'] },
        queries: [{ expr: own('postern_broker_up'), legend: '{{instance}}' }],
      },
      {
        title: 'Is the audit log written?',
        what: 'If not, events wait or are missing. Empty without an audit log.',
        ...{ kind: 'stat', unit: 'none', words: ['no', 'yes'] },
        queries: [{ expr: own('postern_audit_up'), legend: '{{instance}}' }],
      },
      {
        title: 'Are the rules those of the file?',
        what: 'If not, the last reload failed, and the former rules are in force. `postern check` names each mistake.',
        ...{ kind: 'stat', unit: 'none', words: ['no', 'yes'] },
        queries: [{ expr: own('postern_policy_last_reload_successful'), legend: '{{instance}}' }],
      },
      {
        title: 'What needs a person?',
        what: 'The alerts of deploy/prometheus that fire or are about to. Each has a line `runbook`. Empty is good.',
        ...{ kind: 'table', unit: 'none' },
        queries: [{ expr: 'ALERTS{alertname=~"Postern.*",instance=~"$instance"}', legend: '' }],
      },
      {
        title: 'Which state is each plugin in?',
        what: '`postern status` says since when, and how it ended. `postern logs NAME` has its output.',
        ...{ kind: 'table', unit: 'none' },
        queries: [{ expr: `${of('postern_plugin_state')} == 1`, legend: '' }],
      },
      {
        title: 'Which plugins end, and why?',
        what: '`exit` is well, `operator` is a command. All others deserve a look.',
        ...{ kind: 'timeseries', unit: 'cps' },
        queries: [
          {
            expr: sum('plugin, cause', rate(of('postern_plugin_exits_total'))),
            legend: '{{plugin}} {{cause}}',
          },
        ],
      },
      {
        title: 'What do the broker and the supervisor cost?',
        what: 'Processors in use. The connections themselves cost them nothing: a program talks to its peer directly.',
        ...{ kind: 'timeseries', unit: 'none' },
        queries: [
          { expr: rate(own('postern_process_cpu_seconds_total')), legend: '{{instance}} {{process}}' },
        ],
      },
      {
        title: 'How much memory have they?',
        what: 'It stays flat, however many connects there were.',
        ...{ kind: 'timeseries', unit: 'bytes' },
        queries: [{ expr: own('postern_process_resident_memory_bytes'), legend: '{{instance}} {{process}}' }],
      },
      {
        title: 'Did a broker die, or an event get lost?',
        what: 'Both are 0 on a good day. A line `gap` of the audit log says how many events are missing, and when.',
        ...{ kind: 'timeseries', unit: 'none' },
        queries: [
          { expr: own('postern_broker_restarts_total'), legend: '{{instance}} brokers that died' },
          { expr: own('postern_audit_events_dropped_total'), legend: '{{instance}} events that are missing' },
        ],
      },
    ],
  },
  {
    title: 'Who talks to whom?',
    panels: [
      {
        title: 'Who connects how often?',
        what: 'Permitted connects. `postern connections NAME` lists the destinations of those that are open, the audit log those of all.',
        ...{ kind: 'timeseries', unit: 'cps' },
        queries: [{ expr: sum('plugin', rate(of('postern_connects_total'))), legend: '{{plugin}}' }],
      },
      {
        title: 'Who has how many open?',
        what: '`postern connections NAME` lists them, with host, address, bytes and age.',
        ...{ kind: 'timeseries', unit: 'none' },
        queries: [{ expr: of('postern_connections_open'), legend: '{{plugin}}' }],
      },
      {
        title: 'Who sends how much?',
        what: 'Bytes that peers have acknowledged. A plugin that should only read and sends much deserves a look at `postern top`.',
        ...{ kind: 'timeseries', unit: 'Bps' },
        queries: [{ expr: rate(of('postern_sent_bytes_total')), legend: '{{plugin}}' }],
      },
      {
        title: 'Who receives how much?',
        what: 'Bytes that this host has received for it.',
        ...{ kind: 'timeseries', unit: 'Bps' },
        queries: [{ expr: rate(of('postern_received_bytes_total')), legend: '{{plugin}}' }],
      },
    ],
  },
  {
    title: 'Who is refused, and what would allow it?',
    panels: [
      {
        title: 'Who is refused, and why?',
        what: '`postern denials NAME` lists the destinations with the rule that would allow each. `would_deny` went through, since the mode is audit: `postern learn NAME` prints the rules that are missing.',
        ...{ kind: 'timeseries', unit: 'cps' },
        queries: [
          {
            expr: sum(
              'plugin, decision, reason',
              rate(of('postern_decisions_total', 'decision=~"deny|would_deny"')),
            ),
            legend: '{{plugin}} {{reason}} {{decision}}',
          },
        ],
      },
      {
        title: 'Whose names are refused?',
        what: "Questions to the sandbox's DNS for names that no rule opens. `postern denials NAME` has the rule.",
        ...{ kind: 'timeseries', unit: 'cps' },
        queries: [
          { expr: rate(of('postern_dns_questions_total', 'answer="refused"')), legend: '{{plugin}}' },
        ],
      },
      {
        title: 'Whose requests does a gateway refuse?',
        what: 'Methods and paths that the rules of `gateway` do not permit. The events `http` of the audit log have the rule that would.',
        ...{ kind: 'timeseries', unit: 'cps' },
        queries: [
          { expr: rate(of('postern_http_requests_total', 'outcome="refused"')), legend: '{{plugin}}' },
        ],
      },
      {
        title: 'Who waits for an answer of a person?',
        what: 'Questions about destinations that no rule allows (`unknown: ask`). `postern asks` lists them, `postern asks approve ID` answers.',
        ...{ kind: 'timeseries', unit: 'none' },
        queries: [{ expr: of('postern_asks_open'), legend: '{{plugin}}' }],
      },
    ],
  },
  {
    title: 'Who is slow, and where?',
    panels: [
      {
        title: 'Is it postern, DNS or the peer?',
        what: 'Of 100 steps 99 were faster. A decision is postern, a look-up is the DNS server, a connect is the network and the peer.',
        ...{ kind: 'timeseries', unit: 's' },
        queries: [
          { expr: p99('postern_decision_duration_seconds_bucket', ''), legend: 'decision' },
          { expr: p99('postern_dns_lookup_duration_seconds_bucket', ''), legend: 'look-up' },
          {
            expr: p99('postern_connect_duration_seconds_bucket', '', 'outcome="connected"'),
            legend: 'connect',
          },
        ],
      },
      {
        title: 'Whose requests through a gateway are slow?',
        what: 'From the head of the request to the end of its answer: mostly the upstream.',
        ...{ kind: 'timeseries', unit: 's' },
        queries: [
          { expr: p99('postern_http_request_duration_seconds_bucket', ', plugin'), legend: '{{plugin}}' },
        ],
      },
      {
        title: 'What fails although it is permitted?',
        what: '`postern denials NAME` lists the destinations: DNS, the network or the peer failed, and no rule.',
        ...{ kind: 'timeseries', unit: 'cps' },
        queries: [
          {
            expr: sum('plugin, reason', rate(of('postern_connect_failures_total'))),
            legend: '{{plugin}} {{reason}}',
          },
        ],
      },
      {
        title: 'Do look-ups work?',
        what: 'By the answer of the DNS server. `refused`: no server was asked, since no rule opens the name.',
        ...{ kind: 'timeseries', unit: 'cps' },
        queries: [{ expr: sum('result', rate(own('postern_dns_lookups_total'))), legend: '{{result}}' }],
      },
      {
        title: 'Whose segments are lost on the way?',
        what: 'Segments that were sent again. The network to the peer is bad, or full.',
        ...{ kind: 'timeseries', unit: 'cps' },
        queries: [{ expr: rate(of('postern_retransmits_total')), legend: '{{plugin}}' }],
      },
      {
        title: 'Who makes the broker wait?',
        what: 'A plugin that stalls the broker is demoted, and ended past a limit.',
        ...{ kind: 'timeseries', unit: 'cps' },
        queries: [
          {
            expr: sum('plugin, action', rate(of('postern_slow_touches_total'))),
            legend: '{{plugin}} {{action}}',
          },
        ],
      },
    ],
  },
  {
    title: 'Who nears a limit?',
    panels: [
      {
        title: 'How much of its limits has each used?',
        what: 'Past `connections` and `queue` requests fail with EAGAIN. Past `sent` and `received` the open connections end, too.',
        ...{ kind: 'timeseries', unit: 'percentunit' },
        queries: [{ expr: of('postern_limit_used_ratio'), legend: '{{plugin}} {{limit}}' }],
      },
      {
        title: 'Which limits refuse something?',
        what: 'docs/metrics.md says which setting each word stands for.',
        ...{ kind: 'timeseries', unit: 'cps' },
        queries: [
          {
            expr: sum('plugin, limit', rate(of('postern_limit_rejections_total'))),
            legend: '{{plugin}} {{limit}}',
          },
        ],
      },
      {
        title: 'Whose requests wait?',
        what: 'Requests that the broker works on, and those that wait for their turn.',
        ...{ kind: 'timeseries', unit: 'none' },
        queries: [
          { expr: of('postern_requests_in_flight'), legend: '{{plugin}} worked on' },
          { expr: of('postern_requests_queued'), legend: '{{plugin}} wait' },
        ],
      },
      {
        title: 'Which connections did postern end?',
        what: '`revoked`: the rules allow them no more. `quota` and `age`: a limit.',
        ...{ kind: 'timeseries', unit: 'cps' },
        queries: [
          {
            expr: sum('plugin, cause', rate(of('postern_connections_ended_total'))),
            legend: '{{plugin}} {{cause}}',
          },
        ],
      },
    ],
  },
];

const WIDTH = 24;
const SIZES = {
  stat: { w: 8, h: 4 },
  table: { w: 12, h: 8 },
  timeseries: { w: 12, h: 8 },
} as const;
const DATASOURCE = { type: 'prometheus', uid: '$datasource' } as const;

/** The dashboard as Grafana imports it. */
export function dashboardJson(): string {
  const dashboard = {
    uid: 'postern',
    title: 'postern',
    description:
      'Who talks to whom, who is refused, who is slow, who nears a limit, and whether postern itself is well.',
    tags: ['postern'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' },
        variable('instance', 'Instance', 'label_values(postern_build_info, instance)'),
        variable('plugin', 'Plugin', 'label_values(postern_plugin_up{instance=~"$instance"}, plugin)'),
      ],
    },
    panels: panels(),
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

function variable(name: string, label: string, query: string): object {
  return {
    ...{ name, label, type: 'query', datasource: DATASOURCE, query: { query, refId: name } },
    ...{
      refresh: 2,
      sort: 1,
      multi: true,
      includeAll: true,
      allValue: '.*',
      current: { text: ['All'], value: ['$__all'] },
    },
  };
}

function panels(): readonly object[] {
  const all: object[] = [];
  let y = 0;
  for (const { title, panels: own } of ROWS) {
    const id = (): number => all.length + 1;
    all.push({
      id: id(),
      type: 'row',
      title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: WIDTH, h: 1 },
    });
    y += 1;
    let [x, height] = [0, 0];
    for (const panel of own) {
      const { w, h } = SIZES[panel.kind];
      if (x + w > WIDTH || (x > 0 && h !== height)) [x, y] = [0, y + height];
      all.push({ id: id(), gridPos: { x, y, w, h }, ...panelJson(panel) });
      [x, height] = [x + w, h];
    }
    y += height;
  }
  return all;
}

function panelJson({ title, what, kind, unit, queries, words }: Panel): object {
  const isTable = kind === 'table';
  return {
    type: kind,
    title,
    description: what,
    datasource: DATASOURCE,
    targets: queries.map(({ expr, legend }, index) => ({
      ...{ refId: String.fromCharCode('A'.charCodeAt(0) + index), datasource: DATASOURCE, expr },
      ...(isTable ? { format: 'table', instant: true } : { legendFormat: legend, range: true }),
    })),
    fieldConfig: {
      defaults: {
        unit,
        ...(words && {
          mappings: [
            { type: 'value', options: { 0: answer(words[0], 'red'), 1: answer(words[1], 'green') } },
          ],
        }),
      },
      overrides: [],
    },
    options: optionsOf(kind),
    ...(isTable && { transformations: [{ id: 'organize', options: { excludeByName: HIDDEN } }] }),
  };
}

/** Columns of a table that say nothing to a person. */
const HIDDEN = { Time: true, Value: true, __name__: true, job: true };

function answer(text: string, color: string): object {
  return { text, color };
}

function optionsOf(kind: Panel['kind']): object {
  if (kind === 'timeseries')
    return { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } };
  if (kind === 'stat') return { colorMode: 'background', reduceOptions: { calcs: ['lastNotNull'] } };
  return { showHeader: true };
}
