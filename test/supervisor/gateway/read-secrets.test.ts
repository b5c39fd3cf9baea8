// needs: openssl
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  AllHeld,
  readHeld,
  readSecrets,
  type SecretReader,
  secretProblems,
} from '../../../sandbox/supervisor/gateway/read-secrets.js';
import type { GatewayHost, SecretSource } from '../../../shared/config/gateway-keys.js';
import { HOOK_PATH } from '../../../shared/config/hook-command.js';
import { plainPlugin } from '../../../shared/config/plugin-config.js';
import { readableFolder } from '../../harness/users.js';

const SECRET = 'ghs_top-secret-0123456789';

const READER: SecretReader = {
  ...{ plugin: 'agent', written: [], environment: {} },
  refuse: () => {},
  signal: new AbortController().signal,
};

async function read(source: SecretSource, reader: Partial<SecretReader> = {}): Promise<string | undefined> {
  return (await readSecrets({ github: source }, { ...READER, ...reader })).get('github');
}

const command = (...words: readonly string[]): SecretSource => ({
  from: 'command',
  command: { command: words, files: [] },
});

function fileWith(text: string, mode = 0o600): string {
  const path = join(readableFolder(), 'token');
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

test('a secret is read from a file, a variable, a credential and a command', async () => {
  const path = fileWith(`${SECRET}\n`);
  assert.equal(await read({ from: 'file', path }), SECRET);
  assert.equal(await read({ from: 'env', variable: 'TOKEN' }, { environment: { TOKEN: SECRET } }), SECRET);
  const environment = { CREDENTIALS_DIRECTORY: join(path, '..') };
  assert.equal(await read({ from: 'credential', name: 'token' }, { environment }), SECRET);
  assert.equal(await read(command('/bin/cat', path)), SECRET);
});

// proves: gateway: a secret that every user may read is refused
test('a file that every user may read is refused', async () => {
  await assert.rejects(read({ from: 'file', path: fileWith(SECRET, 0o604) }), /every user may read/);
});

// proves: gateway: a secret whose file has another name is refused
test('a file with another name is refused, since a plugin could see it by that one', async () => {
  const path = fileWith(SECRET);
  linkSync(path, `${path}.old`);
  await assert.rejects(read({ from: 'file', path }), {
    code: 'bad_secret',
    message: /token" has another name \(a hard link\)/,
    fix: `give the secret a file of its own: cp -p ${path} ${path}.new && mv ${path}.new ${path}`,
  });
  spawnSync('sh', ['-c', `cp -p ${path} ${path}.new && mv ${path}.new ${path}`]);
  assert.equal(await read({ from: 'file', path }), SECRET);
});

// proves: gateway: a secret with a line break is refused
test('what can be no secret is refused, and no message has it', async () => {
  for (const text of ['', '\n', `${SECRET}\r\nx: y\n`, `${SECRET}\n\n`, 'short', `${SECRET}\u00e9`]) {
    const source: SecretSource = { from: 'file', path: fileWith(text) };
    await assert.rejects(
      read(source),
      (error: Error) =>
        /Cannot use the secret "github"/.test(error.message) && !error.message.includes(SECRET),
      JSON.stringify(text),
    );
  }
});

test('what is not there is refused, by its name', async () => {
  const folder = readableFolder();
  mkdirSync(join(folder, 'sub'));
  const cases: readonly (readonly [SecretSource, RegExp])[] = [
    [{ from: 'file', path: join(folder, 'none') }, /ENOENT/],
    [{ from: 'file', path: join(folder, 'sub') }, /not a regular file/],
    [{ from: 'env', variable: 'NONE' }, /variable NONE is not set/],
    [{ from: 'credential', name: 'token' }, /service with credentials/],
    [command('/nonexistent/pass'), /"\/nonexistent\/pass" gave none: .*ENOENT/],
    [command('/bin/sh', '-c', 'exit 3'), /ended with status 3/],
  ];
  for (const [source, message] of cases) await assert.rejects(read(source), message);
});

// proves: gateway: a secret behind a link of a plugin is refused
test('a link that a plugin could have made is not followed', async () => {
  const [folder, elsewhere] = [readableFolder(), fileWith(SECRET)];
  const path = join(folder, 'token');
  symlinkSync(elsewhere, path);
  assert.equal(await read({ from: 'file', path }), SECRET);
  const written = [{ writer: 'other', path: folder, real: folder, isHome: false }];
  await assert.rejects(read({ from: 'file', path }, { written }), { code: 'path_not_apart' });
});

// proves: gateway: the key of a client certificate is read as a secret is
test('a key that every user may read, or that does not fit its certificate, is refused before a start', async () => {
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
  const cert = fileWith(one, 0o644);
  const good = pluginOf({ client: { cert, key: fileWith(one) } });
  assert.equal((await readHeld(good, READER)).files.get('api.example.com')?.client?.key, one);
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
    await assert.rejects(readHeld(pluginOf(keys), READER), message);
    assert.match(JSON.stringify(secretProblems([pluginOf(keys)], READER)), /api\.example\.com/);
  }
});

// proves: gateway: a secret is read once for each configuration
test('a command runs once for each configuration, and again only if it has failed', async () => {
  const folder = readableFolder();
  const log = join(folder, 'log');
  const script = `echo run >> ${log}; [ -e ${folder}/ready ] && echo ${SECRET}`;
  const config = {
    ...plainPlugin('agent', ['true']),
    gateway: [],
    secrets: { github: command('/bin/sh', '-c', script) },
  };
  const all = new AllHeld(() => READER);
  await assert.rejects(all.read(config), /ended with status 1/);
  writeFileSync(join(folder, 'ready'), '');
  await Promise.all([all.read(config), all.read({ ...config, allow: ['example.com'] })]);
  assert.equal((await all.read(config)).secrets.get('github'), SECRET);
  assert.equal(readFileSync(log, 'utf8'), 'run\nrun\n');
  await all.read({ ...config, gateway: [] });
  assert.equal(readFileSync(log, 'utf8'), 'run\nrun\nrun\n');
});

// proves: gateway: a secret's command that has come to lie where a plugin may write is not run
test('a command is looked at before it is run', async () => {
  const log = join(readableFolder(), 'log');
  const refuse = (): never => {
    throw new Error('a plugin may write it');
  };
  await assert.rejects(read(command('/bin/sh', '-c', `echo run > ${log}`), { refuse }), /may write it/);
  assert.ok(!existsSync(log));
});

test('a command starts in /, finds programs of the system alone, and its time is bounded', async () => {
  assert.equal(await read(command('/bin/sh', '-c', 'printf %s:%s "$PWD" "$PATH"')), `/:${HOOK_PATH}`);
  const over = new AbortController();
  const reading = read(command('/bin/sleep', '1000'), { signal: over.signal });
  over.abort();
  await assert.rejects(reading, /its time is over/);
});

// proves: gateway: no variable of the program holds a secret
// proves: gateway: no argument of the program holds a secret
test('a secret that a variable or an argument of the program holds is refused, wherever it is read', async () => {
  const file: SecretSource = { from: 'file', path: fileWith(`${SECRET}\n`) };
  const holds = [
    { ...plainPlugin('agent', ['true']), env: { A: 'other', KEY: `Bearer ${SECRET}` } },
    plainPlugin('agent', ['curl', `-Hx: ${SECRET}`]),
  ];
  const told = [/the variable KEY of "agent" has it too/, /an argument of "agent" has it too/];
  for (const [index, one] of holds.entries()) {
    const message = told[index] ?? /never/;
    await assert.rejects(readHeld({ ...one, secrets: { github: command('/bin/echo', SECRET) } }, READER), {
      code: 'bad_secret',
      message,
    });
    const [problem] = secretProblems([{ ...one, secrets: { github: file } }], READER);
    assert.match(String(problem?.message), message);
  }
  const apart = {
    ...plainPlugin('agent', ['true', 'ghs_']),
    env: { KEY: 'postern' },
    secrets: { github: file },
  };
  assert.equal((await readHeld(apart, READER)).secrets.get('github'), SECRET);
  assert.deepEqual(secretProblems([apart], READER), []);
});
