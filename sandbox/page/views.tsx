// The views of the live page. Runs in the browser.
import type { JSX } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { lasted } from '../../shared/amounts.js';
import { yamlText } from '../../shared/printable.js';
import type { Explanation } from '../../shared/protocol/link.js';
import type { OpenConnection, OpenConnections } from '../../shared/protocol/open-connections.js';
import type { PluginStatus, ShownAsk } from '../supervisor/control/control-surface.js';
import type { Denial } from '../supervisor/control/denials.js';
import type { CountedRule } from '../supervisor/control/recent-events.js';
import { EVENT_KINDS, type EventKind } from './event-rows.js';
import { call, type LiveStore, type ShownEvent } from './live-store.js';
import { Chip, Code, Count, Sparkline, Table, Text, type Tone, timeOf } from './parts.js';
import { RequestTable } from './request-table.js';
import { placeOf } from './summarize.js';

const LOOK_MS = 2_000;
/** Rows of one table. More are no use to a person, and make the page slow. */
const MOST_ROWS = 200;
/** All of them may be new four times a second. */
const STREAM_ROWS = 100;

export interface ViewProps {
  readonly store: LiveStore;
  /** Says what came of something. */
  readonly tell: (text: string) => void;
  /** Asks before something is done that cannot be undone. */
  readonly confirm: (question: Question) => void;
}

export interface Question {
  readonly title: string;
  readonly text: () => Promise<JSX.Element> | JSX.Element;
  readonly act: string;
  readonly done: string;
  readonly run: () => Promise<unknown>;
}

/** Asks again and again while a view is shown. */
function useAnswer<T>(method: string, params: unknown, tell: (text: string) => void): T | undefined {
  const [answer, setAnswer] = useState<T>();
  const asked = JSON.stringify(params);
  useEffect(() => {
    let isOver = false;
    let timer: number | undefined;
    const ask = async (): Promise<void> => {
      try {
        const next = (await call(method, JSON.parse(asked))) as T;
        if (!isOver) setAnswer(next);
      } catch (error) {
        if (!isOver) tell((error as Error).message);
      }
      if (!isOver) timer = window.setTimeout(ask, LOOK_MS);
    };
    void ask();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [method, asked, tell]);
  return answer;
}

interface SearchProps {
  readonly value: string;
  readonly onChange: (text: string) => void;
}

function Search({ value, onChange }: SearchProps): JSX.Element {
  return (
    <label>
      Search{' '}
      <input
        type="search"
        value={value}
        onInput={(event) => onChange(event.currentTarget.value)}
        autocomplete="off"
      />
    </label>
  );
}

function matches(search: string, ...texts: readonly (string | null | undefined)[]): boolean {
  const wanted = search.trim().toLowerCase();
  return wanted === '' || texts.some((text) => text?.toLowerCase().includes(wanted) === true);
}

function shortened<T>(rows: readonly T[]): { readonly rows: readonly T[]; readonly more: number } {
  return { rows: rows.slice(0, MOST_ROWS), more: Math.max(0, rows.length - MOST_ROWS) };
}

const STATE_TONES: Readonly<Record<string, Tone>> = {
  ...{
    running: 'good',
    ready: 'good',
    finished: 'good',
    failed: 'bad',
    pausing: 'warn',
    waiting: 'warn',
    starting: 'warn',
  },
};

export function PluginsView({ store }: ViewProps): JSX.Element {
  const { status, top, samples } = store;
  const used = new Map(top?.plugins.map((plugin) => [plugin.name, plugin]));
  const rate = (name: string, of: 'connects' | 'denials' | 'bytes', tone: Tone): JSX.Element => {
    const values = (samples.get(name) ?? []).map((sample) => sample[of]);
    return (
      <span class="rate">
        <Sparkline values={values} tone={tone} />
        <span>
          <Count of={values.at(-1) ?? null} />
        </span>
      </span>
    );
  };
  return (
    <Table
      label="Plugins"
      empty="No plugin is known yet."
      rows={status?.plugins ?? []}
      keyOf={({ name }) => name}
      columns={[
        { title: 'Plugin', cell: ({ name }: PluginStatus) => <Text of={name} /> },
        { title: 'State', cell: (plugin) => <StateOf plugin={plugin} /> },
        { title: 'Connects/s', right: true, cell: ({ name }) => rate(name, 'connects', 'good') },
        { title: 'Refused/s', right: true, cell: ({ name }) => rate(name, 'denials', 'bad') },
        { title: 'Bytes/s', right: true, cell: ({ name }) => rate(name, 'bytes', 'dim') },
        {
          title: 'Open',
          right: true,
          cell: ({ name }) => <Count of={used.get(name)?.connections ?? null} />,
        },
        {
          title: 'Memory',
          right: true,
          wide: true,
          cell: ({ name }) => <Count of={used.get(name)?.memory_bytes ?? null} />,
        },
        { title: 'Starts', right: true, wide: true, cell: ({ starts }) => starts },
        { title: 'Last end', wide: true, cell: ({ last_end: end }) => <Text of={end ?? '-'} /> },
      ]}
    />
  );
}

function StateOf({ plugin }: { readonly plugin: PluginStatus }): JSX.Element {
  const { state, for_ms: ms, waits_for: others = [], status } = plugin;
  return (
    <>
      <Chip tone={STATE_TONES[state] ?? 'dim'}>{state}</Chip> {lasted(ms)}
      {others.length > 0 && (
        <>
          {' '}
          for <Text of={others.join(', ')} />
        </>
      )}
      {status !== null && (
        <div class="said">
          <Text of={status} />
        </div>
      )}
    </>
  );
}

export function StreamView({ store }: ViewProps): JSX.Element {
  const [search, setSearch] = useState('');
  const [kind, setKind] = useState<EventKind | ''>('');
  const [plugin, setPlugin] = useState('');
  const [held, setHeld] = useState<readonly ShownEvent[]>();
  const events = held ?? store.events;
  const { rows, more } = useMemo(() => {
    const found = events.filter(
      (row) =>
        (kind === '' || row.kind === kind) &&
        (plugin === '' || row.plugin === plugin) &&
        matches(search, row.what, row.plugin, row.detail, row.rule),
    );
    return { rows: found.slice(-STREAM_ROWS).reverse(), more: Math.max(0, found.length - STREAM_ROWS) };
  }, [events, kind, plugin, search]);
  return (
    <>
      <div class="tools">
        <Search value={search} onChange={setSearch} />
        <label>
          Kind{' '}
          <select value={kind} onChange={(event) => setKind(event.currentTarget.value as EventKind | '')}>
            <option value="">all</option>
            {EVENT_KINDS.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <PluginChoice store={store} value={plugin} onChange={setPlugin} all />
        <button
          type="button"
          aria-pressed={held !== undefined}
          onClick={() => setHeld(held === undefined ? store.events : undefined)}
        >
          {held === undefined ? 'Pause' : 'Go on'}
        </button>
      </div>
      {store.missed > 0 && (
        <p class="empty">{store.missed} events came too fast to be shown. The audit log has them.</p>
      )}
      <Table
        label="Decisions and failures, the newest first"
        empty="Nothing has happened that fits."
        rows={rows}
        more={more}
        keyOf={({ number }) => String(number)}
        columns={[
          { title: 'Time (UTC)', tight: true, cell: ({ ts }) => timeOf(ts) },
          { title: 'Kind', cell: (row) => <Chip tone={row.tone}>{row.kind}</Chip> },
          { title: 'Plugin', cell: (row) => <Text of={row.plugin} /> },
          { title: 'Destination', cell: (row) => <Text of={row.what} /> },
          { title: 'What', cell: (row) => <Text of={row.detail} /> },
          { title: 'Rule', wide: true, cell: ({ rule }) => (rule === undefined ? '-' : <Code of={rule} />) },
        ]}
      />
    </>
  );
}

interface ChoiceProps {
  readonly store: LiveStore;
  readonly value: string;
  readonly onChange: (name: string) => void;
  readonly all?: true;
}

function PluginChoice({ store, value, onChange, all }: ChoiceProps): JSX.Element {
  return (
    <label>
      Plugin{' '}
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {all === true && <option value="">all</option>}
        {store.status?.plugins.map(({ name }) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
}

/** Refusals of one destination. */
interface Refused {
  readonly place: string;
  readonly count: number;
  readonly last: string;
  readonly denials: readonly Denial[];
}

function byPlace(denials: readonly Denial[]): readonly Refused[] {
  const places = new Map<string, Denial[]>();
  for (const denial of denials) {
    const place = placeOf(denial.host, denial.port);
    places.set(place, [...(places.get(place) ?? []), denial]);
  }
  return [...places].map(([place, all]) => ({
    place,
    count: all.reduce((sum, { count }) => sum + count, 0),
    last:
      all
        .map(({ last }) => last)
        .sort()
        .at(-1) ?? '',
    denials: all,
  }));
}

export function DenialsView(props: ViewProps): JSX.Element {
  const [search, setSearch] = useState('');
  const answer = useAnswer<{ readonly denials: readonly Denial[] }>('denials', { limit: 1000 }, props.tell);
  const found = byPlace(answer?.denials ?? []).filter(({ place, denials }) =>
    matches(search, place, ...denials.flatMap(({ plugin, reason, program }) => [plugin, reason, program])),
  );
  const { rows, more } = shortened(found.toSorted((a, b) => b.count - a.count));
  return (
    <>
      <div class="tools">
        <Search value={search} onChange={setSearch} />
      </div>
      <Table
        label="Refusals by destination"
        empty={answer === undefined ? 'Asking…' : 'Nothing was refused that fits.'}
        rows={rows}
        more={more}
        keyOf={({ place }) => place}
        columns={[
          { title: 'Destination', cell: ({ place }) => <Text of={place} /> },
          { title: 'Times', right: true, cell: ({ count }) => count },
          { title: 'Last (UTC)', wide: true, tight: true, cell: ({ last }) => timeOf(last).slice(0, 8) },
          {
            title: 'Who, why, and the rule that would allow it',
            cell: ({ denials }) => <Refusals {...props} denials={denials} />,
          },
        ]}
      />
    </>
  );
}

function Refusals({ denials, ...props }: ViewProps & { readonly denials: readonly Denial[] }): JSX.Element {
  return (
    <ul class="plain">
      {denials.map((denial) => {
        const { plugin, reason, program, decision, suggestion, name_suggestion: name, message } = denial;
        const rules = [suggestion, name].filter((rule) => rule !== null);
        return (
          <li key={`${plugin} ${reason} ${decision}`}>
            <Chip tone={decision === 'deny' ? 'bad' : 'warn'}>{decision}</Chip> <Text of={plugin} />
            {program !== null && (
              <>
                {' '}
                (<Text of={program} />)
              </>
            )}{' '}
            <span title={message}>
              <Text of={reason} />
            </span>
            {rules.map((rule) => (
              <RuleTools key={rule} {...props} plugin={plugin} rule={rule} />
            ))}
          </li>
        );
      })}
    </ul>
  );
}

function RuleTools({
  plugin,
  rule,
  store,
  tell,
  confirm,
}: ViewProps & { readonly plugin: string; readonly rule: string }): JSX.Element {
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(yamlText(rule));
      tell(`Copied: ${yamlText(rule)}`);
    } catch {
      tell('The browser did not let the page copy.');
    }
  };
  const add = (): void =>
    confirm({
      title: 'Add a rule',
      text: () => preview(plugin, rule),
      act: 'Add the rule',
      done: `The rule ${yamlText(rule)} of ${plugin} is in the file and in force.`,
      run: () => call('allow', { plugin, rule }),
    });
  return (
    <span class="rule">
      <Code of={rule} />{' '}
      <button type="button" onClick={copy}>
        Copy<span class="hidden"> rule {yamlText(rule)}</span>
      </button>
      {store.edit && (
        <button type="button" onClick={add}>
          Add…<span class="hidden"> rule {yamlText(rule)}</span>
        </button>
      )}
    </span>
  );
}

async function preview(plugin: string, rule: string): Promise<JSX.Element> {
  const { opens, closes } = (await call('preview', { plugin, rule })) as Readonly<
    Record<'opens' | 'closes', readonly string[]>
  >;
  const list = (word: string, lines: readonly string[], tone: Tone): JSX.Element | false =>
    lines.length > 0 && (
      <ul class="plain">
        {lines.map((line) => (
          <li key={line}>
            <Chip tone={tone}>{word}</Chip> <Text of={line} />
          </li>
        ))}
      </ul>
    );
  return (
    <>
      <p>
        The file gets an allow rule for <Text of={plugin} />: <Code of={yamlText(rule)} />
      </p>
      {list('opens', opens, 'warn')}
      {list('closes', closes, 'good')}
      {opens.length + closes.length === 0 && <p>It opens nothing that is not open already.</p>}
    </>
  );
}

export function ConnectionsView({ store, tell, confirm }: ViewProps): JSX.Element {
  const [search, setSearch] = useState('');
  const answer = useAnswer<OpenConnections>('connections', { limit: 500 }, tell);
  const found = (answer?.connections ?? []).filter(({ plugin, program, host, dialed, rule }) =>
    matches(search, plugin, program, host, dialed, rule),
  );
  const { rows, more } = shortened(found);
  const end = ({ plugin, decision_id: id, host, port }: OpenConnection): void =>
    confirm({
      title: 'End a connection',
      text: () => (
        <p>
          <Text of={plugin} /> loses its connection to <Text of={placeOf(host, port)} />. It may make another
          one.
        </p>
      ),
      act: 'End it',
      done: 'The connection is ended.',
      run: () => call('disconnect', { plugin, decision_id: id }),
    });
  return (
    <>
      <div class="tools">
        <Search value={search} onChange={setSearch} />
        {store.top !== undefined && answer !== undefined && answer.more > 0 && (
          <span>{answer.more} more are open</span>
        )}
      </div>
      <Table
        label="Open connections"
        empty={answer === undefined ? 'Asking…' : 'No connection is open that fits.'}
        rows={rows}
        more={more}
        keyOf={({ decision_id: id }, at) => id ?? String(at)}
        columns={[
          { title: 'Plugin', cell: ({ plugin }: OpenConnection) => <Text of={plugin} /> },
          {
            title: 'Program',
            wide: true,
            cell: ({ program, pid }) => <Text of={`${program ?? '-'} ${pid ?? ''}`} />,
          },
          { title: 'Destination', cell: ({ host, port }) => <Text of={placeOf(host, port)} /> },
          { title: 'Address', wide: true, cell: ({ dialed }) => <Text of={dialed} /> },
          { title: 'Age', right: true, cell: ({ age_ms: age }) => lasted(age) },
          { title: 'Sent', right: true, cell: ({ sent_bytes: sent }) => <Count of={sent} /> },
          { title: 'Received', right: true, cell: ({ received_bytes: received }) => <Count of={received} /> },
          {
            title: 'RTT',
            right: true,
            cell: ({ rtt_ms: rtt }) => (rtt === null ? '-' : `${rtt.toFixed(1)} ms`),
          },
          {
            title: 'End',
            tight: true,
            cell: (one) =>
              one.decision_id !== null && (
                <button type="button" onClick={() => end(one)}>
                  End…<span class="hidden"> the connection of {one.plugin}</span>
                </button>
              ),
          },
        ]}
      />
    </>
  );
}

export function QuestionsView({ store, tell }: ViewProps): JSX.Element {
  const answer = async (method: 'approve' | 'deny', id: string, scope?: string): Promise<void> => {
    try {
      await call(method, scope === undefined ? { id } : { id, scope });
      tell(method === 'approve' ? 'It is approved.' : 'It is denied.');
    } catch (error) {
      tell((error as Error).message);
    }
  };
  const choices = ({ id, plugin }: ShownAsk): JSX.Element => {
    const button = (text: string, act: () => void): JSX.Element => (
      <button type="button" onClick={act}>
        {text}
        <span class="hidden">
          {' '}
          question {id} of {plugin}
        </span>
      </button>
    );
    return (
      <span class="rule">
        {button('Once', () => void answer('approve', id, 'once'))}
        {button('Until postern ends', () => void answer('approve', id, 'run'))}
        {store.edit && button('By a rule', () => void answer('approve', id, 'rule'))}
        {button('Deny', () => void answer('deny', id))}
      </span>
    );
  };
  return (
    <Table
      label="Open questions"
      empty="Nothing waits for an answer."
      rows={store.status?.asks ?? []}
      keyOf={({ id }) => id}
      columns={[
        { title: 'Plugin', cell: ({ plugin }: ShownAsk) => <Text of={plugin} /> },
        { title: 'Program', wide: true, cell: ({ program }) => <Text of={program ?? '-'} /> },
        { title: 'Asks for', cell: ({ host, port }) => <Text of={placeOf(host, port)} /> },
        { title: 'Until (UTC)', tight: true, cell: ({ deadline }) => timeOf(deadline).slice(0, 8) },
        { title: 'Rule', wide: true, cell: ({ suggestion }) => <Code of={suggestion} /> },
        { title: 'Answer', cell: choices },
      ]}
    />
  );
}

interface RuleList {
  readonly since: string;
  readonly rules: readonly CountedRule[];
  readonly more: number;
}

export function RulesView({ tell }: ViewProps): JSX.Element {
  const [search, setSearch] = useState('');
  const [unused, setUnused] = useState(false);
  const answer = useAnswer<RuleList>('rules', { unused, limit: 1000 }, tell);
  const found = (answer?.rules ?? []).filter(({ plugin, host, rule }) => matches(search, plugin, host, rule));
  const { rows, more } = shortened(found);
  return (
    <>
      <div class="tools">
        <Search value={search} onChange={setSearch} />
        <label>
          <input
            type="checkbox"
            checked={unused}
            onChange={(event) => setUnused(event.currentTarget.checked)}
          />{' '}
          only unused ones
        </label>
        {answer !== undefined && <span>counted since {answer.since.slice(0, 19).replace('T', ' ')} UTC</span>}
      </div>
      <Table
        label="Rules"
        empty={answer === undefined ? 'Asking…' : 'There is no rule that fits.'}
        rows={rows}
        more={more + (answer?.more ?? 0)}
        keyOf={({ plugin, list, host, rule }, at) => `${plugin} ${list} ${host} ${rule} ${at}`}
        columns={[
          { title: 'Plugin', cell: ({ plugin }: CountedRule) => <Text of={plugin} /> },
          { title: 'List', cell: ({ list }) => list },
          {
            title: 'Rule',
            cell: ({ host, rule }) => <Code of={host === null ? rule : `${host}: ${rule}`} />,
          },
          {
            title: 'Decided',
            right: true,
            cell: ({ hits }) => (hits === 0 ? <Chip tone="warn">unused</Chip> : hits),
          },
          {
            title: 'Last (UTC)',
            wide: true,
            tight: true,
            cell: ({ last }) => (last === null ? '-' : timeOf(last).slice(0, 8)),
          },
        ]}
      />
    </>
  );
}

export function ExplainView({ store }: ViewProps): JSX.Element {
  const names = store.status?.plugins.map(({ name }) => name) ?? [];
  const [chosen, setChosen] = useState('');
  const [host, setHost] = useState('');
  const [port, setPort] = useState('443');
  const [shown, setShown] = useState<JSX.Element>();
  const plugin = chosen === '' ? (names[0] ?? '') : chosen;
  const ask = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      const isSocket = host.startsWith('unix:');
      const answer = (await call('explain', {
        plugin,
        host,
        port: isSocket ? 0 : Number(port),
      })) as Explanation;
      setShown(<Explained of={answer} />);
    } catch (error) {
      setShown(<p>{(error as Error).message}</p>);
    }
  };
  return (
    <>
      <form class="tools" onSubmit={ask}>
        <PluginChoice store={store} value={plugin} onChange={setChosen} />
        <label>
          Host, address or unix:/path{' '}
          <input
            required
            value={host}
            onInput={(event) => setHost(event.currentTarget.value)}
            autocomplete="off"
            spellcheck={false}
          />
        </label>
        <label>
          Port{' '}
          <input
            type="number"
            min="0"
            max="65535"
            required
            value={port}
            onInput={(event) => setPort(event.currentTarget.value)}
          />
        </label>
        <button type="submit">Explain</button>
      </form>
      <div aria-live="polite">{shown}</div>
    </>
  );
}

function Explained({ of: explanation }: { readonly of: Explanation }): JSX.Element {
  const { decision, reason, rule, message, suggestion, name_suggestion: name, addresses, way } = explanation;
  const tone = decision === 'allow' ? 'good' : decision === 'deny' ? 'bad' : 'warn';
  return (
    <>
      <dl>
        <dt>Decision</dt>
        <dd>
          <Chip tone={tone}>{decision}</Chip> <Text of={placeOf(explanation.host, explanation.port)} />
        </dd>
        <dt>Reason</dt>
        <dd>
          {reason}: <Text of={message} />
        </dd>
        {rule !== null && <dt>Rule that decided</dt>}
        {rule !== null && (
          <dd>
            <Code of={rule} />
          </dd>
        )}
        {suggestion !== null && <dt>Rule that would allow it</dt>}
        {suggestion !== null && (
          <dd>
            <Code of={suggestion} /> {name !== null && <Code of={name} />}
          </dd>
        )}
        {way !== null && <dt>Way</dt>}
        {way !== null && (
          <dd>
            {way.via === null ? 'around the proxy' : <Text of={`${way.via}, to ${way.tunnel ?? '?'}`} />}
          </dd>
        )}
      </dl>
      <Table
        label="Addresses"
        empty="No address was looked up."
        rows={addresses}
        keyOf={({ address }) => address}
        columns={[
          { title: 'Address', cell: ({ address }) => <Text of={address} /> },
          { title: 'Class', cell: (one) => one.class },
          {
            title: 'What happens',
            cell: ({ fate }) => (
              <Chip tone={fate === 'dialed' || fate === 'inside' ? 'good' : 'bad'}>{fate}</Chip>
            ),
          },
          { title: 'Deny rule', cell: (one) => (one.rule === null ? '-' : <Code of={one.rule} />) },
        ]}
      />
    </>
  );
}

export function RequestsView({ store }: ViewProps): JSX.Element {
  const [search, setSearch] = useState('');
  const found = [...store.requests.values()]
    .filter(({ plugin, host, method, path }) => matches(search, plugin, host, method, path))
    .sort((a, b) => b.count - a.count);
  return (
    <>
      <div class="tools">
        <Search value={search} onChange={setSearch} />
        <span>of the requests that this page has seen</span>
      </div>
      <RequestTable {...shortened(found)} />
    </>
  );
}
