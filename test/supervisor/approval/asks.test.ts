// The questions of all plugins, between brokers that come and go and a person who answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AnswerLine, Asks } from '../../../sandbox/supervisor/approval/asks.js';

const HOST = '93.184.216.40';
const OTHER = '93.184.216.66';
const LINE = { type: 'asked', plugin: 'agent', port: 443, address: null, door: 'trap' } as const;
const asked = (id: number, host: string): Parameters<Asks['asked']>[0] => ({
  ...{ ...LINE, id, host, pid: null, program: null },
});

interface Scene {
  readonly asks: Asks;
  /** What brokers were answered. */
  readonly sent: AnswerLine[];
}

function scene(): Scene {
  const sent: AnswerLine[] = [];
  const asks = new Asks(60_000, {
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
