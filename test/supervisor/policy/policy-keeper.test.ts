import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import type { Fetched } from '../../../sandbox/supervisor/policy/fetch-policy.js';
import { KeptPolicy } from '../../../sandbox/supervisor/policy/kept-policy.js';
import { PolicyKeeper } from '../../../sandbox/supervisor/policy/policy-keeper.js';
import { readableFolder } from '../../harness/users.js';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');

function signed(serial: number, rule = 'example.com'): Buffer {
  const text = `serial: ${serial}\nallow: ['${rule}']\n`;
  return Buffer.from(
    `# postern-policy ed25519 ${sign(null, Buffer.from(text), privateKey).toString('base64')}\n${text}`,
  );
}

// proves: policy: one that could not be put in force is not replaced by an older one
test('a policy that could not be put in force stays the newest, and comes into force the next time', async (t) => {
  const former = { ...process.env };
  t.after(() => {
    process.env = former;
  });
  process.env['STATE_DIRECTORY'] = readableFolder();
  const kept = new KeptPolicy('/etc/postern/postern.yaml');
  const offers: readonly (readonly [offer: Buffer, works: boolean])[] = [
    [signed(3), true],
    [signed(5), false],
    [signed(4), true],
    [signed(5, 'other.example.com'), true],
    [signed(5), true],
  ];
  let at = -1;
  const results: (readonly [string, number | null])[] = [];
  const inForce: number[] = [];
  let finish = (): void => {};
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const keeper = new PolicyKeeper(undefined, {
    ...{ key: publicKey, kept, pollMs: 1 },
    fetch: async (): Promise<Fetched> => {
      at += 1;
      return { kind: 'policy', etag: undefined, bytes: offers[at]?.[0] ?? signed(5) };
    },
    putInForce: async ({ serial }) => {
      if (offers[at]?.[1] === false) throw new Error('EMFILE: no descriptor is left');
      inForce.push(serial);
    },
    onNews: ({ result, serial }) => {
      results.push([result, serial]);
      if (results.length === offers.length + 1) finish();
    },
  });
  // The keeper's timers hold no process.
  const hold = setInterval(() => {}, 1000);
  keeper.start();
  await done;
  keeper.close();
  clearInterval(hold);
  assert.deepEqual(results, [
    ['new', 3],
    ['unavailable', 3],
    ['older', 3],
    ['invalid', 3],
    ['new', 5],
    ['same', 5],
  ]);
  assert.deepEqual(inForce, [3, 5]);
  const last = kept.read(publicKey);
  assert.equal(typeof last === 'object' && last.serial, 5);
});
