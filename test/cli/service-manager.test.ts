import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceManager } from '../../sandbox/cli/service-manager.js';

test('the watchdog gets messages while a broker answers, four in its period, and none else', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const sent: string[] = [];
  const env: NodeJS.ProcessEnv = {
    NOTIFY_SOCKET: '/run/x',
    WATCHDOG_USEC: '4000000',
    WATCHDOG_PID: `${process.pid}`,
  };
  const manager = new ServiceManager(env, (path, message) => void sent.push(`${path} ${message}`));
  assert.deepEqual(env, {});
  let answers = true;
  manager.ready(() => answers);
  t.mock.timers.tick(4000);
  assert.deepEqual(sent, ['/run/x READY=1', ...Array(4).fill('/run/x WATCHDOG=1')]);
  answers = false;
  t.mock.timers.tick(60_000);
  assert.equal(sent.length, 5);
  answers = true;
  t.mock.timers.tick(1000);
  assert.equal(sent.length, 6);
  manager.stopping();
  t.mock.timers.tick(60_000);
  assert.deepEqual(sent.slice(6), ['/run/x STOPPING=1']);
});

test('a watchdog for another process, and one without a period, get nothing', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  for (const variables of [
    { WATCHDOG_USEC: '4000000', WATCHDOG_PID: '1' },
    { WATCHDOG_USEC: '0' },
    { WATCHDOG_USEC: 'infinity' },
    {},
  ]) {
    const sent: string[] = [];
    new ServiceManager({ NOTIFY_SOCKET: '@x', ...variables }, (_, message) => void sent.push(message)).ready(
      () => true,
    );
    t.mock.timers.tick(60_000);
    assert.deepEqual(sent, ['READY=1']);
  }
});

test('without a manager nothing is sent', () => {
  new ServiceManager({ WATCHDOG_USEC: '1000' }, () => assert.fail()).ready(() => true);
});
