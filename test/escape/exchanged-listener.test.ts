// A plugin may exchange a folder in which postern binds a listener. postern must make and remove no file elsewhere.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { ownFolder } from '../harness/own-folder.js';
import { postern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { chownTo, type User } from '../harness/users.js';

/** A listener at w/s/web.sock, a link w/l to another folder, and the configuration. */
function scene(as: User, plugins: object): { readonly file: string; readonly target: string } {
  const top = ownFolder(as);
  for (const name of ['w', 'w/s', 'target', 'bin']) {
    mkdirSync(join(top, name));
    chownTo(as, join(top, name));
  }
  symlinkSync(join(top, 'target'), join(top, 'w/l'));
  const file = join(top, 'bin/postern.yaml');
  writeFileSync(file, JSON.stringify({ plugins }));
  return { file, target: join(top, 'target') };
}

const SHUT = 'import socket; socket.socket(fileno=3).shutdown(socket.SHUT_RDWR)';
const SWAP = 'mv ../w/s ../w/t && mv ../w/l ../w/s';

for (const as of anyUser) {
  // proves: a listener in a folder that another plugin may write is refused
  test(`a listener in a folder that another plugin writes starts nothing (${as})`, async () => {
    const { file, target } = scene(as, {
      b: { command: ['sh', '-c', SWAP], filesystem: { writable: ['../w'] } },
      a: {
        command: ['/usr/bin/python3', '-c', SHUT],
        listen: [{ name: 'web', address: '../w/s/web.sock' }],
        restart: { policy: 'always', delay_ms: 10, max_delay_ms: 10 },
      },
    });
    for (const words of [
      ['up', '--config', file],
      ['check', file],
    ]) {
      const { status, stdout, stderr } = await postern(words, { as });
      assert.match(stdout + stderr, /web\.sock" leads through ".*w", which the plugin "b" may write/);
      assert.equal(status, words[0] === 'up' ? 2 : 1);
    }
    assert.deepEqual(readdirSync(target), []);
  });

  test(`a plugin that exchanges the folder of its own listener makes no file elsewhere (${as})`, async () => {
    const { file, target } = scene(as, {
      a: {
        command: ['sh', '-c', `${SWAP}; /usr/bin/python3 -c '${SHUT}'; exit 1`],
        filesystem: { writable: ['../w'] },
        listen: [{ name: 'web', address: '../w/s/web.sock' }],
        restart: { policy: 'on-failure', delay_ms: 10, max_delay_ms: 10 },
      },
    });
    const { child, result } = startPostern(['up', '--config', file], { as });
    let words = '';
    child.stderr?.on('data', (text: string) => {
      words += text;
      if (words.includes('a link leads to')) child.kill('SIGTERM');
    });
    const { stderr } = await result;
    assert.match(stderr, /a link leads to/);
    assert.deepEqual(readdirSync(target), []);
  });

  // proves: a start follows no link that a plugin could have made
  test(`a listener that was closed is bound anew through no link of its plugin (${as})`, async () => {
    const { file, target } = scene(as, {
      a: {
        command: ['sh', '-c', SWAP],
        filesystem: { writable: ['../w'] },
        listen: [{ name: 'web', address: '../w/s/web.sock' }],
      },
      other: { command: ['sleep', '1000'] },
    });
    const control = join(ownFolder(as), 'c.sock');
    const {
      child,
      result,
      stderr: words,
    } = startPostern(['up', '--config', file, '--control', control], { as });
    await until(() => words().includes('a: ended with status 0') || undefined);
    await postern(['start', 'a', '--control', control], { as });
    await until(() => words().split(/^postern: a: /m).length > 2 || undefined);
    child.kill('SIGTERM');
    const { stderr } = await result;
    assert.match(stderr, /a: .*Cannot listen on ".*\/w\/s\/web\.sock" for "web": a link leads to ".*\/w\/s"/);
    assert.deepEqual(readdirSync(target), []);
  });
}
