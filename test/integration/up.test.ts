// proves: G15
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { freePort } from '../harness/free-port.js';
import { listen } from '../harness/listener.js';
import { postern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { readableFile, readableFolder, users } from '../harness/users.js';

function configured(text: string): string {
  const path = join(readableFolder(), 'postern.yaml');
  writeFileSync(path, text);
  return path;
}

for (const user of anyUser) {
  test(`up runs every plugin, its name before each line, and ends with the last (${user})`, async () => {
    const config = configured(`
plugins:
  one: {command: [sh, -c, "echo first; echo second >&2"]}
  two: {command: [sh, -c, "echo $WORD"], env: {WORD: hello}}
`);
    const { status, stdout, stderr } = await postern(['up', '--config', config], { as: user });
    assert.equal(status, 0, stderr);
    assert.deepEqual(stdout.trim().split('\n').sort(), ['one | first', 'two | hello']);
    assert.match(stderr, /^one \| second$/m);
  });

  test(`a plugin of up does not have the terminal of its user (${user})`, async () => {
    const config = configured(
      'plugins: {one: {command: [sh, -c, "(echo fake >/dev/tty) 2>/dev/null && echo REACHED; ps -o tty= -p $$"]}}',
    );
    const driver = readableFile(
      'driver.py',
      readFileSync(new URL('./terminal-of-others.py', import.meta.url), 'utf8'),
    );
    const { stdout } = await postern(['up', '--config', config], {
      as: user,
      env: { PATH: '/usr/bin:/bin', NO_COLOR: '1' },
      through: ['/usr/bin/python3', driver],
    });
    assert.match(stdout, /one \| \?/, 'ps shows no terminal');
    assert.doesNotMatch(stdout, /REACHED|fake/);
  });

  test(`up ends its plugins on SIGTERM (${user})`, async () => {
    const config = configured('plugins: {one: {command: [sh, -c, "echo up; exec sleep 1006"]}}');
    const { child, result } = startPostern(['up', '--config', config], { as: user });
    child.stdout?.once('data', () => child.kill('SIGTERM'));
    const { status } = await result;
    assert.equal(status, 0);
  });

  test(`up ends in time when SIGTERM comes while it starts (${user})`, async () => {
    const plugins = ['a', 'b', 'c', 'd'].map((name) => `  ${name}: {command: [sleep, "1008"]}`).join('\n');
    const config = configured(`plugins:\n${plugins}\n`);
    for (const delay of [150, 300, 400, 500, 650]) {
      const { child, result } = startPostern(['up', '--config', config], { as: user, timeoutMs: 40_000 });
      await new Promise((resolve) => setTimeout(resolve, delay));
      child.kill('SIGTERM');
      const { signal } = await result;
      assert.notEqual(signal, 'SIGKILL', `still there long after a SIGTERM at ${delay} ms`);
    }
  });

  test(`up serves the metrics of supervisor and broker on one page, and health (${user})`, async () => {
    const upstream = await listen((socket) => socket.end('bye\n'));
    const port = await freePort();
    const client = await import('node:fs').then(({ readFileSync }) =>
      readFileSync(new URL('../interop/postern_client.py', import.meta.url), 'utf8'),
    );
    const config = configured(
      JSON.stringify({
        metrics: `127.0.0.1:${port}`,
        plugins: {
          talker: {
            command: [
              'sh',
              '-c',
              `/usr/bin/python3 -c "$CLIENT" 127.0.0.1 ${upstream.port}; /usr/bin/python3 -c "$CLIENT" 127.0.0.1 1; echo asked; exec sleep 1007`,
            ],
            env: { CLIENT: client },
            allow: [`127.0.0.1:${upstream.port}`],
          },
        },
      }),
    );
    const { child, result, stdout: seen } = startPostern(['up', '--config', config], { as: user });
    await until(() => seen().includes('asked') || undefined);
    const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
    assert.equal((await fetch(`http://127.0.0.1:${port}/other`)).status, 404);
    child.kill('SIGTERM');
    const { stderr } = await result;
    await upstream.close();
    for (const series of [
      'postern_build_info{version="0.1.0"} 1',
      'postern_plugin_up{plugin="talker"} 1',
      'postern_plugin_starts_total{plugin="talker",cause="boot"} 1',
      'postern_plugin_exits_total{plugin="talker",cause="error"} 0',
      'postern_plugin_state{plugin="talker",state="ready"} 1',
      'postern_plugin_state{plugin="talker",state="failed"} 0',
      'postern_plugin_info{plugin="talker",kind="service"} 1',
      'postern_broker_up 1',
      'postern_broker_restarts_total 0',
      'postern_policy_reloads_total{result="ok"} 1',
      'postern_policy_last_reload_successful 1',
      'postern_decisions_total{plugin="talker",decision="allow",reason="rule"} 1',
      'postern_decisions_total{plugin="talker",decision="deny",reason="no_rule"} 0',
      'postern_connects_total{plugin="talker",outcome="connected"} 1',
      'postern_connects_total{plugin="talker",outcome="timeout"} 0',
      'postern_sockets_passed_total{plugin="talker",door="channel"} 1',
      'postern_policy_rules{plugin="talker",list="allow"} 1',
      'postern_protocol_errors_total{plugin="talker",kind="malformed"} 0',
      'postern_audit_events_dropped_total 0',
    ]) {
      assert.ok(page.split('\n').includes(series), `${series} is not in\n${page}`);
    }
    assert.doesNotMatch(
      page,
      /127\.0\.0\.1|^(process|nodejs)_/m,
      'no address in a label, no default metrics',
    );
    assert.equal(
      new Set(page.match(/^# TYPE \S+/gm)).size,
      page.match(/^# TYPE \S+/gm)?.length,
      'no series twice',
    );
    const events = stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const decisions = events.filter((event) => event['event'] === 'decision');
    assert.equal(decisions.length, 2, stderr);
    assert.equal(decisions[0]?.['outcome'], 'connected');
    assert.equal(decisions[1]?.['decision'], 'deny');
    assert.equal(decisions[1]?.['reason'], 'port_not_allowed');
  });
}

test('up stops its plugins when nobody reads their output any more', async () => {
  const [user = 'user'] = users;
  const config = configured('plugins: {one: {command: [sh, -c, "while :; do echo line; sleep 0.05; done"]}}');
  const { status, stdout, stderr } = await postern(['up', '--config', config], {
    as: user,
    shell: 'set -o pipefail; "$@" | head -1',
  });
  assert.equal(stdout, 'one | line\n');
  assert.equal(
    stderr,
    'postern: nobody reads stdout any more: the plugins are stopped\npostern: one: ended with signal 15\n',
  );
  assert.equal(status, 1);
});

test('a plugin waits while the output of up is read slowly, and nothing piles up', async () => {
  const [user = 'user'] = users;
  const command = ['bash', '-c', 'yes "$(printf %01000d 0)" | head -n 4000; echo done >&2'];
  const config = configured(JSON.stringify({ plugins: { one: { command } } }));
  const { status, stderr } = await postern(['up', '--config', config], {
    as: user,
    shell: 'set -o pipefail; "$@" | { sleep 3; echo reading >&2; wc -l >&2; }',
  });
  assert.deepEqual(stderr.split('\n'), [
    'reading',
    'one | done',
    'postern: one: ended with status 0',
    '4000',
    '',
  ]);
  assert.equal(status, 0);
});

test('up ends on SIGTERM though nobody reads its output', async () => {
  const [user = 'user'] = users;
  const config = configured('plugins: {one: {command: ["yes"]}}');
  const { child, result } = startPostern(['up', '--config', config], {
    as: user,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeoutMs: 30_000,
  });
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  child.stdout?.pause();
  child.kill('SIGTERM');
  await new Promise((resolve) => child.once('exit', resolve));
  child.stdout?.resume();
  const { status, signal } = await result;
  assert.deepEqual([status, signal], [0, null]);
});

test('a refusal under up names the list in the file to which the rule belongs', async () => {
  const [user = 'user'] = users;
  const config = configured(
    'audit: /dev/null\nplugins: {one: {command: [bash, -c, "exec 3<>/dev/tcp/192.0.2.1/81"]}}',
  );
  const { stderr } = await postern(['up', '--config', config], { as: user });
  const lines = stderr.split('\n').filter((line) => line.startsWith('postern: one: Cannot'));
  assert.deepEqual(lines, [
    `postern: one: Cannot connect to "192.0.2.1:81": no rule allows "192.0.2.1"; to allow it: add "192.0.2.1:81" to plugins.one.allow in ${config}`,
  ]);
});

test('up refuses a broken file with every error and its place, status 2, and starts nothing', async () => {
  const [user = 'user'] = users;
  const config = configured('metrcs: 127.0.0.1:1\nplugins:\n  one:\n    command: sleep\n    allow: 3\n');
  const { status, stdout, stderr } = await postern(['up', '--config', config], { as: user });
  assert.equal(status, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /postern\.yaml:4:14: plugins\.one\.command: /);
  assert.match(stderr, /postern\.yaml:5:12: plugins\.one\.allow: /);
  assert.match(stderr, /metrcs/);
  const rules = configured('plugins:\n  one:\n    command: [sleep]\n    allow: [example.com, "*.com"]\n');
  const refused = await postern(['up', '--config', rules], { as: user });
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /postern\.yaml:4:26: plugins\.one\.allow\[1\]: The rule "\*\.com"/);
  assert.equal((await postern(['up', '--config', '/nonexistent.yaml'], { as: user })).status, 2);
});

// proves: a plugin's line of output does not act on the terminal
test('on a terminal, up shows control characters instead of passing them on, except tabs', async () => {
  const folder = readableFolder();
  const text = 'a\\tb\\033[2J\\302\\233c\\342\\200\\256d\\n';
  writeFileSync(join(folder, 'postern.yaml'), `plugins: {one: {command: [printf, '${text}']}}\n`);
  const run = async (shell?: string): Promise<string> => {
    const options = shell === undefined ? {} : { shell };
    const env = { PATH: '/usr/bin:/bin', TERM: 'dumb' };
    return (await postern(['up'], { as: 'user', cwd: folder, env, ...options })).stdout;
  };
  const shown = await run('exec script -qec "$(printf "%q " "$@")" /dev/null');
  assert.match(shown, /^one \| a\tb\\u001b\[2J\\u009bc\\u202ed\r?$/m);
  assert.equal(await run(), 'one | a\tb\u001b[2J\u009bc\u202ed\n', 'elsewhere it is as it was written');
});
