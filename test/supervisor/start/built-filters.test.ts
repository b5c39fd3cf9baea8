import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FilterChoice } from '../../../sandbox/launch/filters.js';
import { filterOf, filterOfInit } from '../../../sandbox/supervisor/start/launch-sandbox.js';
import { runFilter } from '../../harness/run-filter.js';

const CHOICE: FilterChoice = { egress: 'transparent' };

test('filterOf() compiles once for a choice', () => {
  assert.equal(filterOf({ ...CHOICE }), filterOf({ ...CHOICE }));
  assert.equal(filterOfInit(), filterOfInit());
});

test('each part of a choice has a filter of its own', () => {
  const choices: readonly FilterChoice[] = [
    CHOICE,
    { egress: 'channel' },
    { ...CHOICE, added: ['acct'] },
    { ...CHOICE, onlyIds: { uid: 1000, gid: 1000 } },
    { ...CHOICE, onlyIds: { uid: 1001, gid: 1000 } },
    { ...CHOICE, datagrams: true },
    { ...CHOICE, hasNotices: true },
  ];
  const all = choices.map((choice) => JSON.stringify(filterOf(choice)));
  assert.equal(new Set(all).size, choices.length);
});

test('a call that nobody knows is a failure of the start, with its step', () => {
  assert.throws(
    () => filterOf({ ...CHOICE, added: ['no_such_call'] }),
    (error: Error & { code?: string }) =>
      error.code === 'launch_failed' &&
      /step seccomp: Cannot add the call "no_such_call"/.test(error.message),
  );
});

// proves: init: the plugin's own filter
// proves: init: a filter of its own
test("init's filter refuses what a plugin's does, and what init never calls", () => {
  const { program, reports } = filterOfInit();
  assert.equal(reports, false);
  const bytes = new Uint8Array(Buffer.from(program, 'base64'));
  const [mount, ptrace, socket, kill, wait4] =
    process.arch === 'arm64' ? [40, 117, 198, 129, 260] : [165, 101, 41, 62, 61];
  const refused = [mount, ptrace, socket, kill].map((call = -1) => runFilter(bytes, call, [2n, 1n]));
  assert.deepEqual(
    refused.map((answer) => (answer & 0xffff0000) >>> 0),
    [0x50000, 0x50000, 0x50000, 0x50000],
  );
  assert.equal(runFilter(bytes, wait4 ?? -1, []), 0x7fff0000);
  assert.equal(runFilter(bytes, 599, []), 0x50000 | 38, 'ENOSYS for an unknown call');
});
