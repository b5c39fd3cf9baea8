import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  DEVICES,
  ETC_SHOWN,
  ETC_WRITTEN,
  PLUGIN_HOME,
  SCRATCH,
  SYSTEM,
} from '../../sandbox/supervisor/root/system-files.js';

const text = readFileSync(new URL('../../../docs/sandbox.md', import.meta.url), 'utf8');
/** The words in backquotes of the first line that has a text in it. */
const quotedIn = (part: string): string[] => {
  const line = text.split('\n').find((one) => one.includes(part)) ?? '';
  return [...line.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word).sort();
};

test('docs/sandbox.md lists what shows of /etc, and what postern writes there', () => {
  const [, block = ''] = /^```etc\n([\s\S]*?)^```$/m.exec(text) ?? [];
  assert.deepEqual(block.split(/\s+/).filter(Boolean), [...ETC_SHOWN].sort());
  assert.deepEqual(quotedIn('postern writes `/etc/'), ETC_WRITTEN.map((name) => `/etc/${name}`).sort());
});

test('docs/sandbox.md lists the folders of the system, the empty ones, and the devices', () => {
  assert.deepEqual(quotedIn('`/usr`,'), [...SYSTEM].sort());
  assert.deepEqual(quotedIn('empty at each run, writable'), SCRATCH.map(({ path }) => path).sort());
  assert.ok(text.includes(`\`HOME\` is \`${PLUGIN_HOME}\``));
  assert.deepEqual(quotedIn('`/dev/null`'), DEVICES.map((name) => `/dev/${name}`).sort());
});
