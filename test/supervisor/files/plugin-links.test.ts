import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostFiles } from '../../../sandbox/supervisor/files/host-files.js';
import {
  outermost,
  pluginLink,
  withoutPluginLinks,
  writtenFolders,
} from '../../../sandbox/supervisor/files/plugin-links.js';

/** /mnt/again shows /srv/w. */
const LINKS: Readonly<Record<string, string>> = {
  '/bin': 'usr/bin',
  '/way': '/srv/over/../w',
  '/loop': '/loop',
  '/srv/w/out': '/etc',
  '/mnt/again/out': '/etc',
  '/srv/home/out': '/etc',
  '/srv/into': 'w/out/file',
};
const host: HostFiles = {
  kind: (path) => (path in LINKS ? 'link' : path.endsWith('absent') ? 'absent' : 'directory'),
  readLink: (path) => LINKS[path] ?? '',
  list: () => [],
  real: (path) => path,
  owner: () => undefined,
  aliases: (path) => (`${path}/`.startsWith('/mnt/again/') ? [path.replace('/mnt/again', '/srv/w')] : []),
};
const written = writtenFolders([{ name: 'a', writable: ['/srv/w'], home: '/srv/home' }], host);
const { real } = withoutPluginLinks(host, written);

// proves: a start follows no link that a plugin could have made
// proves: a link of a plugin is one below a bind mount too
test('withoutPluginLinks() finds nothing behind a link in a folder that a plugin writes, or in its home', () => {
  for (const path of [
    '/srv/w/out',
    '/srv/w/out/file',
    '/srv/home/out',
    '/srv/into',
    '/way/out',
    '/mnt/again/out',
  ])
    assert.equal(real(path), undefined, path);
});

test('withoutPluginLinks() follows the other links, also on the way to such a folder', () => {
  assert.equal(real('/bin/sh'), '/usr/bin/sh');
  assert.equal(real('/way'), '/srv/w');
  assert.equal(real('/way/a/file'), '/srv/w/a/file');
  assert.equal(real('/'), '/');
  assert.equal(real('/srv/absent'), undefined);
  assert.equal(real('/loop'), undefined);
});

test('outermost() leaves out what lies in another folder: the plugin there could make it lead anywhere', () => {
  const plugins = [
    { name: 'a', writable: ['/srv/w/out', '/srv/w'] },
    { name: 'b', writable: ['/srv/w', '/srv/w2'], home: '/srv/w/home' },
  ];
  const folders = outermost(writtenFolders(plugins, host));
  assert.deepEqual(
    folders.map(({ writer, path }) => `${writer} ${path}`),
    ['a /srv/w', 'b /srv/w', 'b /srv/w2'],
  );
});

test('pluginLink() names the link, and the folder with its writer', () => {
  const found = (path: string): string | undefined => {
    const link = pluginLink(path, written, host);
    return link && `${link.link} of ${link.folder.writer} in ${link.folder.path}`;
  };
  assert.equal(found('/way/out/file'), '/srv/w/out of a in /srv/w');
  assert.equal(found('/srv/into'), '/srv/w/out of a in /srv/w');
  assert.equal(found('/srv/home/out'), '/srv/home/out of a in /srv/home');
  for (const path of ['/bin/sh', '/loop', '/srv/w/a', '/srv/w/absent']) assert.equal(found(path), undefined);
});
