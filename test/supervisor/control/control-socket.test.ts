import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ControlSocket } from '../../../sandbox/supervisor/control/control-socket.js';
import { PosternError } from '../../../shared/errors.js';
import { readableFolder } from '../../harness/users.js';

const refusal =
  (pattern: RegExp) =>
  (error: unknown): boolean =>
    error instanceof PosternError && error.code === 'control_socket' && pattern.test(error.message);
const place = (): string => join(readableFolder(), 'own/c.sock');
const descriptors = (): number => readdirSync('/proc/self/fd').length;

// proves: control: the socket is for its owner
test('a control socket is for its owner alone, in a folder for its owner alone, and is gone at the end', () => {
  const before = descriptors();
  const path = place();
  mkdirSync(dirname(path), { mode: 0o777 });
  const socket = new ControlSocket(path, true);
  assert.equal(statSync(path).mode & 0o7777, 0o600);
  assert.equal(statSync(dirname(path)).mode & 0o7777, 0o700);
  assert.deepEqual(readdirSync(dirname(path)), ['c.sock']);
  socket.close();
  assert.deepEqual(readdirSync(dirname(path)), []);
  assert.equal(descriptors(), before);
});

test('the mode of a folder that the user named stays', () => {
  const path = place();
  mkdirSync(dirname(path), { mode: 0o755 });
  new ControlSocket(path, false).close();
  assert.equal(statSync(dirname(path)).mode & 0o7777, 0o755);
});

// proves: control: the socket of a running postern is not taken
test('a live control socket is not taken, and the socket of a dead supervisor is', () => {
  const path = place();
  const first = new ControlSocket(path, true);
  assert.throws(() => new ControlSocket(path, true), refusal(/a running postern listens there/));
  assert.ok(existsSync(path), 'the refused one removed the file');
  first.close();
  const killed = `import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1)`;
  assert.equal(spawnSync('python3', ['-c', killed, path]).status, 0);
  assert.ok(existsSync(path));
  new ControlSocket(path, true).close();
});

test('what is no socket stays, and so does a socket that another one put there since', () => {
  const path = place();
  mkdirSync(dirname(path));
  writeFileSync(path, 'mine');
  assert.throws(() => new ControlSocket(path, false), refusal(/something else is there/));
  assert.equal(statSync(path).size, 4);
});

test('no link is followed, to the folder or to the socket', () => {
  const path = place();
  const link = join(readableFolder(), 'link');
  mkdirSync(dirname(path));
  symlinkSync(dirname(path), link);
  assert.throws(() => new ControlSocket(join(link, 'c.sock'), true), refusal(/a link is on the way/));
  symlinkSync(join(readableFolder(), 'elsewhere'), path);
  assert.throws(() => new ControlSocket(path, false), refusal(/something else is there/));
});

// proves: control: a folder of another user, or an open one, holds no control socket
test('a folder of another user, or one where others may write, is refused', (t) => {
  const open = place();
  mkdirSync(dirname(open));
  chmodSync(dirname(open), 0o777);
  assert.throws(() => new ControlSocket(open, false), refusal(/other users may write/));
  if (process.geteuid?.() !== 0) return t.skip('only root gives folders away');
  const foreign = place();
  mkdirSync(dirname(foreign));
  chownSync(dirname(foreign), 1234, 1234);
  for (const isDefault of [true, false])
    assert.throws(() => new ControlSocket(foreign, isDefault), refusal(/belongs to uid 1234/));
});

test('a path that is too long, and a folder that does not exist, are refused', () => {
  assert.throws(() => new ControlSocket(`/tmp/${'x'.repeat(120)}`, false), refusal(/107 bytes/));
  assert.throws(() => new ControlSocket('/nonexistent/c.sock', false), refusal(/does not exist/));
  assert.throws(
    () => new ControlSocket('/nonexistent/postern/c.sock', true),
    (error: unknown) => error instanceof PosternError && error.code === 'control_socket',
  );
});
