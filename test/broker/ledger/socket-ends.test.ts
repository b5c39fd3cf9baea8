import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SocketEnds } from '../../../broker/ledger/socket-ends.js';
import { openEndedSockets } from '../../../shared/sys/socket-diag.js';
import { until } from '../../harness/until.js';

/** @param take takes a part of the reports of a simulated kernel @returns how often it was told that reports are missing */
function begin(t: TestContext, take: () => 'none' | 'some' | 'all' | 'lost'): () => number {
  const ends = new SocketEnds(() => {}, { take });
  let lost = 0;
  const endsLost = (): void => {
    lost += 1;
  };
  ends.add({ socketEnded: () => {}, endsLost });
  ends.begin(openEndedSockets());
  t.after(() => ends.close());
  return () => lost;
}

// proves: ends: a broker that is always busy takes the ends of connections
test('where each turn of the event loop makes four parts of reports, all are taken', async (t) => {
  let parts = 10;
  begin(t, () => {
    if (parts === 0) return 'none';
    parts -= 1;
    return 'all';
  });
  for (let turn = 0; turn < 1_000 && parts > 0; turn += 1) {
    await nextTurn();
    if (parts > 0) parts += 4;
  }
  assert.equal(parts, 0);
});

// proves: ends: what was lost is looked for while ever new reports come
test('what the kernel could not report is looked for also while other reports do not end', async (t) => {
  const lost = begin(t, () => 'all');
  assert.equal(lost(), 0);
  await until(() => lost() > 0 || undefined);
});
