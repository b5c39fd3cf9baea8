import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSecrets, type SecretReader } from '../../../sandbox/supervisor/gateway/read-secrets.js';
import type { SecretSource } from '../../../shared/config/gateway-keys.js';
import { readableFolder } from '../../harness/users.js';

const SECRET = 'ghs_top-secret-0123456789';

function read(source: SecretSource, reader: Partial<SecretReader> = {}): string | undefined {
  const whole = { plugin: 'agent', written: [], environment: {}, ...reader };
  return readSecrets({ github: source }, whole).get('github');
}

function fileWith(text: string, mode = 0o600): string {
  const path = join(readableFolder(), 'token');
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

test('a secret is read from a file, a variable, a credential and a command', () => {
  const path = fileWith(`${SECRET}\n`);
  assert.equal(read({ from: 'file', path }), SECRET);
  assert.equal(read({ from: 'env', variable: 'TOKEN' }, { environment: { TOKEN: SECRET } }), SECRET);
  const environment = { CREDENTIALS_DIRECTORY: join(path, '..') };
  assert.equal(read({ from: 'credential', name: 'token' }, { environment }), SECRET);
  assert.equal(read({ from: 'command', words: ['/bin/cat', path] }), SECRET);
});

// proves: gateway: a secret that every user may read is refused
test('a file that every user may read is refused', () => {
  assert.throws(() => read({ from: 'file', path: fileWith(SECRET, 0o604) }), /every user may read/);
});

// proves: gateway: a secret with a line break is refused
test('what can be no secret is refused, and no message has it', () => {
  for (const text of ['', '\n', `${SECRET}\r\nx: y\n`, `${SECRET}\n\n`, 'short', `${SECRET}\u00e9`]) {
    const source: SecretSource = { from: 'file', path: fileWith(text) };
    assert.throws(
      () => read(source),
      (error: Error) =>
        /Cannot use the secret "github"/.test(error.message) && !error.message.includes(SECRET),
      JSON.stringify(text),
    );
  }
});

test('what is not there is refused, by its name', () => {
  const folder = readableFolder();
  mkdirSync(join(folder, 'sub'));
  const cases: readonly (readonly [SecretSource, RegExp])[] = [
    [{ from: 'file', path: join(folder, 'none') }, /ENOENT/],
    [{ from: 'file', path: join(folder, 'sub') }, /not a regular file/],
    [{ from: 'env', variable: 'NONE' }, /variable NONE is not set/],
    [{ from: 'credential', name: 'token' }, /service with credentials/],
    [{ from: 'command', words: ['/nonexistent/pass'] }, /"\/nonexistent\/pass" gave none: ENOENT/],
    [{ from: 'command', words: ['/bin/sh', '-c', 'exit 3'] }, /ended with status 3/],
  ];
  for (const [source, message] of cases) assert.throws(() => read(source), message);
});

// proves: gateway: a secret behind a link of a plugin is refused
test('a link that a plugin could have made is not followed', () => {
  const [folder, elsewhere] = [readableFolder(), fileWith(SECRET)];
  const path = join(folder, 'token');
  symlinkSync(elsewhere, path);
  assert.equal(read({ from: 'file', path }), SECRET);
  const written = [{ writer: 'other', path: folder, real: folder, isHome: false }];
  assert.throws(() => read({ from: 'file', path }, { written }), { code: 'path_not_apart' });
});
