import assert from 'node:assert/strict';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { hasEnded } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { type User, users } from '../harness/users.js';
import { scene as play } from './scene.js';

const scene = (name: string, user: User): Record<string, unknown> => play('scenes', name, user);

for (const user of users) {
  test(`a plugin has streams and an end, and leaves nothing behind (${user})`, () => {
    assert.deepEqual(scene('streams', user), {
      runs: [1, 'number'],
      stdout: 'heard hello\n',
      stderr: 'trouble\n',
      exit: { code: 3, signal: null, cause: 'error' },
      second: { code: 0, signal: null, cause: 'exit' },
      streams: null,
      left: 0,
      leaked: 0,
    });
  });
}

for (const user of userInTurn(0)) {
  test(`a plugin that runs gets other rules, and a bad one changes nothing (${user})`, () => {
    assert.deepEqual(scene('rules', user), {
      results: ['errno 111', 'connected', 'connected', 'errno 111'],
      bad: 'bad_config',
      events: ['closed true', 'closed true', 'connection true', 'connection true'],
      heard: ['closed', 'decision', 'loopback'],
      pid: 'number',
      exit: { code: null, signal: 'SIGTERM', cause: 'operator' },
    });
  });

  test(`an application sees the open connections of each plugin, with their bytes (${user})`, () => {
    assert.deepEqual(scene('connections', user), {
      open: [1, 0, 'talks', '127.0.0.1', true, true],
      none: { connections: [], more: 0 },
      after: 'closed',
    });
  });

  test(`an application hears of each refusal and failure, however early, in words and with the rule that would allow it (${user})`, () => {
    assert.deepEqual(scene('told', user), {
      heard: [
        ['denied', 'Cannot connect to "192.0.2.1:80": no rule allows "192.0.2.1"', '192.0.2.1:80'],
        ['denied', 'Cannot resolve "api.example.com": no rule allows it', 'api.example.com'],
        ['denied', 'Cannot send UDP to "192.0.2.1:53": only TCP leaves the sandbox', null],
        ['failed', '"127.0.0.1:PORT" is allowed, but nothing listens at 127.0.0.1', null],
      ],
      all: [
        'told: "127.0.0.1:PORT" is allowed, but nothing listens at 127.0.0.1',
        'told: 0',
        'told: Cannot connect to "192.0.2.1:80": no rule allows "192.0.2.1"',
        'told: Cannot resolve "api.example.com": no rule allows it',
        'told: Cannot send UDP to "192.0.2.1:53": only TCP leaves the sandbox',
      ],
    });
  });
}

for (const user of userInTurn(1)) {
  test(`what cannot be started is refused with a code, and is not kept (${user})`, () => {
    assert.deepEqual(scene('errors', user), {
      codes: [
        'launch_failed',
        'bad_config',
        'bad_config',
        'bad_config',
        'bad_config',
        'launch_failed',
        'name_taken',
        'closed',
      ],
      kept: ['two'],
      inWorker: 'wrong_thread',
    });
  });

  test(`one process has several supervisors, each with rules of its own (${user})`, () => {
    assert.deepEqual(scene('several', user), { codes: [0, 1], after: 0 });
  });

  // proves: no plugin of another supervisor of this process writes what a hook or a secret's command is or loads
  test(`no supervisor runs what a plugin of another one in the same process may write (${user})`, () => {
    const { code, message, ran, after } = scene('neighbours', user);
    assert.deepEqual([code, ran, after], ['path_not_apart', false, 'started'], String(message));
    assert.match(
      String(message),
      /and a plugin of this process may write there: its sandbox is that of process \d+/,
    );
  });

  test(`the streams of a plugin outlast its restarts (${user})`, () => {
    assert.deepEqual(scene('restarts', user), {
      lines: ['first', 'second'],
      ends: true,
    });
  });

  test(`an application is asked about unknown destinations, and its failure is a denial (${user})`, () => {
    assert.deepEqual(scene('asks', user), {
      asked: ['1.0.0.1:80 1.0.0.1:80', '1.0.0.1:81 1.0.0.1:81'],
      said: ['13', '13'],
    });
  });
}

for (const user of users) {
  test(`plugins end with a process that exits without closing (${user})`, async () => {
    const { plugin } = scene('leaves', user);
    await until(() => hasEnded(Number(plugin)) || undefined);
  });
}
