// The questions of all plugins, between brokers that come and go and a person who answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AskAnsweredLine, Asks } from '../../../sandbox/supervisor/approval/asks.js';
import { ASKS_PER_MINUTE, OPEN_ASKS } from '../../../shared/limits.js';

const HOST = '93.184.216.40';
const OTHER = '93.184.216.66';
const LINE = { type: 'asked', plugin: 'agent', port: 443, address: null, door: 'trap' } as const;
const asked = (id: number, host: string): Parameters<Asks['asked']>[0] => ({
  ...{ ...LINE, id, host, pid: null, program: null },
});

interface Scene {
  readonly asks: Asks;
  /** What brokers were answered. */
  readonly sent: AskAnsweredLine[];
}

function scene(): Scene {
  const sent: AskAnsweredLine[] = [];
  const asks = new Asks(60_000, {
    mayAsk: (plugin) => plugin === 'agent',
    answer: (line) => sent.push(line),
    keep: () => {},
  });
  return { asks, sent };
}

const openHosts = (asks: Asks): readonly string[] => asks.list().map(({ host }) => host);

// proves: ask: a number of a former broker means nothing
test('an answer to a question of a former broker is for no question of the next one', () => {
  const { asks, sent } = scene();
  asks.asked(asked(1, HOST));
  asks.brokerEnded();
  asks.asked(asked(1, OTHER));
  asks.askEnded({ type: 'ask_ended', plugin: 'agent', id: 1 });
  assert.deepEqual(openHosts(asks), [HOST]);
  asks.approve('1', 'once', 'control');
  assert.deepEqual(sent, []);
  // A number that a person has seen comes never again.
  asks.asked(asked(1, OTHER));
  assert.deepEqual(
    asks.list().map(({ id }) => id),
    ['3'],
  );
  asks.close();
});

test('an answer carries what the broker asked, and reaches the next one that asks the same', () => {
  const { asks, sent } = scene();
  asks.asked({ ...asked(7, 'api.example.com'), address: HOST });
  asks.brokerEnded();
  asks.asked(asked(1, HOST));
  asks.approve('1', 'once', 'control');
  const answer = { type: 'ask_answered', plugin: 'agent', port: 443, answer: 'once', by: 'control' };
  assert.deepEqual(sent, [{ ...answer, id: 1, host: HOST }]);
  // That broker ends too, before it has acted on it.
  asks.brokerEnded();
  asks.asked(asked(2, HOST));
  assert.deepEqual(sent[1], { ...answer, id: 2, host: HOST });
  assert.deepEqual(openHosts(asks), []);
});

// proves: ask: an approval on which a broker has acted serves no further one
test('an approval on which a broker has acted is used up, and a denial still holds', () => {
  const { asks, sent } = scene();
  for (const [id, host] of [HOST, OTHER].entries()) asks.asked(asked(id, host));
  asks.approve('1', 'once', 'control');
  asks.deny('2', 'control');
  for (const host of [HOST, OTHER]) asks.taken({ type: 'ask_taken', plugin: 'agent', host, port: 443 });
  asks.brokerEnded();
  sent.length = 0;
  for (const [id, host] of [HOST, OTHER].entries()) asks.asked(asked(id, host));
  assert.deepEqual(openHosts(asks), [HOST]);
  assert.deepEqual(
    sent.map(({ host, answer }) => [host, answer]),
    [[OTHER, 'deny']],
  );
  // The next run of the plugin has nothing to do with what was answered before.
  asks.pluginEnded('agent');
  asks.asked(asked(3, OTHER));
  assert.deepEqual(openHosts(asks), [OTHER]);
  asks.close();
});

// proves: ask: a broker asks for no plugin whose unknown destinations are denied
test('a broker that asks in the name of a plugin that may not ask opens no question', () => {
  const { asks, sent } = scene();
  asks.asked({ ...asked(1, HOST), plugin: 'other' });
  assert.deepEqual([openHosts(asks), sent], [[], []]);
});

// proves: ask: a broker leaves no more questions open than a plugin may
test('a broker leaves no more questions open than a plugin may, and those that no broker asks any more make room', () => {
  const { asks, sent } = scene();
  for (let id = 0; id <= OPEN_ASKS; id += 1) asks.asked(asked(id, `93.184.217.${id}`));
  assert.equal(asks.list().length, OPEN_ASKS);
  assert.deepEqual(
    sent.map(({ id, answer, by }) => [id, answer, by]),
    [[OPEN_ASKS, 'deny', 'nobody']],
  );
  asks.brokerEnded();
  asks.asked(asked(0, OTHER));
  assert.equal(asks.list().length, OPEN_ASKS);
  assert.equal(openHosts(asks).includes(OTHER), true);
  asks.close();
});

// proves: ask: a broker asks no more often than a plugin may
test('a broker asks no more often than a plugin may', () => {
  const { asks, sent } = scene();
  const all = Array.from({ length: 2 * ASKS_PER_MINUTE }, (_, id) => asked(id, `93.184.217.${id}`));
  for (const line of all) {
    asks.asked(line);
    asks.askEnded({ type: 'ask_ended', plugin: 'agent', id: line.id });
  }
  assert.deepEqual(
    sent.map(({ id }) => id),
    all.slice(ASKS_PER_MINUTE + 1).map(({ id }) => id),
  );
});
