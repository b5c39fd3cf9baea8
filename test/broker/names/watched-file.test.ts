import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { HostsFile } from '../../../broker/names/hosts-file.js';
import { NameServers, parseResolvConf } from '../../../broker/names/name-servers.js';
import { WatchedFile } from '../../../broker/names/watched-file.js';
import { readableFolder } from '../../harness/users.js';
import { ask } from './ask.js';

const LIMIT = 1000;

/** What may come into the place of a file, and what is wrong with it. */
const REPLACED: Readonly<Record<string, (path: string) => void>> = {
  ENOENT: () => {},
  ELOOP: (path) => symlinkSync(path, path),
  'it is no regular file': (path) => mkdirSync(path),
  'it has more than 1000 bytes': (path) => writeFileSync(path, 'x'.repeat(LIMIT + 1)),
  'nothing in it can be used': (path) => writeFileSync(path, '\0garbage\n'),
};

test('whatever takes the place of a file, its last good text stays in force, with one line', () => {
  const folder = readableFolder();
  const path = join(folder, 'file');
  writeFileSync(path, 'good 0');
  const said: string[] = [];
  let text = '';
  const file = new WatchedFile(path, LIMIT, (line) => said.push(line));
  const renew = (): boolean =>
    file.renew((next) => {
      if (!next.startsWith('good')) return false;
      text = next;
      return true;
    });
  assert.ok(renew());
  let turn = 0;
  for (const [problem, make] of Object.entries(REPLACED)) {
    turn += 1;
    rmSync(path, { recursive: true, force: true });
    make(path);
    assert.equal(renew(), false);
    assert.equal(renew(), false);
    assert.equal(text, `good ${turn - 1}`);
    assert.equal(said.length, 2 * turn - 1, said.join('; '));
    assert.match(said.at(-1) ?? '', new RegExp(`cannot use ".*": ${problem}; the former one stays in force`));
    rmSync(path, { recursive: true, force: true });
    writeFileSync(`${path}.new`, `good ${turn}`);
    renameSync(`${path}.new`, path);
    assert.ok(renew());
    assert.equal(text, `good ${turn}`);
    assert.equal(said.length, 2 * turn);
  }
});

test('a pipe in the place of a file holds nobody up', () => {
  const path = join(readableFolder(), 'file');
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  const said: string[] = [];
  assert.equal(
    new WatchedFile(path, LIMIT, (line) => said.push(line)).renew(() => true),
    false,
  );
  assert.match(said.join(), /it is no regular file/);
});

test('the names of a hosts file stay while it cannot be read', () => {
  const path = join(readableFolder(), 'hosts');
  writeFileSync(path, '192.0.2.7 printer\n');
  const hosts = new HostsFile(path);
  rmSync(path);
  symlinkSync(path, path);
  assert.deepEqual(
    hosts.lookup('printer')?.map(({ text }) => text),
    ['192.0.2.7'],
  );
});

test('parseResolvConf() reads the first three servers', () => {
  const text =
    '# a comment\nsearch example.com\nnameserver 192.0.2.1\n nameserver\t2001:db8::1\nnameserver no\nnameserver fe80::1%eth0\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n';
  assert.deepEqual(parseResolvConf(text), ['192.0.2.1', '2001:db8::1', '192.0.2.3']);
});

test('the servers of a resolv.conf stay while garbage is in its place', async () => {
  const path = join(readableFolder(), 'resolv.conf');
  writeFileSync(path, 'nameserver 127.0.0.1\n');
  const said: string[] = [];
  const servers = new NameServers(undefined, (line) => said.push(line), path);
  chmodSync(path, 0o644);
  writeFileSync(path, 'garbage\n');
  void ask(servers, 'x.test', 4);
  assert.equal(said.length, 1);
});
