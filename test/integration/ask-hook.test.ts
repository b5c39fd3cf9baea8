import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { PATIENCE } from '../harness/patience.js';
import { type PosternResult, postern, startPostern } from '../harness/postern.js';
import { hasEnded } from '../harness/processes.js';
import { type PublicNet, startPublicNet } from '../harness/public-net.js';
import { rawControl, request } from '../harness/raw-control.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder, type User, users } from '../harness/users.js';

const HOST = '93.184.216.50';
/** The hook has begun by then, on a busy machine too. */
const HANGS_S = Math.min(120, 4 * PATIENCE);
const PLUGIN = `
import socket, sys
for port in map(int, sys.argv[1:]):
    try:
        socket.create_connection(("${HOST}", port)).close()
        print("connected", port, flush=True)
    except OSError as error:
        print("errno", error.errno, port, flush=True)
`;

/** What a hook does with the question for a port, and what postern says of it. */
const FAILURES = [
  { port: 81, hook: 'echo no key >&2; exit 3', message: /it ended with status 3: no key/ },
  { port: 82, hook: 'kill -9 $$', message: /it ended with SIGKILL/ },
  { port: 83, hook: 'echo yes', message: /it did not print one JSON object/ },
  { port: 84, hook: ':', message: /it printed nothing/ },
  {
    port: 85,
    hook: `echo '{"answer": "once"}'; echo '{"answer": "once"}'`,
    message: /not print one JSON object/,
  },
  { port: 86, hook: `echo '{"answer": "always"}'`, message: /none of once, run, rule and deny/ },
  { port: 87, hook: 'yes', message: /it wrote more than 4096 bytes/ },
];

let net: PublicNet;
before(async () => {
  net = await startPublicNet({}, [80, 443, ...FAILURES.map(({ port }) => port)]);
});
after(() => net.close());

/** A folder with a hook and a configuration that uses it. The plugin sees neither. */
function scene(
  hook: string,
  words = '[./hook.sh]',
  seconds = 20,
  ports = [80, 443],
): { folder: string; config: string } {
  const folder = readableFolder();
  const file = join(folder, 'hook.sh');
  writeFileSync(file, `#!/bin/sh\n${hook}\n`);
  chmodSync(file, 0o755);
  chmodSync(folder, 0o777);
  const config = join(folder, 'postern.yaml');
  writeFileSync(
    config,
    `audit: ${join(folder, 'audit')}
ask: {timeout_s: ${seconds}, hook: ${words}}
plugins:
  asker:
    command: [/usr/bin/python3, -c, ${JSON.stringify(PLUGIN)}, ${ports.map((port) => `'${port}'`).join(', ')}]
    unknown: ask
`,
  );
  return { folder, config };
}

const heard = (): number => net.connections().filter((line) => line.endsWith(HOST)).length;

function up(as: User, config: string): ReturnType<typeof postern> {
  return postern(['up', '--config', config], { as, inside: net.within });
}

/** Denies each question once its hook has failed: its message comes, and the question is still open. */
async function upAndDeny(
  t: TestContext,
  as: User,
  config: string,
  messages: readonly RegExp[],
): Promise<PosternResult> {
  const folder = readableFolder();
  chownTo(as, folder);
  const control = join(folder, 'c.sock');
  const words = ['up', '--config', config, '--control', control];
  const { child, result, stderr: said } = startPostern(words, { as, inside: net.within });
  t.after(() => child.kill('SIGKILL'));
  await until(() => existsSync(control) || undefined, 30_000);
  const client = await rawControl(control);
  t.after(() => client.socket.destroy());
  let from = 0;
  for (const [nth, message] of messages.entries()) {
    await until(() => message.test(said().slice(from)) || undefined, 30_000).catch(() => assert.fail(said()));
    from = said().length;
    client.send(request(`status ${nth}`, 'status'));
    const status = await until(() => client.lines().find(({ id }) => id === `status ${nth}`), 30_000);
    const all = status.result?.['asks'] as readonly { readonly id: string; readonly plugin: string }[];
    const asks = all.filter(({ plugin }) => plugin === 'asker');
    assert.equal(asks.length, 1, said());
    client.send(request(`deny ${nth}`, 'deny', { id: asks[0]?.id }));
  }
  return result;
}

for (const user of anyUser) {
  test(`a hook gets each question as a line of JSON, and its answer counts (${user})`, async () => {
    const { folder, config } = scene(
      `read -r question; echo "$question" >> "$0.log"
case "$question" in *'"port":80,'*) echo '{"answer": "once"}';; *) echo '{"answer": "deny"}';; esac`,
    );
    const { stdout, stderr } = await up(user, config);
    assert.equal(stdout, 'asker | connected 80\nasker | errno 13 443\n', stderr);
    const questions = readFileSync(join(folder, 'hook.sh.log'), 'utf8').trim().split('\n');
    const [first] = questions.map((line) => JSON.parse(line));
    assert.equal(questions.length, 2);
    assert.deepEqual(
      [first.plugin, first.host, first.port, first.door, first.program, first.suggestion],
      ['asker', HOST, 80, 'trap', 'python3', `${HOST}:80`],
    );
    const events = readFileSync(join(folder, 'audit'), 'utf8').trim().split('\n');
    assert.deepEqual(
      events
        .map((line) => JSON.parse(line))
        .filter(({ event }) => event === 'decision')
        .map(({ answer, answered_by }) => [answer, answered_by]),
      [
        ['once', 'hook'],
        ['deny', 'hook'],
      ],
    );
  });
}

for (const user of users) {
  test(`an approval as a rule is written into the file, and its owner and mode stay (${user})`, async () => {
    const { folder, config } = scene(`echo '{"answer": "rule"}'`, '[sh, hook.sh]');
    chownTo(user, folder);
    chownTo(user, config);
    chmodSync(config, 0o640);
    const before = statSync(config);
    const { stdout, stderr } = await up(user, config);
    assert.equal(stdout, 'asker | connected 80\nasker | connected 443\n', stderr);
    assert.match(readFileSync(config, 'utf8'), new RegExp(`allow:\\s+- ${HOST}:80\\s+- ${HOST}:443\\n`));
    const after = statSync(config);
    assert.deepEqual([after.uid, after.gid, after.mode], [before.uid, before.gid, before.mode]);
    writeFileSync(join(folder, 'hook.sh'), '#!/bin/sh\nexit 1\n');
    const again = await up(user, config);
    assert.equal(again.stdout, 'asker | connected 80\nasker | connected 443\n', again.stderr);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith('.new')),
      [],
    );
  });
}

// proves: an approved rule is for one plugin alone
for (const user of users)
  test(`an approval is not written into an entry that another plugin shares: nothing is opened for either (${user})`, async (t) => {
    const hook = `read -r question
case "$question" in *'"plugin":"asker"'*) echo '{"answer": "rule"}';; *) echo '{"answer": "deny"}';; esac`;
    const { folder, config } = scene(hook, '[./hook.sh]', 120, [80]);
    for (const path of [folder, config]) chownTo(user, path);
    const text = `${readFileSync(config, 'utf8').replace('asker:', 'asker: &shared')}  other: *shared\n`;
    writeFileSync(config, text);
    const before = heard();
    const { stdout, stderr } = await upAndDeny(t, user, config, [
      /Cannot write the rule into .*anchor "&shared"/,
    ]);
    assert.deepEqual(
      stdout.trim().split('\n').sort(),
      ['asker | errno 13 80', 'other | errno 13 80'],
      stderr,
    );
    assert.equal(heard(), before);
    assert.equal(readFileSync(config, 'utf8'), text);
  });

const [anyone = 'user'] = anyUser;

test('a hook that gives no answer: a line says why, and nothing is opened', async (t) => {
  const before = heard();
  const cases = FAILURES.map(({ port, hook }) => `*'"port":${port},'*) ${hook};;`);
  const hook = `read -r question; case "$question" in ${cases.join('\n')} esac`;
  const ports = FAILURES.map(({ port }) => port);
  const { config } = scene(hook, '[./hook.sh]', 120, ports);
  const { stdout } = await upAndDeny(
    t,
    anyone,
    config,
    FAILURES.map(({ message }) => message),
  );
  assert.equal(stdout, ports.map((port) => `asker | errno 13 ${port}\n`).join(''));
  assert.equal(heard(), before);
});

test('a hook that hangs is ended with its question, and its children too', async () => {
  const { folder, config } = scene('echo $$ > "$0.pid"; sleep 1000 & wait', '[./hook.sh]', HANGS_S);
  const { stdout } = await up(anyone, config);
  assert.equal(stdout, 'asker | errno 13 80\nasker | errno 13 443\n');
  const group = readFileSync(join(folder, 'hook.sh.pid'), 'utf8').trim();
  await until(() => hasEnded(group) || undefined);
});

test('a hook that ends with postern: SIGTERM leaves none behind', async () => {
  const { folder, config } = scene('echo $$ > "$0.pid"; exec sleep 1000', '[./hook.sh]', 60);
  const { child, result } = startPostern(['up', '--config', config], { as: anyone, inside: net.within });
  const file = join(folder, 'hook.sh.pid');
  const pid = await until(() => (existsSync(file) && readFileSync(file, 'utf8').trim()) || undefined, 20_000);
  process.kill(child.pid ?? 0, 'SIGTERM');
  await result;
  await until(() => hasEnded(pid) || undefined);
});

test('a hook that cannot be run is a mistake of the file', async () => {
  const missing = await up(anyone, scene(':', '[./nothing.sh]').config);
  assert.equal(missing.status, 2);
  assert.match(missing.stderr, /ask\.hook\[0\]: ".\/nothing.sh" is no program that can be run/);
});

// proves: no rule is written where a plugin may write
test('a rule is written neither through a link nor where a plugin may write: nothing is opened', async (t) => {
  const link = scene(`echo '{"answer": "rule"}'`, '[./hook.sh]', 120);
  const real = `${link.config}.real`;
  renameSync(link.config, real);
  symlinkSync(real, link.config);
  const text = readFileSync(real, 'utf8');
  const linked = await upAndDeny(t, anyone, link.config, [
    /Cannot write the rule into/,
    /Cannot write the rule into/,
  ]);
  assert.equal(linked.stdout, 'asker | errno 13 80\nasker | errno 13 443\n');
  assert.equal(readFileSync(real, 'utf8'), text);
  const hook = join(scene(`echo '{"answer": "rule"}'`).folder, 'hook.sh');
  const open = scene(':', `[${hook}]`, 120);
  chownTo(anyone, open.folder);
  writeFileSync(open.config, `${readFileSync(open.config, 'utf8')}    filesystem: {writable: [.]}\n`);
  const before = readFileSync(open.config, 'utf8');
  const writable = await upAndDeny(t, anyone, open.config, [
    /a plugin may write its folder/,
    /a plugin may write its folder/,
  ]);
  assert.equal(writable.stdout, 'asker | errno 13 80\nasker | errno 13 443\n', writable.stderr);
  assert.equal(readFileSync(open.config, 'utf8'), before);
});
