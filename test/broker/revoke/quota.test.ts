import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { leftOfQuota, spentQuota } from '../../../broker/ledger/byte-sums.js';
import { NO_CONNECTIONS } from '../../../broker/ledger/register.js';
import { type Carried, carriedOf } from '../../../broker/ledger/slot-memory.js';
import { pauseBeforeLook, Quota } from '../../../broker/revoke/quota.js';
import { limitsOf, type WrittenLimits } from '../../../shared/config/limit-forms.js';
import { LISTED_AT_ONCE, QUOTA_LOOK_MS } from '../../../shared/limits.js';
import type { TcpAccount } from '../../../shared/sys/socket-state.js';
import { policyOf } from '../../policy/rules.js';
import { makePlugin, makeServices } from '../make-plugin.js';

const MIB = 1_048_576;
const carried = (sentBytes: number, receivedBytes = 0): Carried => ({ sentBytes, receivedBytes });

test('a quota is used up by its last byte, and not before; each has its own name', () => {
  const limits = { sentMib: 2, receivedMib: 1 };
  assert.equal(spentQuota(limits, carried(2 * MIB - 1, MIB - 1)), undefined);
  assert.equal(spentQuota(limits, carried(2 * MIB))?.key, 'sent_mib');
  assert.equal(spentQuota(limits, carried(0, MIB))?.word, 'received');
  assert.equal(spentQuota({}, carried(1e15, 1e15)), undefined);
  assert.equal(leftOfQuota(limits, carried(2 * MIB - 5, 0)), 5);
  assert.equal(leftOfQuota({ sentMib: 1 }, carried(0, 1e15)), MIB);
});

test('a sum that is no number is a quota that is used up', () => {
  assert.equal(spentQuota({ sentMib: 1 }, carried(Number.NaN))?.key, 'sent_mib');
});

test('the broker looks as soon as the rest could be used up, within bounds, and later at many connections', () => {
  const { least, most } = QUOTA_LOOK_MS;
  assert.equal(pauseBeforeLook(0, 1), least);
  assert.equal(pauseBeforeLook(-1, 1), least);
  assert.equal(pauseBeforeLook(125_000_000, 1), 100);
  assert.equal(pauseBeforeLook(1e15, 1), most);
  assert.equal(pauseBeforeLook(0, 5_000), 500);
});

const account: TcpAccount = {
  ...{ established: true, isForgotten: false, sentBytes: 100, writtenBytes: 150, receivedBytes: 7 },
  ...{ rttMs: 1, retransmits: 0 },
};

test('a connection counts with what was written, whether the kernel has sent it or not', () => {
  const look = { kind: 'there', inode: 9, uid: 0, account } as const;
  assert.deepEqual(carriedOf(look), carried(150, 7));
  assert.equal(carriedOf({ kind: 'gone' }), undefined);
  assert.equal(carriedOf({ ...look, account: undefined }), undefined);
});

/** Runs a quota for two seconds of a simulated clock. @returns how often connections were asked about under the guard, and in how large parts */
async function watchFor(
  written: WrittenLimits,
  open: number,
  onCount: (connections: { open: number; uncounted: number }) => void = () => {},
): Promise<{ guarded: number; parts: number[] }> {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    let guarded = 0;
    const parts: number[] = [];
    const connections = {
      ...NO_CONNECTIONS,
      open,
      uncounted: open,
      cookies: Array.from({ length: open }, (_, at) => BigInt(at)),
      count: (cookies: readonly bigint[]): void => {
        parts.push(cookies.length);
        onCount(connections);
      },
    };
    const watch = <T>(_: unknown, work: () => T): T => {
      guarded += 1;
      return work();
    };
    using services = makeServices({ guard: { watch } });
    const plugin = makePlugin('maker', services);
    plugin.configure(policyOf([]), limitsOf(written));
    plugin.register(connections);
    new Quota(services, plugin).begin();
    for (let at = 0; at < 100; at += 1) {
      mock.timers.tick(20);
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { guarded, parts };
  } finally {
    mock.timers.reset();
  }
}

test('without a quota, or without a connection, the broker asks for no bytes', async () => {
  assert.deepEqual(await watchFor({ connections: 5, connection_seconds: 5 }, 3), { guarded: 0, parts: [] });
  assert.deepEqual(await watchFor({ sent_mib: 1 }, 0), { guarded: 0, parts: [] });
});

// proves: quota: bytes are asked for under the stall guard
test('with a quota the broker asks again and again, in parts and under the stall guard', async () => {
  const { guarded, parts } = await watchFor({ sent_mib: 1 }, LISTED_AT_ONCE + 1);
  assert.ok(parts.length >= 50, `${parts.length}`);
  assert.equal(guarded, parts.length);
  assert.deepEqual(new Set(parts), new Set([LISTED_AT_ONCE, 1]));
});

// proves: quota: a connection that is over while it is made is looked at again
test('a look that finds the only connection over while it is made is not the last one', async () => {
  const { parts } = await watchFor({ sent_mib: 1 }, 1, (connections) => {
    connections.open = 0;
  });
  assert.ok(parts.length >= 5, `${parts.length}`);
});
