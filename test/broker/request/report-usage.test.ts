import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_CONNECTIONS } from '../../../broker/ledger/register.js';
import { Metrics } from '../../../broker/record/metrics.js';
import { Survey, showUsedLimits, usageReports } from '../../../broker/request/report-usage.js';
import { StallBudget } from '../../../broker/stall/stall-budget.js';
import { limitsOf } from '../../../shared/config/limit-forms.js';
import { LISTED_AT_ONCE, SURVEY_MS, SURVEYED_CONNECTIONS, USAGE_AT_ONCE } from '../../../shared/limits.js';
import type { BrokerLine } from '../../../shared/protocol/link.js';
import { until } from '../../harness/until.js';

type Part = BrokerLine & { readonly type: 'usage' };

interface Asked {
  readonly parts: Part[];
  /** Plugin, how many connections were looked at, and whether that was guarded. */
  readonly looks: string[];
  readonly updates: () => number;
  readonly ask: (id: number) => void;
}

function reportsOf(sizes: Readonly<Record<string, number>>): Asked {
  const parts: Part[] = [];
  const looks: string[] = [];
  let guarded: unknown;
  let updates = 0;
  const plugins = Object.entries(sizes).map(([name, open]) => {
    const stall = new StallBudget(() => {}, { hold: () => {} });
    const counted: Record<string, Readonly<Record<string, number>>> = {
      connects: { connected: 5, refused: 2 },
      decisions: { allow: 7, deny: 3, would_deny: 1 },
      sentBytes: { '': 111 },
      receivedBytes: { '': 222 },
    };
    const total = (key: string, isWanted: (labels: Record<string, string>) => boolean = () => true): number =>
      Object.entries(counted[key] ?? {})
        .filter(([decision]) => isWanted({ decision }))
        .reduce((sum, [, value]) => sum + value, 0);
    const connections = {
      ...NO_CONNECTIONS,
      open,
      survey: (most: number) => void looks.push(`${name} ${most} ${guarded === stall}`),
    };
    const plugin = {
      name,
      connections,
      stall,
      metrics: { total },
      queue: { queued: 2, inFlight: 3 },
      asks: { size: 1 },
    };
    return [name, plugin] as const;
  });
  const guard = {
    watch: <T>(whom: unknown, work: () => T): T => {
      guarded = whom;
      try {
        return work();
      } finally {
        guarded = undefined;
      }
    },
  };
  const survey = new Survey({ guard } as never, new Map(plugins) as never);
  const update = async (): Promise<void> => {
    updates += 1;
    await survey.take();
  };
  const ask = usageReports(new Map(plugins) as never, update, (line) => parts.push(line as Part));
  return { parts, looks, updates: () => updates, ask };
}

test('a report counts what has ended and what is open, and refusals apart from what audit mode lets pass', async () => {
  const { parts, ask, updates } = reportsOf({ web: 1 });
  ask(4);
  await until(() => parts.at(-1)?.last || undefined);
  assert.deepEqual(parts, [
    {
      ...{ type: 'usage', id: 4, last: true },
      plugins: [
        {
          plugin: 'web',
          connections: 1,
          connects: 7,
          denials: 3,
          sent_bytes: 111,
          received_bytes: 222,
          waiting: 6,
        },
      ],
    },
  ]);
  assert.equal(updates(), 1);
});

// proves: top: the bytes of connections are read under the stall guard
// proves: top: a plugin with many connections costs a bounded time
test('of a plugin with many connections some are looked at, under its guard, with turns for other work', async () => {
  const { parts, looks, ask } = reportsOf({ noisy: 60_000, web: LISTED_AT_ONCE + 1, none: 0 });
  let turns = 0;
  const turn = (): void => {
    turns += 1;
    if (parts.at(-1)?.last !== true) setImmediate(turn);
  };
  setImmediate(turn);
  ask(1);
  await until(() => parts.at(-1)?.last || undefined);
  const rounds = SURVEYED_CONNECTIONS / LISTED_AT_ONCE;
  assert.deepEqual(looks, [
    ...Array(rounds).fill(`noisy ${LISTED_AT_ONCE} true`),
    `web ${LISTED_AT_ONCE} true`,
    'web 1 true',
  ]);
  assert.ok(turns >= rounds, `${turns} turns`);
});

test('who asks while a report is made gets the next one together, and no line has too many plugins', async () => {
  const sizes = Object.fromEntries(Array.from({ length: USAGE_AT_ONCE + 1 }, (_, at) => [`p${at}`, 1]));
  const { parts, ask, updates } = reportsOf(sizes);
  ask(1);
  for (const id of [2, 3, 4]) ask(id);
  await until(() => parts.filter(({ last }) => last).length === 4 || undefined);
  assert.equal(updates(), 2);
  assert.ok(parts.every(({ plugins }) => plugins.length <= USAGE_AT_ONCE));
  for (const id of [1, 2, 3, 4]) {
    const own = parts.filter((part) => part.id === id).flatMap(({ plugins }) => plugins);
    assert.equal(new Set(own.map(({ plugin }) => plugin)).size, USAGE_AT_ONCE + 1);
  }
});

// proves: metrics: a page waits for no plugin that was slow lately
// proves: metrics: a survey of open connections ends in time
test('a survey leaves out who was slow, ends in time, and begins the next time with whom it left out', async () => {
  const looks: string[] = [];
  let clock = 0;
  const plugin = (name: string, slow: boolean): readonly [string, unknown] => {
    const survey = (): void => {
      looks.push(name);
      clock += SURVEY_MS / 2;
    };
    const open = name === 'three' ? 9 * LISTED_AT_ONCE : 1;
    return [name, { connections: { ...NO_CONNECTIONS, open, survey }, stall: { slow } }];
  };
  const plugins = new Map([
    plugin('held', true),
    ...['one', 'two', 'three'].map((name) => plugin(name, false)),
  ]);
  const guard = { watch: <T>(_whom: unknown, work: () => T): T => work() };
  const survey = new Survey({ guard } as never, plugins as never, () => clock);
  await survey.take();
  assert.deepEqual(looks, ['one', 'two']);
  await survey.take();
  assert.deepEqual(looks, ['one', 'two', 'three', 'three']);
  await survey.take();
  assert.deepEqual(looks.slice(4), ['one', 'two']);
});

test('the metrics have how much of each limit a plugin uses, and nothing of a limit that it has no more', async () => {
  const all = new Metrics();
  const metrics = all.ofPlugin('probe');
  const connections = {
    ...NO_CONNECTIONS,
    open: 3,
    total: () => ({ sentBytes: 512 * 1024, receivedBytes: 8 * 1024 * 1024 }),
  };
  const shown = async (written: Parameters<typeof limitsOf>[0]): Promise<readonly string[]> => {
    showUsedLimits({ connections, metrics, limits: limitsOf(written), queue: { queued: 256 } });
    return [...(await all.text()).matchAll(/^postern_limit_used_ratio{plugin="probe",(.*)$/gm)].map(
      ([, series = '']) => series,
    );
  };
  assert.deepEqual(await shown({ connections: 4, sent_mib: 1, received_mib: 32 }), [
    'limit="connections"} 0.75',
    'limit="queue"} 0.25',
    'limit="sent"} 0.5',
    'limit="received"} 0.25',
  ]);
  assert.deepEqual(await shown({ queued_requests: 0, sent_mib: 2 }), ['limit="sent"} 0.25']);
});
