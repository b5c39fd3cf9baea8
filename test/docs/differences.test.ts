import assert from 'node:assert/strict';
import { test } from 'node:test';
import { argumentDenials } from '../../sandbox/launch/filter/argument-denials.js';
import type { FilterGroup } from '../../sandbox/launch/filter/filter-group.js';
import { refusedCalls } from '../../sandbox/launch/filter/refused-calls.js';
import { WHOLLY_TRAPPED } from '../../shared/trap-calls.js';
import { Page } from './page.js';

const page = new Page('docs/differences.md');
/** Told in the table of sockets, by what they are for. */
const OF_SOCKETS = [
  'sendto',
  'sendmsg',
  'sendmmsg',
  'recvmsg',
  'recvfrom',
  'recvmmsg',
  'getsockopt',
  'setsockopt',
  'socket',
  'socketpair',
];

/** `call errno` of each call in backquotes in the first cell of a table that is about calls. */
function toldAfter(heading: RegExp): string[] {
  const [, table = ''] = heading.exec(page.text) ?? [];
  return table.split('\n').flatMap((row) => {
    const [, calls = '', errno = ''] = row.split('|');
    return [...calls.matchAll(/`([a-z0-9_]+)`/g)].map(([, call = '']) => `${call} ${errno.trim()}`);
  });
}

/** The same as the filters have it. */
function refusedIn(groups: readonly FilterGroup[], besides: readonly string[]): string[] {
  return groups
    .flatMap(({ rules }) => rules.flatMap(({ calls, action }) => calls.map((call) => ({ call, action }))))
    .filter(({ call, action }) => action !== 'allow' && !besides.includes(call))
    .map(({ call, action }) => `${call} ${action}`);
}

test('the page has every call that the filter refuses, with its errno', () => {
  const told = toldAfter(/\n\| call \| errno \| reason \|\n\|---\|---\|---\|\n([\s\S]*?)\n\n/);
  assert.deepEqual(told.sort(), refusedIn(refusedCalls, WHOLLY_TRAPPED).sort());
});

test('the page has every call that the filter refuses with certain arguments, with its errno', () => {
  const told = toldAfter(/\n\| call and arguments \|.*\n\|---\|---\|---\|\n([\s\S]*?)\n\n/);
  const refused = refusedIn(argumentDenials, OF_SOCKETS);
  assert.deepEqual(new Set(told), new Set([...refused, 'personality EPERM']));
});
