import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { ConnectsAsPlugin } from '../../../sandbox/supervisor/orders/connects-as-plugin.js';
import { openFolder } from '../../../shared/sys/open-folder.js';
import { until } from '../../harness/until.js';

// proves: what belongs to no sandbox holds up no other order
test('descriptors that belong to no sandbox are closed, and hold up no others', async () => {
  const connects = new ConnectsAsPlugin();
  const first = openFolder('/');
  const second = openFolder('/');
  const paths = [first, second].map(({ number }) => `/proc/self/fd/${number}`);
  connects.discard([first]);
  connects.discard([second]);
  await until(() => (paths.some((path) => existsSync(path)) ? undefined : true));
  assert.equal(connects.isFull, false);
});
