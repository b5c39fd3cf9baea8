import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { OPEN_ASKS } from '../../shared/limits.js';
import type { BrokerLine, SupervisorLine } from '../../shared/protocol/link.js';
import { startBroker, type TestBroker } from './start-broker.js';
import type { TestChannel } from './test-channel.js';

type Asked = Extract<BrokerLine, { type: 'asked' }>;
const isAsked = (line: BrokerLine): line is Asked => line.type === 'asked';
/** Nothing answers there, and nothing is dialled without an approval. */
const HOST = '93.184.219.1';

let broker: TestBroker;
let channel: TestChannel;
let names = 0;
let name = '';
before(async () => {
  broker = await startBroker();
});
after(() => broker.stop());
afterEach(() => channel.close());

async function plugin(rules: Parameters<TestBroker['plugin']>[1] = {}): Promise<void> {
  names += 1;
  name = `asker${names}`;
  await broker.plugin(name, { unknown: 'ask', ...rules });
  channel = await broker.channel(name);
}

const asked = (host: string): Promise<Asked> =>
  broker.line((line): line is Asked => isAsked(line) && line.plugin === name && line.host === host);

type Answer = Pick<SupervisorLine & { readonly type: 'ask_answered' }, 'id' | 'answer' | 'by'>;
const answer = (given: Answer, host = HOST, port = 443): void =>
  broker.send({ type: 'ask_answered', plugin: name, host, port, ...given });

test('new rules that deny, or that ask no more, decide what waits at once', async () => {
  await plugin();
  const waiting = channel.refusal(HOST, 443);
  const { id } = await asked(HOST);
  await broker.plugin(name, { unknown: 'ask', deny: [HOST] });
  assert.equal((await waiting).reason, 'denied_by_rule');
  await broker.line((line): line is BrokerLine => line.type === 'ask_ended' && line.id === id);
  const other = channel.refusal('93.184.219.2', 443);
  await asked('93.184.219.2');
  await broker.plugin(name, { unknown: 'deny' });
  assert.equal((await other).reason, 'no_rule');
  // An answer that comes too late opens nothing.
  answer({ id, answer: 'run', by: 'control' });
  assert.equal((await channel.refusal(HOST, 443)).reason, 'no_rule');
});

// proves: ask: an answer opens what was asked about, and nothing else
test('an answer with the number of a question about another destination opens nothing', async () => {
  await plugin();
  const waiting = channel.refusal(HOST, 443);
  const { id } = await asked(HOST);
  answer({ id, answer: 'once', by: 'control' }, HOST, 80);
  answer({ id, answer: 'once', by: 'control' }, '93.184.219.9');
  answer({ id, answer: 'deny', by: 'control' });
  assert.equal((await waiting).reason, 'no_rule');
  const isTaken = (line: BrokerLine): line is BrokerLine => line.type === 'ask_taken' && line.plugin === name;
  await broker.line(isTaken);
  const taken = broker.lines.filter(isTaken);
  assert.deepEqual(taken, [{ type: 'ask_taken', plugin: name, host: HOST, port: 443 }]);
});

// proves: ask: an answer during a replacement is not lost
test('a broker that retires acts on no answer: the next one does', async () => {
  const retiring = await startBroker();
  await retiring.plugin('asker', { unknown: 'ask' });
  const its = await retiring.channel('asker');
  void its.connect(HOST, 443).catch(() => {});
  const { id } = await retiring.line(isAsked);
  retiring.send({ type: 'retire', id: 1 });
  const answer = { host: HOST, port: 443, answer: 'once', by: 'control' } as const;
  retiring.send({ type: 'ask_answered', plugin: 'asker', id, ...answer });
  await retiring.line((line): line is BrokerLine => line.type === 'retired');
  assert.equal(
    retiring.lines.some(({ type }) => type === 'ask_taken'),
    false,
  );
  its.close();
  await retiring.stop();
});

test('rules that are still silent about it leave a question as it is', async () => {
  await plugin();
  const waiting = channel.refusal(HOST, 443);
  const { id } = await asked(HOST);
  await broker.plugin(name, { unknown: 'ask', allow: ['other.example.com'] });
  answer({ id, answer: 'deny', by: 'control' });
  assert.equal((await waiting).reason, 'no_rule');
  assert.equal(broker.lines.filter(isAsked).filter(({ plugin }) => plugin === name).length, 1);
});

test('requests for one destination share a question, and a cancelled one leaves it', async () => {
  await plugin();
  const first = channel.refusal(HOST, 443);
  await asked(HOST);
  const id = channel.nextId();
  channel.send({ op: 'connect', id, host: HOST, port: 443 });
  channel.send({ op: 'cancel', id });
  const { reply } = await channel.answer(id);
  assert.equal('errno' in reply && reply.errno, 'ECANCELED');
  assert.equal(await broker.metric(`postern_asks_open{plugin="${name}"}`), 1);
  assert.equal(await broker.metric(`postern_requests_in_flight{plugin="${name}"}`), 0);
  const questions = broker.lines.filter(isAsked).filter(({ plugin }) => plugin === name);
  assert.equal(questions.length, 1);
  answer({ id: questions[0]?.id ?? 0, answer: 'timeout', by: 'nobody' });
  assert.equal((await first).errno, 'EACCES');
  assert.equal(await broker.metric(`postern_asks_total{plugin="${name}",answer="timeout"}`), 1);
  assert.equal(await broker.metric(`postern_asks_open{plugin="${name}"}`), 0);
});

test('a question ends with the run that asked by a channel, and the next run asks anew', async () => {
  await plugin();
  assert.equal((await channel.refusal(HOST, 443, 200)).errno, 'ETIMEDOUT');
  const { id } = await asked(HOST);
  broker.endRun(name);
  channel = await broker.channel(name);
  const waiting = channel.refusal(HOST, 443);
  const isNext = (line: BrokerLine): line is Asked => isAsked(line) && line.plugin === name && line.id !== id;
  const next = await broker.line(isNext);
  answer({ id: next.id, answer: 'deny', by: 'control' });
  assert.equal((await waiting).reason, 'no_rule');
});

test('a request with a time limit of its own waits no longer than that', async () => {
  await plugin();
  assert.equal((await channel.refusal(HOST, 443, 200)).errno, 'ETIMEDOUT');
});

// proves: ask: open questions are bounded
test('past a bound of open questions the plugin is refused without a question', async () => {
  await plugin();
  for (let last = 1; last <= OPEN_ASKS; last += 1)
    void channel.connect(`93.184.220.${last}`, 443).catch(() => {});
  await asked(`93.184.220.${OPEN_ASKS}`);
  assert.equal((await channel.refusal('93.184.220.200', 443)).reason, 'no_rule');
  assert.equal(await broker.metric(`postern_limit_rejections_total{plugin="${name}",limit="asks"}`), 1);
  await broker.until(() => broker.events.some(({ message }) => String(message).includes('nobody was asked')));
});

test('an explanation says what a connect would get, approvals included', async () => {
  await plugin({ approved: [{ host: HOST, port: 443, answer: 'run', by: 'control' }] });
  const explain = async (id: number, port: number): Promise<unknown> => {
    broker.send({ type: 'explain', id, plugin: name, host: HOST, port, egress: 'transparent' });
    type Explained = Extract<BrokerLine, { type: 'explained' }>;
    const isIts = (line: BrokerLine): line is Explained => line.type === 'explained' && line.id === id;
    return (await broker.line(isIts)).explanation.reason;
  };
  assert.equal(await explain(1, 443), 'approved');
  assert.equal(await explain(2, 444), 'no_rule');
});

// proves: an approval opens no special address
// proves: an approval opens no localhost
test('an approval opens no special address, localhost or socket: nobody is asked', async () => {
  await plugin({ approved: [{ host: '10.1.2.3', port: 443, answer: 'run', by: 'control' }] });
  for (const host of [
    '10.1.2.3',
    '169.254.169.254',
    '127.0.0.1',
    '100.64.0.1',
    'fd00::1',
    '64:ff9b::a01:203',
  ])
    assert.match((await channel.refusal(host, 443)).reason, /^(?:no_rule|address_refused)$/);
  assert.equal((await channel.refusal('localhost', 443)).reason, 'no_rule');
  assert.equal((await channel.refusal('unix:/run/x.sock', 0)).reason, 'no_rule');
  assert.equal(broker.lines.filter(isAsked).filter((line) => line.plugin === name).length, 0);
});
