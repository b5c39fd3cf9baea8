import assert from 'node:assert/strict';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import type { User } from '../harness/users.js';
import { scene as play, printed } from './scene.js';

const scene = (name: string, user: User): Record<string, unknown> => play('settings-scenes', name, user);

for (const user of userInTurn(0)) {
  test(`a supervisor that cannot be created leaves nothing bound (${user})`, () => {
    assert.deepEqual(scene('notCreated', user), {
      codes: ['metrics_address'],
      found: false,
      metrics: true,
      processes: 0,
      leaked: 0,
    });
  });

  test(`each mistake in the settings of a supervisor is named (${user})`, () => {
    assert.deepEqual(scene('mistakes', user), {
      code: 'bad_config',
      lines: [
        'ask: expected a function',
        'askMs: expected milliseconds, 1 to 120000',
        'audit: expected a function, or the path of a file',
        'control: expected a path, or "off"',
        'dns.0: expected the address of a DNS server, as 127.0.0.53',
        'metrics: expected HOST:PORT, as 127.0.0.1:9464',
        'metrix: unknown key; did you mean "metrics"?',
        'onNotice: expected a function',
      ],
    });
  });
}

for (const user of userInTurn(0))
  test(`each mistake in the settings of a plugin is named (${user})`, () => {
    const stdio = 'plugins.shell.stdio: expected pipe, ignore, inherit, or a list of three of them';
    assert.deepEqual(
      scene('wrongStarts', user),
      [
        'Expected an object with the settings of a plugin',
        'Expected an object with the settings of a plugin',
        'A plugin needs a name',
        stdio,
        stdio,
      ].flatMap((message) => ['bad_config', message]),
    );
  });

for (const user of userInTurn(1)) {
  test(`a connection ends when its rule is withdrawn (${user})`, () => {
    assert.deepEqual(scene('revokes', user), { said: 'ended\n', endedBy: 'revoked' });
  });

  test(`many plugins have the streams of the application, which ends by itself (${user})`, () => {
    const lines = printed('settings-scenes', 'inherits', user, 'heard\n');
    assert.deepEqual(lines.slice(0, -1).sort(), ['heard', ...Array(11).fill('line')]);
    assert.deepEqual(JSON.parse(lines.at(-1) ?? ''), { codes: [0], streams: null });
  });
}
