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

  // proves: library: no plugin writes a file of rules that an application names
  test(`a plugin does not write the file of rules that its application names (${user})`, () => {
    assert.deepEqual(scene('ownRules', user), { found: ['tried\n', 'allow: [api.example.com]\n'] });
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
  test(`each mistake in the settings of a plugin begins with the key that has it (${user})`, () => {
    const name = 'name: expected a-z, 0-9, _ and -, at most 63 characters, a letter or digit first';
    const stdio = 'stdio: expected pipe, ignore, inherit, or a list of three of them';
    const command = 'command: expected a list: the program and its arguments, for example [node, server.js]';
    const cpu = 'limits.cpu_seconds: expected a whole number from 1 to 1000000000, not nothing';
    const rule = 'The rule "a b" has white space or a control character in it';
    const alow = 'alow: unknown key; did you mean "allow"?';
    const wrong = [
      ['settings: expected an object'],
      ['settings: expected an object'],
      [name, stdio, alow],
      [name, `${command}, not "true"; write [true]`],
      [stdio, 'limits.proceses: unknown key; did you mean "processes"?', cpu],
      [
        `allow[1]: ${rule}`,
        'env.A: expected a string, not 1; write "1"',
        'env.B: expected a string, not nothing',
      ],
      ['on.denid: unknown key; did you mean "denied"?', 'on.exit: expected a function', 'after: unknown key'],
      ['gateway.api.example.com.headers.b: there is no secret "lost"'],
      ['policy: expected an object'],
      [alow],
      [`allow[0]: ${rule}`],
    ];
    assert.deepEqual(
      scene('wrongStarts', user),
      wrong.map((lines) => ['bad_config', ...lines]),
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
