import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { DEVICES } from '../../sandbox/launch/spec.js';
import {
  ETC_SHOWN,
  ETC_WRITTEN,
  PLUGIN_HOME,
  SCRATCH,
  SYSTEM,
} from '../../sandbox/supervisor/root/system-files.js';
import { checkCall } from '../../shared/config/call-forms.js';
import { readableFolder } from '../harness/users.js';
import { Page, testThatAllWasRun } from './page.js';
import { runCommands } from './run-commands.js';

const page = new Page('docs/sandbox.md');
/** The words in backquotes of the first line that has a text in it. */
const quotedIn = (part: string): string[] => {
  const line = page.text.split('\n').find((one) => one.includes(part)) ?? '';
  return [...line.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word).sort();
};

test('the page lists what shows of /etc, and what postern writes there', () => {
  assert.deepEqual(page.block('etc').split(/\s+/).filter(Boolean), [...ETC_SHOWN].sort());
  assert.deepEqual(quotedIn('postern writes `/etc/'), ETC_WRITTEN.map((name) => `/etc/${name}`).sort());
});

test('the page lists the folders of the system, the empty ones, and the devices', () => {
  assert.deepEqual(quotedIn('`/usr`,'), [...SYSTEM].sort());
  assert.deepEqual(quotedIn('empty at each run, writable'), SCRATCH.map(({ path }) => path).sort());
  assert.ok(page.text.includes(`\`HOME\` is \`${PLUGIN_HOME}\``));
  assert.deepEqual(quotedIn('`/dev/null`'), DEVICES.map((name) => `/dev/${name}`).sort());
});

test('the calls of the example may be added so', () => {
  const { seccomp } = parse(page.block('yaml')) as { seccomp: Record<'allow' | 'unsafe_allow', string[]> };
  for (const by of ['allow', 'unsafe_allow'] as const)
    for (const call of seccomp[by]) assert.equal(checkCall(call, by), undefined);
});

test('a kept home has at the second run what the first one left', async (t) => {
  const { text, shown } = page.commands('--home');
  const ran = await runCommands(t, text, { cwd: readableFolder() });
  assert.deepEqual([ran.status, ran.stdout], [0, shown], ran.stderr);
});

testThatAllWasRun(page);
