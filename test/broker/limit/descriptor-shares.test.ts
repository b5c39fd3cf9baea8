import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DescriptorPool, type DescriptorShare } from '../../../broker/limit/descriptor-shares.js';
import { RESERVED_DESCRIPTORS } from '../../../shared/limits.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { packetSocketPair } from '../../../shared/sys/socket.js';

const LIMIT = RESERVED_DESCRIPTORS + 600;
/** A share counts owners, and never looks at their numbers. */
const some = (): OwnedFd => new OwnedFd(1_000_000);
const fill = (share: DescriptorShare): OwnedFd[] => {
  const held: OwnedFd[] = [];
  while (share.hasRoom(1)) {
    const descriptor = some();
    share.hold(descriptor);
    held.push(descriptor);
  }
  return held;
};

test('one plugin takes half of the descriptors, and a newcomer always finds some', () => {
  const pool = new DescriptorPool(LIMIT);
  assert.equal(fill(pool.share()).length, 300);
  for (const expected of [150, 75]) assert.equal(fill(pool.share()).length, expected);
});

test('plugins that take turns get equal shares, and leave as much', () => {
  const pool = new DescriptorPool(LIMIT);
  const [one, two] = [pool.share(), pool.share()];
  for (let at = 0; at < LIMIT; at += 1)
    for (const share of [one, two]) if (share.hasRoom(1)) share.hold(some());
  assert.deepEqual([one.held, two.held, pool.left], [200, 200, 200]);
});

test('a descriptor counts until it is closed or has a new owner', () => {
  const share = new DescriptorPool(LIMIT).share();
  const [one, two] = packetSocketPair();
  share.hold(one);
  share.hold(two, 3);
  assert.equal(share.held, 4);
  one.close();
  one.close();
  assert.equal(share.held, 3);
  new OwnedFd(two.release()).close();
  assert.equal(share.held, 0);
});

test('of a low limit, half stays for the broker itself', () => {
  assert.equal(new DescriptorPool(100).left, 50);
});
