import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TrappedCall } from '../../../broker/caller/trapped-call.js';
import { changeMode } from '../../../broker/trap/change-mode.js';
import type { TrapContext } from '../../../broker/trap/trap-context.js';

const EAGAIN = -11;
const MODE = 0o2755;

/** A chmod(2) of a slow plugin. @returns its result, and how often the slow lane was asked */
async function change(hasRoom: boolean): Promise<{ readonly result: number; readonly asked: number }> {
  let asked = 0;
  const copyPath = (): Promise<never> => {
    asked += 1;
    return Promise.reject(new Error('EMFILE'));
  };
  const context = {
    services: { slowLane: { copyPath } },
    plugin: {
      stall: { slow: true },
      descriptors: { hasRoom: () => hasRoom },
      metrics: { count: () => {} },
    },
  } as unknown as TrapContext;
  const notification = { ints: [0, MODE, 0], first: 1n, address: 0n, option: { address: 0n, length: 0 } };
  const result = await new Promise<number>((resolve) => {
    const call = { call: 'chmod', tid: 1, descriptor: 0, notification, end: resolve };
    changeMode(context, call as unknown as TrappedCall, 'chmod');
  });
  return { result, asked };
}

test('a chmod of a slow plugin is EAGAIN where its share of the descriptors is used up', async () => {
  assert.deepEqual(await change(false), { result: EAGAIN, asked: 0 });
});

test('a chmod of a slow plugin is EAGAIN where the broker has no descriptor left for the slow lane', async () => {
  assert.deepEqual(await change(true), { result: EAGAIN, asked: 1 });
});
