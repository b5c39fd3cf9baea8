import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RootEntry } from '../../../sandbox/launch/spec.js';
import { sharedTrees } from '../../../sandbox/supervisor/root/shared-trees.js';

type Bind = Extract<RootEntry, { readonly kind: 'bind' }>;
/** /mnt/again shows /srv/w. */
const host = {
  aliases: (path: string): readonly string[] =>
    `${path}/`.startsWith('/srv/w/') ? [path.replace('/srv/w', '/mnt/again')] : [],
};

function bind(source: string, more: Partial<Bind> = {}): Bind {
  return { kind: 'bind', path: source, source, directory: true, writable: false, ...more };
}
const named = (source: string): Bind => bind(source, { asOwner: 'asked' });
const writable = (source: string, more: Partial<Bind> = {}): Bind =>
  bind(source, { writable: true, asOwner: 'asked', ...more });
const home = (source: string): Bind => writable(source, { path: '/home/plugin', asOwner: 'needed' });
const mask = (path: string): RootEntry => ({ kind: 'mask', path, directory: true });

/** `PLUGIN SOURCE < WRITER SOURCE` for each */
function told(a: readonly RootEntry[], b: readonly RootEntry[], alsoNamed: readonly string[] = []): string[] {
  const namedIn = (entries: readonly RootEntry[]): string[] =>
    entries.flatMap((entry) => (entry.kind === 'bind' && entry.asOwner === 'asked' ? [entry.source] : []));
  const plans = [
    { name: 'a', entries: a, named: namedIn(a) },
    { name: 'b', entries: b, named: [...namedIn(b), ...alsoNamed] },
  ];
  return sharedTrees(plans, host).map(
    ({ plugin, tree, writer, written }) => `${plugin} ${tree.source} < ${writer} ${written.source}`,
  );
}

test('sharedTrees() finds a folder that one plugin writes and another one sees or writes, once', () => {
  assert.deepEqual(told([writable('/srv/w')], [named('/srv/w')]), ['b /srv/w < a /srv/w']);
  assert.deepEqual(told([named('/srv/w')], [writable('/srv/w')]), ['a /srv/w < b /srv/w']);
  assert.deepEqual(told([writable('/srv/w')], [writable('/srv/w')]), ['b /srv/w < a /srv/w']);
  assert.deepEqual(told([named('/srv/w')], [named('/srv/w')]), []);
  assert.deepEqual(told([writable('/srv/w')], [writable('/srv/ww')]), []);
});

// proves: a bind mount of a folder by which plugins can reach each other is told
test('sharedTrees() counts a bind mount of a folder as the folder, on both sides', () => {
  assert.deepEqual(told([writable('/srv/w')], [named('/mnt/again')]), ['b /mnt/again < a /srv/w']);
  assert.deepEqual(told([writable('/srv/w/inner')], [named('/mnt')]), ['b /mnt < a /srv/w/inner']);
  assert.deepEqual(told([writable('/srv/w')], [named('/mnt/again/inner')]), [
    'b /mnt/again/inner < a /srv/w',
  ]);
});

test('sharedTrees() counts homes, and what shows by itself in a folder that another plugin writes', () => {
  assert.deepEqual(told([home('/srv/w')], [home('/mnt/again')]), ['b /mnt/again < a /srv/w']);
  assert.deepEqual(told([home('/srv/w')], [home('/srv/x')]), []);
  assert.deepEqual(told([writable('/srv/w')], [bind('/srv/w', { asOwner: 'by itself' })]), [
    'b /srv/w < a /srv/w',
  ]);
  assert.deepEqual(told([writable('/srv')], [bind('/srv/w')]), ['b /srv/w < a /srv']);
});

test('sharedTrees() counts a named folder that shows anyway, because its outer folder does', () => {
  const cwd = [bind('/srv', { asOwner: 'by itself' })];
  assert.deepEqual(told([writable('/srv/w')], cwd, ['/srv/w']), ['b /srv/w < a /srv/w']);
  assert.deepEqual(told([writable('/srv/w')], [...cwd, mask('/srv/w')], ['/srv/w']), []);
  assert.deepEqual(told([writable('/srv/w')], cwd, ['/srv/x']), []);
});

test('sharedTrees() does not count a part of the system, or of a working directory', () => {
  assert.deepEqual(told([writable('/usr/local/w')], [bind('/usr')]), []);
  assert.deepEqual(told([writable('/srv/w')], [bind('/srv', { asOwner: 'by itself' })]), []);
  assert.deepEqual(told([writable('/srv/w')], [named('/srv')]), ['b /srv < a /srv/w']);
  const device = { writable: true, device: true };
  assert.deepEqual(told([bind('/dev/null', device)], [bind('/dev/null', device)]), []);
});

test('sharedTrees() knows what is hidden from the one that sees, and what the writer cannot write', () => {
  assert.deepEqual(told([writable('/srv/w')], [named('/srv'), mask('/srv/w')]), []);
  assert.deepEqual(told([writable('/srv/w')], [named('/srv/w'), mask('/srv/w')]), []);
  assert.deepEqual(told([writable('/srv/w')], [named('/srv'), mask('/srv/w'), named('/srv/w/open')]), [
    'b /srv/w/open < a /srv/w',
  ]);
  assert.deepEqual(told([writable('/srv'), mask('/srv/w')], [named('/srv/w')]), []);
  assert.deepEqual(told([writable('/srv'), named('/srv/w')], [named('/srv/w')]), []);
});
