// What the supervisor takes of a broker that retires, and may have been taken over.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BrokerLines, readBrokerLine } from '../../../sandbox/supervisor/broker/broker-lines.js';
import { GivenNames } from '../../../sandbox/supervisor/broker/broker-run.js';
import { GIVEN_NAMES_A_LINE, GRANTS, STAND_INS } from '../../../shared/limits.js';
import type { GivenName, SupervisorLine } from '../../../shared/protocol/link.js';

const GOOD = { address: '192.0.2.1', name: 'a.test', standsFor: false };
const read = (session: unknown, names: unknown): readonly GivenName[] | undefined => {
  const line = readBrokerLine(JSON.stringify({ type: 'given_names', session, names }));
  return line?.type === 'given_names' ? line.names : undefined;
};
const namesOf = (...names: unknown[]): readonly GivenName[] | undefined => read(1, names);

test('what is no name or no address is left out', () => {
  for (const wrong of [
    { address: '192.0.2.1.' },
    { address: 'a.test' },
    { address: '0300.0.2.1' },
    { address: 7 },
    { name: 'A.test' },
    { name: 'a b' },
    { name: '192.0.2.1' },
    { name: undefined },
    { standsFor: 5 },
  ])
    assert.deepEqual(namesOf({ ...GOOD, ...wrong }, GOOD), [GOOD], JSON.stringify(wrong));
  assert.deepEqual(namesOf(null, 5, 'x', []), []);
  assert.equal(read('1', []), undefined);
  assert.equal(read(1, {}), undefined);
});

// proves: names of a retiring broker are bounded
test('names past the bound of a sandbox are left out, and each line to the next broker is read before the next', async () => {
  const given = new GivenNames();
  const names = Array.from({ length: 50_000 }, (_, n) => ({ ...GOOD, name: `n${n}.test` }));
  for (let at = 0; at < names.length; at += 7_000)
    given.take({ type: 'given_names', session: 1, names: names.slice(at, at + 7_000) });
  given.take({ type: 'given_names', session: 2, names: [GOOD] });
  const sent: SupervisorLine[] = [];
  let unread = 0;
  const lines = {
    nextId: () => sent.length,
    send: (line: SupervisorLine) => {
      sent.push(line);
      if (line.type === 'given_names') unread += 1;
      assert.ok(unread <= 1);
    },
    expect: async () => {
      unread = 0;
      return true;
    },
  } as unknown as BrokerLines;
  await given.giveTo(lines);
  const told = sent.flatMap((line) => (line.type === 'given_names' ? [line] : []));
  const ofFirst = told.filter(({ session }) => session === 1);
  assert.equal(ofFirst.flatMap(({ names }) => names).length, GRANTS + STAND_INS);
  assert.ok(told.every(({ names }) => names.length <= GIVEN_NAMES_A_LINE));
  assert.deepEqual(
    told.filter(({ session }) => session === 2).map(({ names }) => names),
    [[GOOD]],
  );
});
