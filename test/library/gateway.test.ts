// A gateway that an application gives to a program, with a secret that only the application has.
// needs: python3
import assert from 'node:assert/strict';
import { spawn as spawnProcess } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { readPlugin } from '../../sandbox/library/read-settings.js';
import { spawn } from '../../sandbox/library/spawn.js';
import type { PluginSettings, ProgramPolicy, SpawnOptions, WrapPolicy } from '../../sandbox/library/types.js';
import { wrap } from '../../sandbox/library/wrap.js';
import { userInTurn } from '../harness/asked.js';
import { chownTo, readableFolder, type User, users } from '../harness/users.js';
import { HOST, OTHER, PORT, SECRET, searchFor, useOutside } from '../integration/gateway-scene.js';
import type { GatewayCall } from './gateway-scenes.js';
import { sceneCommand } from './scene.js';

const outside = useOutside();
const BASE = `https://${HOST}:${PORT}`;
const POLICY = {
  allow: [`${HOST}:${PORT}`],
  secrets: { github: { value: SECRET } },
  gateway: { [HOST]: { headers: { authorization: 'Bearer {github}' }, allow: ['GET /headers'] } },
};

/** Plays a scene while this process hears what the servers say. @returns what it printed */
async function played(
  words: readonly string[],
  input: object,
  variables: Readonly<Record<string, string>> = {},
): Promise<Readonly<Record<string, unknown>>> {
  const [program = '', ...args] = [...outside.internet.within, ...words];
  const child = spawnProcess(program, args, { cwd: '/tmp', env: { ...process.env, ...variables } });
  child.stdin.end(JSON.stringify(input));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  assert.equal(stderr, '', 'a library prints nothing');
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
}

const play = (
  name: string,
  as: User,
  told: Omit<GatewayCall, 'secret'>,
): Promise<Readonly<Record<string, unknown>>> =>
  played(sceneCommand('gateway-scenes', name, as), { ...told, secret: SECRET });

const CALLS = `
code() { curl -sS -o answer -w '%{http_code}\\n' --max-time 20 "$@" 2>/dev/null; }
cd /tmp
code ${BASE}/headers
grep -o '"authorization":"Bearer [*]*"' answer
code -X POST ${BASE}/headers
grep -o '"suggestion":"[^"]*"' answer
code https://${OTHER}/
env
/usr/bin/python3 -c "$0"
echo waits
read line`;

for (const [turn, way] of (['spawn', 'start'] as const).entries())
  for (const as of userInTurn(turn))
    test(`${way}() has a gateway with a secret of the application, which nothing else shows (${as})`, async () => {
      const [from, connections] = [outside.upstream.heard().length, outside.internet.connections().length];
      const { stdout, stderr, shows } = await play('calls', as, {
        ...{ way, policy: POLICY },
        command: ['bash', '-c', CALLS, searchFor(SECRET)],
      });
      const lines = String(stdout).trimEnd().split('\n');
      assert.deepEqual(
        lines.slice(0, 5),
        [
          '200',
          `"authorization":"Bearer ${'*'.repeat(SECRET.length)}"`,
          '403',
          '"suggestion":"POST /headers"',
          '000',
        ],
        `${stdout}${stderr}`,
      );
      assert.deepEqual(lines.slice(-2), ['searched True', 'waits'], String(stderr));
      assert.ok(!`${stdout}${stderr}`.includes(SECRET) && !lines.some((line) => line.startsWith('found')));
      assert.equal(shows, 0, 'no event, argument or variable has it');
      assert.deepEqual(
        outside.upstream
          .heard()
          .slice(from)
          .map(({ method, authorization }) => `${method} ${authorization}`),
        [`GET Bearer ${SECRET}`],
      );
      assert.deepEqual(outside.internet.connections().slice(connections), []);
    });

// proves: gateway: no variable of the program holds a secret
// proves: gateway: no argument of the program holds a secret
for (const [turn, way] of (['spawn', 'start'] as const).entries())
  for (const as of userInTurn(turn))
    test(`${way}() starts no program that its own settings give the secret (${as})`, async () => {
      const inVariable = await play('refused', as, {
        ...{ way, policy: POLICY, command: ['true'] },
        env: { HEADER: `Bearer ${SECRET}` },
      });
      assert.deepEqual(inVariable, {
        code: 'bad_secret',
        message: inVariable['message'],
        fix: 'leave HEADER out, or write something else there: the gateway sets the secret',
        shows: false,
      });
      assert.match(
        String(inVariable['message']),
        /the secret "github": the variable HEADER of ".*" has it too/,
      );
      const { code, message, shows } = await play('refused', as, {
        ...{ way, policy: POLICY, command: ['echo', `--token=${SECRET}`] },
      });
      assert.deepEqual([code, shows], ['bad_secret', false]);
      assert.match(String(message), /the secret "github": an argument of ".*" has it too/);
    });

const linesOf = (work: () => unknown): readonly string[] => {
  try {
    work();
    return ['no mistake'];
  } catch (error) {
    const { lines } = error as { readonly lines: readonly string[] };
    assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes(SECRET), 'an error shows the secret');
    return lines;
  }
};

test('each mistake in a gateway and its secrets begins with the option that has it, and shows no secret', () => {
  const spawned = (policy: object): readonly string[] =>
    linesOf(() => spawn('true', [], { policy } as SpawnOptions));
  const ways = 'expected one of value, file, env, credential and command; write {file: PATH}, for example';
  const of = (one: unknown): readonly string[] => spawned({ ...POLICY, secrets: { github: one } });
  const at = 'options.policy.secrets.github';
  assert.deepEqual(of({ value: SECRET, file: 'x' }), [`${at}: ${ways}`]);
  assert.deepEqual(of({}), [`${at}: ${ways}`]);
  assert.deepEqual(of({ value: undefined }), [`${at}.value: expected a string`]);
  assert.deepEqual(of({ value: `${SECRET}\nx` }), [`${at}.value: it has more than one line`]);
  assert.deepEqual(of({ value: 'short' }), [
    `${at}.value: it has less than 8 characters, and could not be masked`,
  ]);
  assert.deepEqual(of({ vaule: SECRET }), [
    `${at}.vaule: unknown key; there are file, env, credential, command`,
  ]);
  assert.match(of(SECRET).join(), /^options\.policy\.secrets\.github: expected a map, as .*, not a text$/);
  assert.deepEqual(spawned({ ...POLICY, secrets: undefined }), [
    `options.policy.gateway.${HOST}.headers.authorization: there is no secret "github"`,
  ]);
  assert.deepEqual(spawned({ ...POLICY, allow: [], gateway: { [HOST]: { alow: [] } } }), [
    `options.policy.gateway.${HOST}: no rule allows this host; add ${HOST} to allow`,
    `options.policy.gateway.${HOST}.alow: unknown key; did you mean "allow"?`,
  ]);
});

test('a value is in nothing that is made of a configuration', () => {
  const { secrets } = readPlugin({ name: 'agent', command: ['true'], ...POLICY } as PluginSettings);
  const source = secrets?.['github'];
  assert.equal(source?.from === 'given' && source.read(), SECRET);
  assert.ok(
    !`${JSON.stringify(secrets)}${inspect(secrets, { depth: 9, showHidden: true })}`.includes(SECRET),
  );
});

// proves: library: what goes beyond the rules that bound it is not started
test('special addresses of a gateway must lie within the rules that bound the policy, too', () => {
  const gateway = { [HOST]: { addresses: ['10.1.2.0/24'] } };
  const policy = { allow: [HOST], gateway, within: { allow: [HOST] } };
  assert.match(
    linesOf(() => spawn('true', [], { policy })).join(),
    /^options\.policy: the rule "api\.example\.com:443" allows api\.example\.com:443 at 10\.1\.2\.0, and options\.policy\.within does not$/,
  );
});

// proves: library: nor what its gateway lets through
test('requests of a gateway must lie within the rules that bound the policy, too', () => {
  const within = { allow: [HOST], gateway: { [HOST]: { allow: ['read-only'], deny: ['* /admin/**'] } } };
  const beyond = (policy: object): readonly string[] =>
    linesOf(() => spawn('true', [], { policy: { allow: [HOST], within, ...policy } as ProgramPolicy }));
  const through = (requests: string): readonly string[] => [
    `options.policy: its gateway lets ${requests} of ${HOST} through, and options.policy.within does not`,
  ];
  const gatewayFor = (rules: object): object => ({ gateway: { [HOST]: rules } });
  assert.deepEqual(
    beyond(gatewayFor({ allow: ['GET /**', 'POST /issues'], deny: ['* /admin/**'] })),
    through('POST /issues'),
  );
  assert.deepEqual(beyond(gatewayFor({ allow: ['GET /**'] })), through('GET /admin'));
  assert.match(beyond(gatewayFor({})).join(), /its gateway lets \* \/.* of api\.example\.com through/);
  // Without a gateway nobody looks at requests.
  assert.deepEqual(beyond({}), [
    `options.policy: the rule "${HOST}" allows ${HOST}:443, and options.policy.within does not`,
  ]);
  const allowed = beyond({ ...gatewayFor({ allow: ['GET /repos/**'] }), cwd: '/missing' });
  assert.ok(!allowed.join().includes('within'), allowed.join());
  const mistaken = {
    allow: [HOST],
    gateway: { [HOST]: { allow: ['GET'] }, '*.example.com': {}, other: { alow: [] } },
  };
  assert.deepEqual(
    beyond({ within: mistaken }).map((line) => line.replace(/: .*/, '')),
    [
      `options.policy.within.gateway.${HOST}.allow[0]`,
      'options.policy.within.gateway.*.example.com',
      'options.policy.within.gateway.other.alow',
    ],
  );
});

function fileFor(as: User, text: string): string {
  const folder = readableFolder();
  const path = join(folder, 'gateway.yaml');
  writeFileSync(path, text);
  for (const one of [path, folder]) chownTo(as, one);
  chmodSync(path, 0o600);
  return path;
}

test('wrap() takes a gateway by its file alone, and tells each mistake in it', () => {
  const wrapped = (policy: object): readonly string[] =>
    linesOf(() => wrap('true', [], { allow: [HOST], ...policy } as WrapPolicy));
  assert.deepEqual(wrapped({ gateway: POLICY.gateway, secrets: POLICY.secrets }), [
    'policy.secrets: a command line would show them to every user of the host; name a file that has secrets and gateway (policy.gateway), or take spawn()',
    'policy.gateway: expected the path of a file that has gateway and secrets; spawn() takes them without a file',
  ]);
  const file = fileFor('root', `gateway: {${HOST}: {headers: {x: "{lost}"}}}\n`);
  assert.deepEqual(wrapped({ gateway: file }), [
    `policy.gateway: ${file}:1:${`gateway: {${HOST}: {headers: {x: `.length + 1}: gateway.${HOST}.headers.x: there is no secret "lost"`,
  ]);
  const good = fileFor('root', `gateway: {${HOST}: {addresses: [10.1.2.0/24]}}\n`);
  const { args } = wrap('true', [], { allow: [HOST], gateway: good });
  assert.deepEqual(args, ['run', '--allow', HOST, '--gateway', good, '--', 'true']);
  assert.deepEqual(wrapped({ gateway: good, within: { allow: [HOST, '10.0.0.0/8'] } }), ['no mistake']);
  assert.match(
    wrapped({ gateway: good, within: { allow: [HOST] } }).join(),
    /^policy: the rule "api\.example\.com:443" allows api\.example\.com:443 at 10\.1\.2\.0, /,
  );
});

for (const as of users)
  test(`a wrapped command has the gateway of a file, with a secret of its variables (${as})`, async () => {
    const from = outside.upstream.heard().length;
    const file = fileFor(
      as,
      `secrets: {key: {env: LIBRARY_KEY}}\ngateway: {${HOST}: {headers: {authorization: "Bearer {key}"}, allow: ["GET /headers"]}}\n`,
    );
    const script = `echo "$LIBRARY_KEY"; for method in GET POST; do curl -sS -o /dev/null -w '%{http_code}\\n' -X $method ${BASE}/headers; done`;
    const told = [['sh', '-c', script], { allow: POLICY.allow, gateway: file }];
    const words = [...sceneCommand('spawn-scenes', 'wraps', as), JSON.stringify(told)];
    const { stdout, stderr } = await played(words, {}, { LIBRARY_KEY: SECRET });
    assert.equal(stdout, '\n200\n403\n', String(stderr));
    assert.deepEqual(
      outside.upstream
        .heard()
        .slice(from)
        .map(({ authorization }) => authorization),
      [`Bearer ${SECRET}`],
    );
  });
