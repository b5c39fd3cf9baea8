// Where the secrets of a gateway come from, as `up` reads them: a variable, a credential of the service, and a command. Nothing that postern starts gets the
// variable.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { chownTo, readableFolder, type User, users } from '../harness/users.js';
import { HOST, linesOf, OTHER, PORT, useOutside, writeScene } from './gateway-scene.js';

const FROM = {
  variable: 'ghs_from-a-variable-0123456789',
  credential: 'ghs_from-a-credential-0123456789',
  command: 'ghs_from-a-command-0123456789',
};
const PATH = '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin';

const outside = useOutside();

/** A folder of the user's, which no plugin sees. */
function keptFolder(as: User, files: Readonly<Record<string, string>>): string {
  const folder = readableFolder();
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    writeFileSync(path, text);
    chmodSync(path, name.endsWith('.sh') ? 0o755 : 0o600);
    chownTo(as, path);
  }
  chownTo(as, folder);
  return folder;
}

for (const as of anyUser) {
  // proves: gateway: a variable with a secret goes to nothing that postern starts
  test(`secrets come from a variable, a credential and a command, and no hook, command or plugin gets the variable (${as})`, async () => {
    const kept = keptFolder(as, { token: FROM.command });
    const script = (name: string, last: string): string => `#!/bin/sh\nenv >${kept}/${name}.env\n${last}\n`;
    writeFileSync(join(kept, 'secret.sh'), script('secret', `cat ${kept}/token`), { mode: 0o755 });
    writeFileSync(join(kept, 'hook.sh'), script('hook', `echo '{"answer": "deny"}'`), { mode: 0o755 });
    const { config, audit } = writeScene(as, {
      command: [
        'bash',
        '-c',
        `env | grep ^LC_; curl -sS https://${HOST}:${PORT}/headers -o /dev/null; curl -sS --max-time 20 https://${OTHER}/; exit 0`,
      ],
      allow: [`${HOST}:${PORT}`],
      gateway: '{headers: {authorization: "{variable} {credential} {command}"}}',
      sources: {
        variable: { env: 'LC_TOKEN' },
        // No gateway names this one.
        unused: { env: 'UNUSED_TOKEN' },
        credential: { credential: 'token' },
        command: { command: [join(kept, 'secret.sh')] },
      },
      top: [`ask: {timeout_s: 20, hook: [${join(kept, 'hook.sh')}]}`],
      more: ['unknown: ask'],
    });
    const from = { heard: outside.upstream.heard().length, connected: outside.internet.connections().length };
    const { status, stdout, stderr } = await postern(['up', '--config', config], {
      as,
      inside: outside.internet.within,
      env: {
        ...{ PATH, HOME: '/nonexistent', LC_OTHER: 'passes', LC_TOKEN: FROM.variable },
        UNUSED_TOKEN: FROM.variable,
        CREDENTIALS_DIRECTORY: keptFolder(as, { token: `${FROM.credential}\n` }),
      },
    });
    assert.equal(status, 0, stderr);
    assert.deepEqual(
      outside.upstream
        .heard()
        .slice(from.heard)
        .map(({ authorization }) => authorization),
      [`${FROM.variable} ${FROM.credential} ${FROM.command}`],
      stderr,
    );
    assert.deepEqual(outside.internet.connections().slice(from.connected), []);
    assert.deepEqual(linesOf(stdout), ['LC_OTHER=passes']);
    const [ofSecret = '', ofHook = ''] = ['secret', 'hook'].map((name) =>
      readFileSync(join(kept, `${name}.env`), 'utf8'),
    );
    for (const text of [ofSecret, ofHook]) assert.match(text, /^LC_OTHER=passes$/m);
    for (const text of [ofSecret, ofHook, stdout, stderr, readFileSync(audit, 'utf8')])
      for (const secret of Object.values(FROM)) assert.ok(!text.includes(secret), text);
  });
}

for (const as of users.filter((user) => user === 'user'))
  test(`a secret that the user may not read refuses the start, with the reason (${as})`, async () => {
    const { config, token } = writeScene(as, {
      command: ['echo', 'started'],
      gateway: '{headers: {authorization: "Bearer {github}"}}',
    });
    chmodSync(token, 0o000);
    for (const words of [
      ['check', config],
      ['up', '--config', config],
    ]) {
      const { status, stdout, stderr } = await postern(words, { as, inside: outside.internet.within });
      const said = `${stdout}${stderr}`;
      assert.notEqual(status, 0);
      const reason = `Cannot use the secret "github": "${token}" cannot be read: EACCES`;
      assert.ok(said.includes(reason), said);
      assert.ok(!stdout.includes('started'));
    }
  });
