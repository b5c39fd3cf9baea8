// `postern run --gateway`: one program, with a gateway from a file.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inTurn, userInTurn } from '../harness/asked.js';
import { type PosternResult, postern, startPostern } from '../harness/postern.js';
import { hasEnded } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder, type User, users } from '../harness/users.js';
import { HOST, PORT, SECRET, useOutside } from './gateway-scene.js';

const outside = useOutside();
const BASE = `https://${HOST}:${PORT}`;

/** Runs a script in a folder of its own, which the program writes. */
function run(as: User, gateway: string, script: string, command = 'run'): Promise<PosternResult> {
  const [cwd, kept] = [readableFolder(), readableFolder()];
  const file = join(cwd, 'gateway.yaml');
  writeFileSync(join(kept, 'key'), `${SECRET}\n`);
  writeFileSync(
    file,
    `secrets: {file: {file: ${kept}/key}, variable: {env: LC_KEY}}\ngateway: {${HOST}: ${gateway}}\n`,
  );
  for (const path of [join(kept, 'key'), file, kept, cwd]) chownTo(as, path);
  chmodSync(kept, 0o700);
  chmodSync(join(kept, 'key'), 0o600);
  const rules = ['--allow', `${HOST}:${PORT}`, '--writable', cwd];
  return postern([command, '--gateway', file, ...rules, '--cwd', cwd, '--', 'bash', '-c', script], {
    as,
    inside: outside.internet.within,
    env: { PATH: process.env['PATH'], LC_KEY: SECRET },
  });
}

for (const as of users) {
  // proves: gateway: no program writes the file of its gateway
  test(`a program has its gateway from a file, which it cannot write, and no secret (${as})`, async () => {
    const from = outside.upstream.heard().length;
    const { stdout, stderr, status } = await run(
      as,
      '{headers: {authorization: "Bearer {file}"}, allow: ["GET /headers"]}',
      `curl -sS -o /dev/null -w '%{http_code}\\n' ${BASE}/headers
       curl -sS -o /dev/null -w '%{http_code}\\n' -X POST ${BASE}/headers
       env | grep -c LC_KEY
       echo >>gateway.yaml || mv gateway.yaml other.yaml || echo kept
       echo 1 >own && cat own
       exit 3`,
    );
    assert.deepEqual([stdout, status], ['200\n403\n0\nkept\n1\n', 3], stderr);
    const heard = outside.upstream.heard().slice(from);
    assert.deepEqual(
      heard.map(({ method, authorization }) => `${method} ${authorization}`),
      [`GET Bearer ${SECRET}`],
    );
    assert.match(stderr, /^postern: The gateway refused POST \/headers of api\.example\.com: /m);
    assert.ok(!stderr.includes(SECRET));
  });

  if (inTurn(as, 0))
    test(`a placeholder stands for a variable with a secret, and the program has no other (${as})`, async () => {
      const from = outside.upstream.heard().length;
      const { stdout, stderr } = await run(
        as,
        '{placeholder: {name: LC_KEY, secret: variable, in: [authorization]}}',
        `echo \${LC_KEY:0:8}; curl -sS -o /dev/null -H "authorization: Bearer $LC_KEY" ${BASE}/headers`,
      );
      assert.equal(stdout, 'postern_\n', stderr);
      assert.deepEqual(
        outside.upstream
          .heard()
          .slice(from)
          .map(({ authorization }) => authorization),
        [`Bearer ${SECRET}`],
      );
    });

  if (inTurn(as, 1))
    test(`learn prints the rules for what was requested (${as})`, async () => {
      const gateway = '{headers: {authorization: "Bearer {file}"}, allow: ["GET /headers"]}';
      const { stdout, stderr } = await run(
        as,
        gateway,
        `curl -sS -o /dev/null -w '%{http_code}\n' -X POST ${BASE}/headers`,
        'learn',
      );
      assert.equal(stdout, '200\n', stderr);
      assert.match(
        stderr,
        /^postern: requests of a gateway: api\.example\.com: \{allow: \["POST \/headers"\]\}$/m,
      );
    });

  if (inTurn(as, 2))
    test(`a secret that cannot be used says so, and starts nothing (${as})`, async () => {
      const short = await postern(
        ['run', '--gateway', shortKey(as), '--allow', HOST, '--', 'echo', 'started'],
        { as, inside: outside.internet.within },
      );
      assert.deepEqual([short.stdout, short.status], ['', 125]);
      assert.match(short.stderr, /Cannot use the secret "key": it has less than 8 characters/);
    });
}

// proves: gateway: a signal ends a start that waits for a secret
for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)
  for (const as of userInTurn(status))
    test(`${signal} ends a start that waits for a secret's command, and the command (${as})`, async (t) => {
      const folder = readableFolder();
      const [file, slow, begun] = ['gateway.yaml', 'slow', 'begun'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      writeFileSync(slow, `#!/bin/sh\necho $$ >${begun}\nexec sleep 1000\n`, { mode: 0o755 });
      writeFileSync(
        file,
        `secrets: {key: {command: [./slow]}}\ngateway: {${HOST}: {headers: {x-key: "{key}"}}}\n`,
      );
      for (const path of [slow, file, folder]) chownTo(as, path);
      const { child, result } = startPostern(
        ['run', '--gateway', file, '--allow', HOST, '--', 'echo', 'started'],
        { as },
      );
      t.after(() => child.kill('SIGKILL'));
      const pid = await until(() => {
        if (child.exitCode !== null) throw new Error('It has ended');
        return Number(existsSync(begun) && readFileSync(begun, 'utf8')) || undefined;
      });
      child.kill(signal);
      const end = await result;
      assert.deepEqual([end.status, end.stdout, end.stderr], [status, '', '']);
      await until(() => hasEnded(pid) || undefined);
    });

function shortKey(as: User): string {
  const folder = readableFolder();
  const file = join(folder, 'gateway.yaml');
  writeFileSync(join(folder, 'key'), 'short\n');
  writeFileSync(file, `secrets: {key: {file: key}}\ngateway: {${HOST}: {headers: {x-key: "{key}"}}}\n`);
  for (const path of [join(folder, 'key'), file, folder]) chownTo(as, path);
  chmodSync(join(folder, 'key'), 0o600);
  return file;
}
