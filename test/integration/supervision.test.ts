import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { freePort } from '../harness/free-port.js';
import { listen } from '../harness/listener.js';
import { type RunningPostern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { readableFolder, type User } from '../harness/users.js';

function up(t: TestContext, as: User, config: object): RunningPostern {
  const path = join(readableFolder(), 'postern.yaml');
  writeFileSync(path, JSON.stringify(config));
  const running = startPostern(['up', '--config', path], { as });
  t.after(() => running.child.kill('SIGKILL'));
  return running;
}

const count = (text: string, pattern: RegExp): number => [...text.matchAll(pattern)].length;

for (const user of anyUser) {
  test(`a plugin that fails is started again with growing delays; its neighbour does not notice (${user})`, async (t) => {
    const port = await freePort();
    const { child, result, said } = up(t, user, {
      metrics: `127.0.0.1:${port}`,
      plugins: {
        crashes: {
          command: ['sh', '-c', 'echo tried; exit 3'],
          restart: { policy: 'on-failure', delay_ms: 20, max_delay_ms: 80 },
        },
        lives: { command: ['sh', '-c', 'echo pid $$; while :; do sleep 0.1; echo tick; done'] },
      },
    });
    await until(() => (count(said(), /^crashes \| tried$/gm) >= 8 ? true : undefined), 20_000);
    assert.match(said(), /crashes: ended with status 3; starts again in 0\.02 s\n/);
    assert.match(said(), /crashes: ended with status 3; starts again in 0\.08 s\n/);
    assert.equal(count(said(), /^lives \| pid /gm), 1, 'the other runs on, never restarted');
    assert.ok(count(said(), /^lives \| tick/gm) > 3);
    const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const restarts = Number(
      /postern_plugin_starts_total\{plugin="crashes",cause="restart"\} (\d+)/.exec(page)?.[1],
    );
    assert.ok(restarts >= 7, page);
    assert.match(page, /postern_plugin_starts_total\{plugin="lives",cause="restart"\} 0/);
    assert.match(page, /^postern_plugin_last_exit_status\{plugin="crashes"\} 3$/m);
    assert.doesNotMatch(page, /last_exit_status\{plugin="lives"\}/);
    const states = [...page.matchAll(/^postern_plugin_state\{plugin="(\w+)",state="(\w+)"\} 1$/gm)];
    const state = new Map(states.map(([, plugin, word]) => [plugin, word]));
    assert.equal(state.get('lives'), 'ready');
    assert.match(state.get('crashes') ?? '', /^(starting|running|ready|backoff)$/);
    for (const name of ['supervisor', 'broker']) {
      assert.match(
        page,
        new RegExp(`^postern_process_resident_memory_bytes\\{process="${name}"\\} [1-9]\\d{6}`, 'm'),
      );
      assert.match(
        page,
        new RegExp(`^postern_process_cpu_seconds_total\\{process="${name}"\\} 0?\\.?\\d*[1-9]`, 'm'),
      );
    }
    // A start that is not finished holds some sixty descriptors: the fewest count, over eight starts.
    const fewest = async (): Promise<number> => {
      const tries = (): number => count(said(), /^crashes \| tried$/gm);
      const [before, seen] = [tries(), [] as number[]];
      await until(() => {
        seen.push(readdirSync(`/proc/${child.pid}/fd`).length);
        return tries() >= before + 8 || undefined;
      }, 20_000);
      return Math.min(...seen);
    };
    const [before, after] = [await fewest(), await fewest()];
    assert.ok(after < before + 8, `${before} descriptors became ${after}`);
    child.kill('SIGTERM');
    assert.equal((await result).status, 0);
  });

  test(`a plugin that cannot be started is tried again, by its policy alone; the others run (${user})`, async (t) => {
    const { child, result, said } = up(t, user, {
      plugins: {
        absent: { command: ['no-such-program'] },
        retried: {
          command: ['no-such-program'],
          restart: { policy: 'on-failure', delay_ms: 20, max_delay_ms: 20 },
        },
        lives: { command: ['sh', '-c', 'sleep 0.5; echo done'] },
        stops: { command: ['sh', '-c', 'exit 0'], restart: { policy: 'on-failure' } },
      },
    });
    await until(() => (/lives \| done/.test(said()) ? true : undefined));
    await until(() =>
      count(said(), /^postern: retried: .*; starts again in 0\.02 s$/gm) > 3 ? true : undefined,
    );
    await until(
      () => (/^postern: absent: /m.test(said()) && /^postern: stops: ended/m.test(said())) || undefined,
    );
    assert.equal(count(said(), /^postern: absent: /gm), 1);
    assert.equal(count(said(), /^postern: stops: ended with status 0$/gm), 1);
    assert.equal(child.exitCode, null, 'the one that is retried keeps up alive');
    child.kill('SIGTERM');
    assert.equal((await result).status, 1, 'absent did not end well');
  });

  test(`up ends with 1 where one could not be started, after the others have ended (${user})`, async (t) => {
    const { result } = up(t, user, {
      plugins: {
        absent: { command: ['no-such-program'] },
        lives: { command: ['sh', '-c', 'sleep 0.5; echo done'] },
      },
    });
    const { status, stdout, stderr } = await result;
    assert.equal(status, 1);
    assert.match(stdout, /^lives \| done$/m);
    assert.match(stderr, /^postern: absent: .*no-such-program/m);
  });

  test(`up starts in the order of after, and stops in the reverse one (${user})`, async (t) => {
    const plugin = (name: string, after: readonly string[]): object => ({
      command: [
        'sh',
        '-c',
        `trap "echo ${name} down; exit 0" TERM; echo ${name} up; while :; do sleep 0.05; done`,
      ],
      after,
    });
    const { child, result, said } = up(t, user, {
      plugins: { web: plugin('web', ['database']), database: plugin('database', []) },
    });
    await until(() => (/web up/.test(said()) && /database up/.test(said()) ? true : undefined));
    child.kill('SIGTERM');
    const { status, stdout } = await result;
    assert.equal(status, 0);
    const lines = stdout.split('\n').filter((line) => /down/.test(line));
    assert.deepEqual(lines, ['web | web down', 'database | database down']);
  });

  test(`no client of an inherited listener is refused while its plugin restarts (${user})`, async (t) => {
    const port = await freePort();
    const serveOne = [
      'import socket, sys',
      'caller, _ = socket.socket(fileno=3).accept()',
      'caller.sendall(b"served\\n")',
      'caller.close()',
      'sys.exit(1)',
    ].join('\n');
    const { child, result, said } = up(t, user, {
      plugins: {
        web: {
          command: ['/usr/bin/python3', '-c', serveOne],
          listen: [{ name: 'http', address: `127.0.0.1:${port}` }],
          restart: { policy: 'always', delay_ms: 20, max_delay_ms: 20 },
        },
      },
    });
    await until(() => answerOf(port).catch(() => undefined));
    const answers = await Promise.all(Array.from({ length: 6 }, () => answerOf(port)));
    assert.deepEqual(
      answers,
      Array.from({ length: 6 }, () => 'served\n'),
    );
    child.kill('SIGTERM');
    assert.equal((await result).status, 0, said());
  });

  test(`up names the place of a listener that cannot be bound, and starts nothing (${user})`, async (t) => {
    const taken = await listen();
    const { result } = up(t, user, {
      plugins: {
        first: { command: ['sh', '-c', 'echo started'] },
        web: { command: ['sh'], listen: [{ name: 'http', address: `127.0.0.1:${taken.port}` }] },
      },
    });
    const { status, stdout, stderr } = await result;
    await taken.close();
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.match(
      stderr,
      /^postern: \S+postern\.yaml:1: Cannot listen on "127\.0\.0\.1:\d+" for "http": another socket has that port; choose another port, [^\n]*\n$/,
    );
  });
}

function answerOf(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = '';
    const socket = connect(port, '127.0.0.1');
    socket.setEncoding('utf8').on('data', (text: string) => {
      heard += text;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(heard));
  });
}
