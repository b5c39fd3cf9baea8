import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeCommand } from '../../sandbox/cli/program.js';
import {
  addModeOption,
  addRunOptions,
  type ModeOption,
  pluginOf,
  type RunOptions,
} from '../../sandbox/cli/run-options.js';
import { readPlugin } from '../../sandbox/library/read-settings.js';
import { spawn } from '../../sandbox/library/spawn.js';
import type { WrapPolicy } from '../../sandbox/library/types.js';
import { wrap } from '../../sandbox/library/wrap.js';
import { userInTurn } from '../harness/asked.js';
import { readableFolder, type User, users } from '../harness/users.js';
import { scene as play } from './scene.js';

const scene = (name: string, user: User, ...words: readonly string[]): Record<string, unknown> =>
  play('spawn-scenes', name, user, ...words);

for (const user of users)
  test(`a spawned program has streams, variables and a folder, and leaves nothing behind (${user})`, () => {
    assert.deepEqual(scene('runs', user), {
      told: ['spawn', 'exit 3 null', 'close 3 null'],
      stdout: 'hello 1 /tmp\n',
      stderr: 'trouble\n',
      exitCode: 3,
      signalCode: null,
      killed: false,
      spawnargs: 3,
      hadPid: true,
      leaked: 0,
    });
  });

for (const user of userInTurn(0)) {
  test(`a spawned program ends by kill(), timeout and AbortSignal, and one that cannot start has an error (${user})`, () => {
    const [early, late, timedOut, aborted, missing] = [
      ['spawn', 'exit null SIGINT', 'close null SIGINT'],
      ['spawn', 'exit null SIGTERM', 'close null SIGTERM'],
      ['spawn', 'exit null SIGHUP', 'close null SIGHUP'],
      ['spawn', 'error AbortError ABORT_ERR', 'exit null SIGKILL', 'close null SIGKILL'],
      ['error PosternError launch_failed', 'close null null'],
    ];
    assert.deepEqual(scene('ends', user), {
      told: [early, late, timedOut, aborted, missing],
      killed: [true, true, true, true, false],
    });
  });
}

for (const user of userInTurn(1)) {
  test(`a spawned program tells what was refused, though a listener throws (${user})`, () => {
    const denied = 'denied Cannot connect to "192.0.2.1:80": no rule allows port 80; 192.0.2.1:80';
    assert.deepEqual(scene('refused', user), {
      told: ['spawn', denied, 'exit 1 null', 'close 1 null'],
      thrown: ['denied'],
    });
  });

  test(`each mistake in what is spawned or wrapped begins with the argument that has it (${user})`, () => {
    const rule = 'The rule "a b" has white space or a control character in it';
    const visible = 'expected a list of paths, for example [./data], not "x"; write [x]';
    const command = 'command: expected the name or the path of a program';
    const args = 'args: expected a list of strings';
    assert.deepEqual(scene('mistakes', user), [
      [command, args],
      [args, 'options.env.POSTERN_A: postern sets this variable itself; leave it out'],
      ['options: expected an object'],
      [
        'options.shell: unknown key',
        'options.policy: expected an object',
        'options.stdio: expected pipe, ignore, inherit, or a list of three of them',
        'options.cwd: expected a path',
        'options.timeout: expected milliseconds',
        'options.killSignal: expected a signal, as SIGTERM',
      ],
      [
        'options.policy.alow: unknown key; did you mean "allow"?',
        'options.policy.restart: unknown key',
        `options.policy.allow[0]: ${rule}`,
        `options.policy.filesystem.visible: ${visible}`,
      ],
      ['signal: there is no signal "SIGX"'],
      ['policy: expected an object'],
      [
        'policy.alow: unknown key; did you mean "allow"?',
        'policy.restart: unknown key',
        `policy.allow[0]: ${rule}`,
        `policy.filesystem.visible: ${visible}`,
        'policy.cwd: expected a folder, not 5',
      ],
    ]);
  });
}

/** With each key, and with values that differ from the defaults. */
const POLICY: Required<Omit<WrapPolicy, 'within' | 'gateway'>> = {
  allow: ['api.example.com', '10.1.2.3:5432'],
  deny: ['*.example.net'],
  presets: ['rules.yaml'],
  mode: 'audit',
  egress: 'channel',
  filesystem: { visible: ['.'], writable: ['out'], hidden: ['out/private'] },
  home: 'home',
  listen: [{ name: 'web', address: '127.0.0.1:0' }],
  limits: { processes: 5, memory_mib: 64 },
  seccomp: { allow: ['adjtimex'], unsafe_allow: ['kcmp'] },
  via: {
    proxy: 'http://192.0.2.9:3128',
    resolve: 'both',
    direct: ['*.example.org'],
    source: ['192.0.2.7'],
    mark: 7,
  },
  env: { A: 'b c' },
  cwd: 'out',
};

// proves: library: what goes beyond the rules that bound it is not started
test('a policy must lie within the rules that bound it, and a mistake in these is told', () => {
  const lines = (policy: WrapPolicy): string => {
    try {
      return wrap('true', [], policy).args.join(' ');
    } catch (error) {
      return (error as Error).message;
    }
  };
  const within = { allow: ['*.example.com', '10.0.0.0/8:5432'], deny: ['admin.example.com'] };
  assert.equal(lines({ allow: ['api.example.com'], within }), 'run --allow api.example.com -- true');
  assert.match(
    lines({ allow: ['*.example.com'], within }),
    /policy: the rule "\*\.example\.com" allows admin\.example\.com:443, and policy\.within does not/,
  );
  assert.match(lines({ mode: 'audit', within }), /policy: mode audit allows /);
  assert.match(lines({ within: { allow: ['a b'] } }), /policy\.within\.allow\[0\]: /);
  assert.match(lines({ within: { alow: [] } as WrapPolicy['within'] }), /policy\.within\.alow: unknown key/);
  assert.throws(
    () => spawn('true', [], { policy: { allow: ['example.org'], within } }),
    /options\.policy: the rule "example\.org" allows example\.org:443, and options\.policy\.within does not/,
  );
});

test('a wrapped command means what its policy means', () => {
  const folder = readableFolder();
  mkdirSync(join(folder, 'out'));
  writeFileSync(join(folder, 'rules.yaml'), 'allow: [preset.example.com]\n');
  const former = process.cwd();
  process.chdir(folder);
  try {
    const { args, env } = wrap('node', ['--flag', 'x.js'], POLICY);
    let read: unknown;
    const command = addModeOption(addRunOptions(makeCommand('run'))).action(
      (words: string[], options: RunOptions & ModeOption) => {
        read = pluginOf(words, options, options.mode);
      },
    );
    command.parse(args.slice(1), { from: 'user' });
    assert.equal(env['POSTERN_OUTSIDE_A'], 'b c');
    // Each run of the command gets the values from its environment.
    const meant = readPlugin({ name: 'node', command: ['node', '--flag', 'x.js'], ...POLICY });
    const comparable = (config: object): unknown =>
      JSON.parse(
        JSON.stringify({ ...config, env: {}, revoke: 'drain' }, (key, value) =>
          // The command has the rules themselves.
          key === 'place' || key === 'ruleFiles' ? undefined : value,
        ),
      );
    assert.deepEqual(comparable(read as object), comparable(meant));
  } finally {
    process.chdir(former);
  }
});

// proves: wrap: variables of the program are none of postern's
// proves: wrap: a folder of libraries for the program is none for Node
for (const user of userInTurn(2))
  test(`a host starts a wrapped command, whose variables reach the program alone (${user})`, () => {
    const folder = readableFolder();
    const trap = join(folder, 'node');
    writeFileSync(trap, `#!/bin/sh\necho ran >${folder}/ran\n`, { mode: 0o755 });
    // What loads it fails.
    writeFileSync(join(folder, 'libm.so.6'), '');
    const env = {
      PATH: `${folder}:/usr/bin:/bin`,
      KEY: 'hidden',
      NODE_OPTIONS: '--none',
      LD_LIBRARY_PATH: folder,
    };
    const words = [
      'sh',
      '-c',
      'echo $PATH $KEY $NODE_OPTIONS $LD_LIBRARY_PATH; getent hosts api.example.com; exit 7',
    ];
    const { status, stdout, stderr, isSecret } = scene('wraps', user, JSON.stringify([words, { env }]));
    assert.equal(existsSync(join(folder, 'ran')), false);
    assert.deepEqual(
      { status, stdout, isSecret },
      { status: 7, stdout: `${Object.values(env).join(' ')}\n`, isSecret: true },
    );
    assert.match(String(stderr), /^postern: Cannot resolve "api\.example\.com": no rule allows it/);
  });
