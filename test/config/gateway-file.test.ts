// The file of --gateway, and what options say besides.
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { addModeOption, addRunOptions, pluginOf, type RunOptions } from '../../sandbox/cli/run-options.js';
import { ConfigError } from '../../shared/config/config-problem.js';
import { loadGatewayFile } from '../../shared/config/gateway-file.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { loadRuleFile, readBoundary } from '../../shared/config/rule-file.js';
import { readableFolder } from '../harness/users.js';

const folder = readableFolder();
const path = join(folder, 'gateway.yaml');
const HOST = 'api.example.com';

/** What `postern run` would start, with that file. */
function read(text: string, ...words: readonly string[]): PluginConfig {
  writeFileSync(path, text);
  chmodSync(path, 0o644);
  const command = addModeOption(addRunOptions(new Command('run'))).action(() => {});
  command.parse(['--gateway', path, ...words, '--', 'node'], { from: 'user' });
  return pluginOf(['node'], command.opts<RunOptions>(), 'enforce', { loadRuleFile, loadGatewayFile });
}

function problemsOf(text: string, ...words: readonly string[]): string {
  try {
    read(text, ...words);
    return '';
  } catch (error) {
    assert.ok(error instanceof Error);
    return error.message;
  }
}

const GOOD = `secrets: {key: {file: kept/key}, other: {env: OTHER}}
gateway:
  ${HOST}:
    headers: {authorization: "Bearer {key}"}
    placeholder: {name: TOKEN, secret: other, in: [x-token]}
    allow: [read-only]
`;

test('the file gives a program its gateway, with paths relative to the file and the ports that the options open', () => {
  const { gateway, secrets, allow } = read(GOOD, '--allow', `${HOST}:443,8443`);
  assert.deepEqual(secrets, {
    key: { from: 'file', path: join(folder, 'kept/key') },
    other: { from: 'env', variable: 'OTHER' },
  });
  assert.deepEqual(
    gateway?.map(({ host, ports, headers }) => ({ host, ports, headers })),
    [{ host: HOST, ports: [443, 8443], headers: { authorization: 'Bearer {key}' } }],
  );
  assert.deepEqual(allow, [`${HOST}:443,8443`]);
});

test('each mistake in the file is told with its place', () => {
  const wrong = `secrets: {key: {file: k, env: K}}
gateway:
  ${HOST}: {headers: {authorization: "Bearer {kee}"}, allow: [GET x]}
  other.example.com: {}
plugins: {}
`;
  assert.throws(
    () => read(wrong, '--allow', HOST),
    (error) => {
      assert.ok(error instanceof ConfigError);
      assert.deepEqual(error.problems.map(({ line, key }) => `${line} ${key}`).sort(), [
        '1 secrets.key',
        `3 gateway.${HOST}.allow[0]`,
        `3 gateway.${HOST}.headers.authorization`,
        '4 gateway.other.example.com',
        '5 plugins',
      ]);
      return true;
    },
  );
  assert.match(problemsOf('secrets: {}\n', '--allow', HOST), /gateway/);
});

// proves: gateway: a mistake does not print what may be a secret
test('a file that is the secret, or has it in place of its source, is not printed', () => {
  for (const key of ['ghs_never-printed', '84123456789012'])
    for (const text of [
      `${key}\n`,
      `secrets: ${key}\n`,
      `secrets: {key: ${key}}\ngateway: {${HOST}: {}}\n`,
    ]) {
      const problems = problemsOf(text, '--allow', HOST);
      assert.match(problems, /expected a map/);
      assert.ok(!problems.includes(key), problems);
    }
  assert.match(problemsOf('gateway: {}\n', '--allow', HOST), /it names no host/);
});

test('an option that does not go with the gateway is refused', () => {
  assert.equal(problemsOf(GOOD, '--allow', HOST, '--limit', 'total_memory_mib=128'), '');
  const refused: readonly (readonly [readonly string[], RegExp])[] = [
    [['--egress', 'channel'], /no way to a gateway/],
    [['--limit', 'total_memory_mib=127'], /no memory to the program/],
    [['--env', 'TOKEN=x'], /placeholder/],
    [['--allow', '10.0.0.0/8'], /past the gateway/],
  ];
  for (const [words, message] of refused) assert.match(problemsOf(GOOD, '--allow', HOST, ...words), message);
  assert.match(problemsOf(GOOD), /no rule allows this host/);
});

// proves: policy: no rules for requests of a host are replaced by others of the same host
test('a policy has the requests of a host in one place', () => {
  const rulesOf = (...hosts: readonly string[]): string =>
    `gateway:\n${hosts.map((host) => `  ${host}: {deny: ["* /admin/**"]}\n`).join('')}`;
  assert.deepEqual([...(readBoundary('policy', rulesOf(HOST)).gateway?.keys() ?? [])], [HOST]);
  for (const again of [HOST.toUpperCase(), `${HOST}.`])
    assert.throws(() => readBoundary('policy', rulesOf(HOST, again)), {
      message: new RegExp(`it is the same host as "${HOST}"`),
    });
});

// proves: gateway: --env passes no secret of the gateway on
test('a variable with a secret is passed on to no program', () => {
  assert.match(problemsOf(GOOD, '--allow', HOST, '--env', 'OTHER'), /would pass a secret/);
  assert.deepEqual(read(GOOD, '--allow', HOST, '--env', 'OTHER=1').env, { OTHER: '1' });
});
