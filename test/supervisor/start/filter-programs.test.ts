import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FilterChoice } from '../../../sandbox/launch/filters.js';
import { programsOf, programsOfInit } from '../../../sandbox/supervisor/start/filter-programs.js';

const CHOICE: FilterChoice = { egress: 'transparent' };

test('programsOf() compiles once for a choice', () => {
  assert.equal(programsOf({ ...CHOICE }), programsOf({ ...CHOICE }));
  assert.equal(programsOfInit(), programsOfInit());
});

test('each part of a choice has programs of its own', () => {
  const choices: readonly FilterChoice[] = [
    CHOICE,
    { egress: 'channel' },
    { ...CHOICE, added: ['acct'] },
    { ...CHOICE, onlyIds: { uid: 1000, gid: 1000 } },
    { ...CHOICE, onlyIds: { uid: 1001, gid: 1000 } },
    { ...CHOICE, datagrams: true },
    { ...CHOICE, notify: true },
  ];
  const all = choices.map((choice) => JSON.stringify(programsOf(choice)));
  assert.equal(new Set(all).size, choices.length);
});

test('a call that nobody knows is a failure of the start, with its step', () => {
  assert.throws(
    () => programsOf({ ...CHOICE, added: ['no_such_call'] }),
    (error: Error & { code?: string }) =>
      error.code === 'launch_failed' &&
      /step seccomp: Cannot add the call "no_such_call"/.test(error.message),
  );
});
