// needs: openssl
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  readHeld,
  readSecrets,
  type SecretReader,
  secretProblems,
} from '../../../sandbox/supervisor/gateway/read-secrets.js';
import type { GatewayHost, SecretSource } from '../../../shared/config/gateway-keys.js';
import { plainPlugin } from '../../../shared/config/plugin-config.js';
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

// proves: gateway: the key of a client certificate is read as a secret is
test('a key that every user may read, or that does not fit its certificate, is refused before a start', () => {
  const [one, other] = [0, 1].map(() => {
    const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    return spawnSync('openssl', [...words, '-subj', '/CN=gateway', '-keyout', '-'], { encoding: 'utf8' })
      .stdout;
  });
  assert.ok(one !== undefined && other !== undefined);
  const pluginOf = (keys: Partial<GatewayHost>): Parameters<typeof readHeld>[0] => {
    const host = { host: 'api.example.com', ports: [443], headers: {}, allow: [], deny: [], masks: true };
    return { ...plainPlugin('agent', ['true']), gateway: [{ ...host, ...keys }] };
  };
  const reader = { plugin: 'agent', written: [], environment: {} };
  const cert = fileWith(one, 0o644);
  const good = pluginOf({ client: { cert, key: fileWith(one) } });
  assert.equal(readHeld(good, reader).files.get('api.example.com')?.client?.key, one);
  const cases: readonly (readonly [Partial<GatewayHost>, RegExp])[] = [
    [
      { client: { cert, key: fileWith(one, 0o644) } },
      /key of the client certificate for api\.example\.com: every/,
    ],
    [{ client: { cert, key: fileWith(other) } }, /api\.example\.com: OpenSSL refuses/],
    [{ client: { cert, key: fileWith('no key') } }, /api\.example\.com: OpenSSL refuses/],
    [{ ca: '/nonexistent/ca.pem' }, /certificates of api\.example\.com: .*ENOENT/],
  ];
  for (const [keys, message] of cases) {
    assert.throws(() => readHeld(pluginOf(keys), reader), message);
    assert.match(JSON.stringify(secretProblems([pluginOf(keys)], reader)), /api\.example\.com/);
  }
});
