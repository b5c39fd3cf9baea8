// What a page is told when it reads slowly, or not at all.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import type { ControlClient, News } from '../../../sandbox/cli/control/control-client.js';
import { PageStreams } from '../../../sandbox/cli/ui/page-streams.js';
import { until } from '../../harness/until.js';
import { decision } from './page-scene.js';

interface Told {
  readonly topic: string;
  readonly data: { readonly events?: readonly unknown[]; readonly missed?: number };
}

/** The reader of a page. */
class Reader extends EventEmitter {
  writableNeedDrain = false;
  isDestroyed = false;
  readonly told: Told[] = [];

  write(text: string): boolean {
    for (const line of text.trimEnd().split('\n')) this.told.push(JSON.parse(line) as Told);
    return true;
  }

  destroy(): void {
    this.isDestroyed = true;
    this.emit('close');
  }

  get response(): ServerResponse {
    return this as unknown as ServerResponse;
  }
}

interface Scene {
  readonly streams: PageStreams;
  /** Tells all pages an event. */
  readonly event: () => void;
  readonly clients: () => number;
}

function open(t: TestContext): Scene {
  let tell: ((news: News) => void) | undefined;
  let clients = 0;
  const client = {
    watch: async (
      method: string,
      _params: unknown,
      _ms: number | undefined,
      onNews: (news: News) => void,
    ) => {
      if (method === 'events') tell = onNews;
      return { events: [] };
    },
    ended: new Promise<void>(() => {}),
    close: () => {
      clients -= 1;
    },
  };
  const own = async (): Promise<ControlClient> => {
    clients += 1;
    return client as unknown as ControlClient;
  };
  const streams = new PageStreams({ own });
  t.after(() => streams.close());
  return { streams, event: () => tell?.({ event: decision({}) }), clients: () => clients };
}

const eventsOf = ({ told }: Reader): readonly Told['data'][] =>
  told.filter(({ topic }) => topic === 'events').map(({ data }) => data);

// proves: ui: events that wait for a page are bounded
test('a page that stalls gets the newest events, and how many it missed; another one gets all', async (t) => {
  const { streams, event } = open(t);
  const [stalled, reading] = [new Reader(), new Reader()];
  for (const reader of [stalled, reading]) assert.ok(streams.add(reader.response));
  await until(() => (reading.told.some(({ topic }) => topic === 'first') ? true : undefined));
  stalled.writableNeedDrain = true;
  for (let round = 0; round < 5; round += 1) {
    for (let count = 0; count < 200; count += 1) event();
    const seen = 200 * (round + 1);
    await until(() =>
      eventsOf(reading).reduce((sum, { events = [] }) => sum + events.length, 0) === seen ? true : undefined,
    );
  }
  assert.deepEqual(eventsOf(stalled), []);
  stalled.writableNeedDrain = false;
  const [data] = await until(() => (eventsOf(stalled).length > 0 ? eventsOf(stalled) : undefined));
  const { events = [], missed = 0 } = data ?? {};
  assert.ok(events.length <= 500, `${events.length}`);
  assert.equal(events.length + missed, 1_000);
});

// proves: ui: pages are bounded
test('there are sixteen pages at most, and no connection to the control socket without one', async (t) => {
  const { streams, clients } = open(t);
  const readers = Array.from({ length: 17 }, () => new Reader());
  const taken = readers.map(({ response }) => streams.add(response));
  assert.deepEqual([taken.filter(Boolean).length, taken.at(-1)], [16, false]);
  await until(() => (clients() === 1 ? true : undefined));
  for (const reader of readers) reader.destroy();
  await until(() => (clients() === 0 ? true : undefined));
});
