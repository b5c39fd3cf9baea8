import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NotedConnection, OpenRegister } from '../../../broker/accounts/connection-places.js';
import type { Plugin, Services } from '../../../broker/request/plugin.js';
import { endConnections } from '../../../broker/revoke/end-connections.js';

/** A connection that no process holds, and that is not closed. */
const HIDDEN: NotedConnection = {
  ...{ cookie: 1n, since: 1_000, description: undefined, isUnderWay: false },
  peer: { bytes: new Uint8Array(4), port: 443 },
};
const REGISTER: OpenRegister = {
  look: (connections) => connections.map(() => ({ kind: 'there', inode: 1, uid: 0, account: undefined })),
  ended: () => {},
};

/** @returns whether the connection has ended, and how often the plugin was ended */
async function end(runsSince: number | undefined): Promise<readonly [hasEnded: boolean, ends: number]> {
  let ends = 0;
  const stall = {
    end: () => {
      ends += 1;
    },
  };
  const plugin = { name: 'maker', runsSince, stall } as unknown as Plugin;
  const services = { plugins: new Map(), guard: { watch: () => {} } } as unknown as Services;
  return [await endConnections(services, plugin, REGISTER, [HIDDEN], 'age'), ends];
}

// proves: a run of a plugin is not ended for what a former one has given away
test('what no process holds ends the run of its plugin that got it, and no later one', async () => {
  assert.deepEqual(await Promise.all([end(0), end(500), end(2_000)]), [
    [false, 1],
    [false, 1],
    [false, 0],
  ]);
});
