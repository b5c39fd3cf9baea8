import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { NO_CONNECTIONS, type Register } from '../../../broker/ledger/register.js';
import { monotonicMs } from '../../../broker/ledger/slot-memory.js';
import { ConnectionLists } from '../../../broker/request/connection-lists.js';
import { StallBudget } from '../../../broker/stall/stall-budget.js';
import { LISTED_AT_ONCE } from '../../../shared/limits.js';
import type { BrokerLine } from '../../../shared/protocol/link.js';
import type { SocketLook } from '../../../shared/sys/socket-diag.js';
import { until } from '../../harness/until.js';

type Part = BrokerLine & { readonly type: 'connections' };
const peer = { bytes: new Uint8Array([192, 0, 2, 1]), port: 443 };
const account = {
  established: true,
  isForgotten: false,
  sentBytes: 5,
  writtenBytes: 5,
  receivedBytes: 7,
  rttMs: 1,
  retransmits: 0,
};
const HELD: SocketLook = { kind: 'there', inode: 1, uid: 0, account };

/** Lists the connections of plugins with so many of them. */
async function list(
  sizes: Readonly<Record<string, number>>,
  question: { readonly plugin?: string; readonly most: number },
  lookOf: (cookie: bigint) => SocketLook = () => HELD,
): Promise<{ readonly parts: readonly Part[]; readonly looks: readonly string[]; readonly turns: number }> {
  const sent: Part[] = [];
  const looks: string[] = [];
  let guarded: unknown;
  const plugins = Object.entries(sizes).map(([name, open]) => {
    const stall = new StallBudget(() => {}, { hold: () => {} });
    const connections: Register = {
      ...NO_CONNECTIONS,
      open,
      newest: async function* (most, atOnce) {
        const all = Array.from({ length: Math.min(most, open) }, (_, at) => ({
          ...{ cookie: BigInt(at), since: monotonicMs(), description: undefined, peer, isUnderWay: false },
        }));
        for (let at = 0; at < all.length; at += atOnce) {
          await nextTurn();
          yield all.slice(at, at + atOnce);
        }
      },
      look: (all, accounts) => {
        looks.push(`${name} ${all.length} ${accounts} ${guarded === stall}`);
        return all.map(({ cookie }) => lookOf(cookie));
      },
    };
    return [name, { name, connections, stall }] as const;
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
  const lists = new ConnectionLists({ audit: { flush: () => {} }, guard }, new Map(plugins), (line) =>
    sent.push(line as Part),
  );
  let turns = 0;
  let open = true;
  const turn = (): void => {
    turns += 1;
    if (open) setImmediate(turn);
  };
  setImmediate(turn);
  lists.answer({ type: 'connections', id: 9, ...question });
  await until(() => sent.at(-1)?.last || undefined);
  open = false;
  return { parts: sent, looks, turns };
}

const counts = (parts: readonly Part[]): Record<string, number> => {
  const found: Record<string, number> = {};
  for (const { plugin } of parts.flatMap(({ connections }) => connections))
    found[plugin] = (found[plugin] ?? 0) + 1;
  return found;
};

// proves: list: the bytes of connections are read under the stall guard
test('the kernel is asked under the guard of the plugin, in parts, with turns for other work between them', async () => {
  const { parts, looks, turns } = await list({ web: 3 * LISTED_AT_ONCE + 1 }, { most: 1_000 });
  assert.deepEqual(looks, [...Array(3).fill(`web ${LISTED_AT_ONCE} true true`), 'web 1 true true']);
  assert.ok(parts.every(({ id, connections }) => id === 9 && connections.length <= LISTED_AT_ONCE));
  assert.ok(turns >= 3, `${turns} turns`);
});

// proves: list: a plugin hides no connection of another one
test('a plugin with many connections leaves room for those of the others', async () => {
  const { parts } = await list({ noisy: 60_000, web: 40, quiet: 3, none: 0 }, { most: 100 });
  assert.deepEqual(counts(parts), { noisy: 57, web: 40, quiet: 3 });
  assert.equal(parts.at(-1)?.more, 60_000 - 57);
  const two = await list({ noisy: 60_000, web: 500 }, { most: 100 });
  assert.deepEqual(counts(two.parts), { noisy: 50, web: 50 });
});

test('one plugin is listed alone with its gateway, and an unknown one has no connection', async () => {
  const sizes = { web: 2, quiet: 3, 'quiet.gateway': 1, 'web.gateway': 1 };
  assert.deepEqual(counts((await list(sizes, { plugin: 'quiet', most: 9 })).parts), {
    quiet: 3,
    'quiet.gateway': 1,
  });
  const { parts } = await list({ web: 2 }, { plugin: 'nobody', most: 9 });
  assert.deepEqual(parts, [{ type: 'connections', id: 9, connections: [], more: 0, last: true }]);
});

test('a connection that no process holds is left out, and one that the kernel does not know about has no bytes', async () => {
  const looks: readonly SocketLook[] = [{ kind: 'gone' }, { ...HELD, inode: 0 }, { kind: 'unknown' }, HELD];
  const { parts } = await list({ web: 4 }, { most: 9 }, (cookie) => looks[Number(cookie)] ?? HELD);
  const rows = parts.flatMap(({ connections }) => connections);
  assert.deepEqual(
    rows.map((one) => [one.host, one.dialed, one.sent_bytes, one.received_bytes]),
    [
      [null, '192.0.2.1', null, null],
      [null, '192.0.2.1', 5, 7],
    ],
  );
});
