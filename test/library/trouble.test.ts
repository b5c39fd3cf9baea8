// Applications that misuse the library, or fail, harm neither postern nor its plugins.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { hasEnded } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { type User, users } from '../harness/users.js';
import { scene as play } from './scene.js';

const scene = (name: string, user: User): Record<string, unknown> => play('trouble-scenes', name, user);

for (const user of userInTurn(0)) {
  test(`a plugin whose output nobody reads waits at its pipe, and can be stopped; nothing that it wrote is lost (${user})`, () => {
    assert.deepEqual(scene('unread', user), { bounded: true, lost: 0, cause: 'operator' });
  });

  test(`output of many runs that nobody reads is kept up to a bound (${user})`, () => {
    assert.deepEqual(scene('unreadRuns', user), { some: true, bounded: true });
  });

  test(`an error of a listener is the application's alone (${user})`, () => {
    assert.deepEqual(scene('throwing', user), {
      refused: '3',
      denied: 3,
      code: 0,
      thrown: [
        ...['audit', 'decision', 'denied'].flatMap((what) => Array<string>(3).fill(what)),
        ...['exit', 'supervisor', 'supervisor', 'supervisor'],
      ],
      next: 0,
    });
  });
}

for (const user of userInTurn(1)) {
  test(`an application hears of each of thousands of decisions (${user})`, () => {
    assert.deepEqual(scene('manyEvents', user), { refused: '3000', decision: 3000, denied: 3000 });
  });
}

for (const user of users) {
  test(`close during starts settles each of them, and leaves nothing (${user})`, () => {
    assert.deepEqual(scene('closeWhileStarting', user), {
      unexpected: [],
      refused: true,
      left: 0,
      processes: 0,
      leaked: 0,
    });
  });
}

for (const user of userInTurn(1))
  test(`a broker that comes up when its supervisor has closed ends (${user})`, () => {
    assert.deepEqual(scene('closeWhileBrokerStarts', user), { waits: true, processes: 0 });
  });

for (const user of userInTurn(0)) {
  test(`of two starts with one name one is refused, and the other runs (${user})`, () => {
    assert.deepEqual(scene('twice', user), { codes: ['name_taken', 'runs'], plugins: 1, runs: true });
  });

  test(`a plugin that has ended does not steer another one of its name (${user})`, () => {
    assert.deepEqual(scene('stale', user), {
      codes: ['unknown_plugin', 'unknown_plugin', 'unknown_plugin'],
      formerPid: null,
      same: true,
    });
  });
}

for (const user of users) {
  test(`nothing outlives an application that is killed (${user})`, async () => {
    const { processes } = scene('killed', user) as { readonly processes: readonly number[] };
    assert.ok(processes.length >= 5, String(processes));
    await until(() => processes.every((pid) => hasEnded(pid)) || undefined);
  });
}
