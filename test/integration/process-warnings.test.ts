// `check` and `up` warn of limits of processes that are more in sum than all sandboxes may have together, and of rules that open nothing.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { postern } from '../harness/postern.js';
import { readableFolder, type User, users } from '../harness/users.js';

const [anyone = 'user'] = users.slice(-1);
const LIMIT = 5000;
const TWO = `defaults:
  limits: {processes: 1000}
plugins:
  few: {command: ["true"]}
  many:
    command: ["true"]
    limits:
      processes: 4001
`;
const WARNING = `./postern.yaml:8: plugins.many: The limits "processes" of the 2 plugins are 5001 in sum, but RLIMIT_NPROC lets them and their user have ${LIMIT} in all: one plugin can use these up, and then no other one can fork or start; lower "processes", or raise the limit (ulimit -u, or LimitNPROC= of a systemd unit)`;
const SOFT_LIMIT = `ulimit -Su ${LIMIT}; exec "$@"`;
const HARD_LIMIT = `ulimit -u ${LIMIT}; exec "$@"`;

async function linesOf(words: readonly string[], text: string, as: User, shell: string): Promise<string[]> {
  const cwd = readableFolder();
  writeFileSync(join(cwd, 'postern.yaml'), text);
  const { status, stdout, stderr } = await postern(words, { as, cwd, shell });
  assert.equal(status, 0, stderr);
  return `${stdout}${stderr}`.split('\n').filter((line) => line.includes('arning'));
}

// proves: limits of processes that are too many in sum are told
test('check and up warn a user of plugins that could take each other the processes', async () => {
  assert.deepEqual(await linesOf(['check'], TWO, 'user', SOFT_LIMIT), [
    `warning  ${WARNING}`,
    './postern.yaml: 2 plugins, 0 rules, 1 warning',
  ]);
  const told = await linesOf(['up', '--config', './postern.yaml'], TWO, 'user', SOFT_LIMIT);
  assert.deepEqual(told, [`postern: warning: ${WARNING}`]);
});

test('limits of processes that all fit are no warning, nor is one plugin, whatever its limit', async () => {
  const none = (plugins: number): string[] => [
    `./postern.yaml: ${plugins} plugin${plugins === 1 ? '' : 's'}, 0 rules, 0 warnings`,
  ];
  const fits = TWO.replace('4001', '4000');
  assert.deepEqual(await linesOf(['check'], fits, 'user', SOFT_LIMIT), none(2));
  assert.deepEqual(await linesOf(['up'], fits, 'user', SOFT_LIMIT), []);
  const one = TWO.replace(/^ {2}few.*\n/m, '').replace('4001', '9000');
  assert.deepEqual(await linesOf(['check'], one, 'user', SOFT_LIMIT), none(1));
  assert.deepEqual(await linesOf(['check'], TWO, anyone, 'ulimit -Su 5001; exec "$@"'), none(2));
});

for (const user of users.filter((one) => one === 'root'))
  test(`a soft limit is nothing to root, and a hard one only where root cannot raise it (${user})`, async () => {
    assert.equal((await linesOf(['check'], TWO, user, SOFT_LIMIT)).length, 1);
    const raises =
      (BigInt(`0x${/^CapEff:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]}`) >> 24n) & 1n;
    assert.equal((await linesOf(['check'], TWO, user, HARD_LIMIT)).length, raises === 1n ? 1 : 2);
  });

test('check, up and run warn of a rule that opens loopback to the client library alone', async () => {
  const message =
    'The rule "localhost:5432" opens nothing to the program\'s own connect(2): loopback is the sandbox\'s own there. Name the address and port of the host, such as 127.0.0.1:5432';
  const file = (more: string): string =>
    `plugins:\n  one:\n    command: ["true"]${more}\n    allow: [api.example.com, "localhost:5432"]\n`;
  const place = './postern.yaml:4: plugins.one: ';
  const none = '"$@"';
  assert.deepEqual((await linesOf(['check'], file(''), anyone, none))[0], `warning  ${place}${message}`);
  assert.deepEqual(await linesOf(['up'], file(''), anyone, none), [`postern: warning: ${place}${message}`]);
  assert.deepEqual(await linesOf(['up'], file('\n    egress: channel'), anyone, none), []);
  const { stderr } = await postern(['run', '--allow', 'localhost:5432', '--', 'true'], { as: anyone });
  assert.equal(stderr, `postern: ${message}\n`);
});
