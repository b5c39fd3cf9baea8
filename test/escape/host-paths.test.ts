// A plugin reaches the host's AF_UNIX sockets by no name and no path. host-sockets.test.ts has those that the plugin sees.
// proves: G1
import assert from 'node:assert/strict';
import { chmodSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { LANDLOCK_UNIX, landlockVersion } from '../../shared/sys/landlock.js';
import { anyUser } from '../harness/asked.js';
import { startPostern } from '../harness/postern.js';
import { readableFolder, type User, users } from '../harness/users.js';

const program = readFileSync(new URL('host-paths.py', import.meta.url), 'utf8');
const ABSTRACT = ['abstract_SOCK_STREAM', 'abstract_SOCK_SEQPACKET'];
const PATHS = ['path', 'self', 'link', 'dots'];
/** The root of another process, which the plugin may not see. */
const INITS = ['init', 'init_link'];

async function look(
  user: User,
  egress: string,
): Promise<{ readonly found: ReadonlyMap<string, string>; readonly heard: string }> {
  const hidden = join(readableFolder(), 'hidden.sock');
  const visible = readableFolder();
  const late = join(visible, 'late.sock');
  const name = `postern-host-${process.pid}-${egress}-${user}`;
  let heard = '';
  const server = () =>
    createServer((socket) =>
      socket.on('data', (bytes: Buffer) => (heard += `${bytes} `)).on('error', () => {}),
    );
  const servers = [server(), server(), server()] as const;
  const listen = (index: 0 | 1 | 2, path: string): Promise<void> =>
    new Promise((resolve) => servers[index].listen(path, resolve));
  await listen(0, `\0${name}`);
  await listen(1, hidden);
  chmodSync(hidden, 0o777);
  const { child, result } = startPostern(
    [
      ...['run', '--egress', egress, '--visible', visible, '--audit', '/dev/null'],
      ...['--', '/usr/bin/python3', '-c', program, name, hidden, late],
    ],
    { as: user, keepInput: true },
  );
  child.stdout?.once('data', async () => {
    await listen(2, late);
    chmodSync(late, 0o777);
    child.stdin?.end('\n');
  });
  const { stdout, stderr } = await result;
  for (const one of servers) one.close();
  const found = new Map(
    [...stdout.matchAll(/^result (\S+) (.*)$/gm)].map(([, key = '', value = '']) => [key, value]),
  );
  assert.equal(found.get('ready'), 'yes', stderr);
  return { found, heard };
}

/** The name is not in the sandbox's network namespace. The socket at the path takes connections, and is the host's. */
const DATAGRAM = landlockVersion() >= LANDLOCK_UNIX ? /^(?:ECONNREFUSED|EACCES|EPROTOTYPE)$/ : /^EPERM$/;

for (const user of users) {
  test(`no socket of the host has a name or a path inside (transparent, ${user})`, async () => {
    const { found, heard } = await look(user, 'transparent');
    for (const way of ABSTRACT) assert.equal(found.get(way), 'ECONNREFUSED', way);
    for (const way of PATHS) assert.equal(found.get(way), 'ENOENT', way);
    for (const way of INITS) assert.match(found.get(way) ?? '', /^(?:EACCES|ENOENT)$/, way);
    for (const way of ['abstract_datagram', 'datagram']) assert.match(found.get(way) ?? '', DATAGRAM, way);
    assert.equal(found.get('late'), 'EACCES');
    assert.equal(heard, '');
  });
}

for (const user of anyUser) {
  test(`no socket of the host has a name or a path inside (channel, ${user})`, async () => {
    const { found, heard } = await look(user, 'channel');
    for (const way of [...ABSTRACT, ...PATHS, ...INITS, 'late']) assert.equal(found.get(way), 'EACCES', way);
    for (const way of ['abstract_datagram', 'datagram']) assert.match(found.get(way) ?? '', DATAGRAM, way);
    assert.equal(heard, '');
  });
}
