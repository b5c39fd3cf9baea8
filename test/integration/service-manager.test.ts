import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { anyUser } from '../harness/asked.js';
import { freePort } from '../harness/free-port.js';
import { PATIENCE } from '../harness/patience.js';
import { postern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { asUser, distFor, readableFolder, type User, users } from '../harness/users.js';

const MANAGER = fileURLToPath(new URL('./service-manager.py', import.meta.url));
/** Answers each client, and ends a client's connection in order. */
const SERVER = `import os, socket
assert os.environ["LISTEN_FDNAMES"] == "http" and "WATCHDOG_USEC" not in os.environ and "NOTIFY_SOCKET" not in os.environ
listener = socket.socket(fileno=3)
while True:
    client, _ = listener.accept()
    client.sendall(b"served\\n")
    client.close()`;

interface Report {
  readonly rounds: readonly { messages: readonly string[]; status: number; output: string }[];
  readonly answers: readonly string[];
}

function manage(user: User, act: string, address: string, dist = distFor(user)): Report {
  const folder = readableFolder();
  chmodSync(folder, 0o777);
  const config = join(folder, 'postern.yaml');
  const plugin = { command: ['/usr/bin/python3', '-c', SERVER], listen: [{ name: 'http', address }] };
  writeFileSync(config, JSON.stringify({ control: 'off', plugins: { web: plugin } }));
  const notify = act === 'abstract' ? `@postern-test-${process.pid}` : join(folder, 'notify.sock');
  const command = [...asUser(user), process.execPath, join(dist, 'run/postern.js'), 'up', config];
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', HOME: '/nonexistent' };
  const { stdout, stderr, status } = spawnSync(
    '/usr/bin/python3',
    [MANAGER, notify, address, act, ...command],
    { cwd: '/', env, encoding: 'utf8', timeout: 120_000 * PATIENCE },
  );
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Report;
}

async function addresses(): Promise<readonly string[]> {
  const folder = readableFolder();
  chmodSync(folder, 0o777);
  return [`127.0.0.1:${await freePort()}`, join(folder, 'web.sock')];
}

for (const user of anyUser) {
  test(`a socket that the manager holds is passed on, and a new start refuses no client (${user})`, async () => {
    for (const [index, address] of (await addresses()).entries()) {
      const { rounds, answers } = manage(user, index === 0 ? 'serve' : 'abstract', address);
      assert.equal(rounds.length, 2);
      for (const { messages, status, output } of rounds) {
        assert.equal(messages[0], 'READY=1', output);
        assert.equal(messages.at(-1), 'STOPPING=1', output);
        assert.ok(messages.includes('WATCHDOG=1'));
        assert.deepEqual(new Set(messages).size, 3);
        assert.equal(status, 0, output);
      }
      // Who was accepted in the moment of the end may get an empty answer, and nobody is refused.
      // The manager waits for one in each round.
      assert.ok(answers.filter((answer) => answer === 'served\n').length >= 2, address);
      assert.deepEqual(
        answers.filter((answer) => !['served\n', 'held\n', ''].includes(answer)),
        [],
        address,
      );
    }
  });
}

for (const user of anyUser) {
  // proves: a held listener that a plugin has spoilt is not passed on
  test(`a held socket that a former plugin has spoilt is refused, with the fix (${user})`, async () => {
    const [address = ''] = await addresses();
    const { rounds } = manage(user, 'spoil', address);
    assert.equal(rounds[0]?.status, 1);
    assert.match(
      rounds[0]?.output ?? '',
      /^postern: .*: Cannot listen on "127\.0\.0\.1:\d+" for "http": the socket of the service manager has a packet filter, or was shut down; start its socket unit anew: systemctl restart NAME\.socket\n$/m,
    );
  });
}

const [anyone = 'user'] = users;
const CONFIG =
  'control: off\nplugins:\n  a: {command: [sh, -c, "echo one; printf \'t\\\\033wo\\\\n\' >&2; exit 3"]}\n  b: {command: [/no/such]}\n';

test('log lines as JSON: each has the time, and who wrote it', async () => {
  const cwd = readableFolder();
  writeFileSync(join(cwd, 'postern.yaml'), CONFIG);
  const { status, stdout, stderr } = await postern(['up', '--log-format', 'json'], { as: anyone, cwd });
  assert.equal(status, 1);
  const read = (text: string): readonly Record<string, string>[] =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>);
  const lines = [...read(stdout), ...read(stderr)].filter((line) => line['event'] === undefined);
  for (const { time } of lines) assert.match(time ?? '', /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  const plain = lines.map(({ time, ...rest }) => rest);
  assert.deepEqual(
    plain.filter(({ plugin }) => plugin !== undefined),
    [
      { plugin: 'a', stream: 'stdout', message: 'one' },
      { plugin: 'a', stream: 'stderr', message: 't\u001bwo' },
    ],
  );
  const own = plain.filter(({ level }) => level !== undefined);
  assert.ok(
    own.some(({ level, message }) => level === 'info' && message === 'a: ended with status 3'),
    stderr,
  );
  assert.ok(
    own.some(({ level, message }) => level === 'warning' && message?.startsWith('b: ')),
    stderr,
  );
  assert.ok(!stderr.includes('\u001b'));
});

test('a reload by a signal that fails is a warning', async (t) => {
  const cwd = readableFolder();
  const path = join(cwd, 'postern.yaml');
  writeFileSync(path, 'plugins:\n  a: {command: [sh, -c, "echo began; exec sleep 1017"]}\n');
  const { child, said } = startPostern(['up', '--log-format', 'json'], { as: anyone, cwd });
  t.after(() => child.kill('SIGKILL'));
  await until(() => said().includes('"began"') || undefined);
  writeFileSync(path, 'plugins: {a: {}}\n');
  child.kill('SIGHUP');
  await until(() => /"level":"warning","message":"\\"[^"]+\\" is not put in force/.test(said()) || undefined);
});

test('lines for journald have a priority, and those for another reader have none', async () => {
  const cwd = readableFolder();
  writeFileSync(join(cwd, 'postern.yaml'), CONFIG);
  writeFileSync(join(cwd, 'bad.yaml'), 'plugins: {a: {}}\n');
  const path = join(cwd, 'journal');
  writeFileSync(path, '');
  const fd = openSync(path, 'a');
  const { dev, ino } = fstatSync(fd);
  for (const [stream, first] of [
    [`${dev}:${ino}`, '<'],
    [`${dev}:1`, 'p'],
  ] as const) {
    writeFileSync(path, '');
    const env = { PATH: '/usr/bin:/bin', JOURNAL_STREAM: stream };
    for (const words of [['up'], ['up', 'bad.yaml'], ['reload', '--control', join(cwd, 'none')]])
      await postern(words, { as: anyone, cwd, env, stdio: ['ignore', 'ignore', fd] });
    const own = readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line.includes('postern: '));
    assert.match(
      own.at(-1) ?? '',
      first === '<' ? /^<3>postern: Cannot ask postern/ : /^postern: Cannot ask postern/,
    );
    const priorities = own.map((line) => /^<(\d)>/.exec(line)?.[1]);
    assert.deepEqual(
      new Set(priorities),
      new Set(first === '<' ? ['6', '4', '3'] : [undefined]),
      own.join('\n'),
    );
  }
});
