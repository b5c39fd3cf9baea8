// proves: G14
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RootEntry } from '../../../sandbox/launch/spec.js';
import { exposedTrees } from '../../../sandbox/supervisor/root/shared-trees.js';

const tree = (path: string, more: object = {}): RootEntry =>
  ({ kind: 'bind', path, source: path, directory: true, writable: false, ...more }) as const;
const exposed = (entries: readonly RootEntry[], landlock: boolean): readonly string[] =>
  exposedTrees({ entries, writableDirectories: ['/tmp', '/srv/data'] }, landlock).map(({ path }) => path);

test('exposedTrees() finds read-only trees below what the plugin may write', () => {
  const entries = [
    tree('/usr'),
    tree('/tmp/work', { asOwner: 'by itself' }),
    tree('/srv/data', { writable: true, asOwner: 'asked' }),
    tree('/srv/data/inner'),
    tree('/srv/other', { asOwner: 'asked' }),
    tree('/tmp/device', { device: true }),
  ];
  assert.deepEqual(exposed(entries, true), ['/tmp/work', '/srv/data/inner']);
  assert.deepEqual(exposed(entries, false), ['/tmp/work', '/srv/data/inner', '/srv/other']);
});
