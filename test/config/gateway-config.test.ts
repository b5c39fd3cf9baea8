import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ConfigError } from '../../shared/config/config-problem.js';
import { pluginGateway } from '../../shared/config/gateway-config.js';
import { readConfig } from '../../shared/config/load-config.js';
import type { PlacedRules } from '../../shared/config/placed-rules.js';
import { readableFolder } from '../harness/users.js';

/** What is wrong with a plugin that has these keys. */
function problemsOf(keys: string): readonly string[] {
  try {
    readConfig('postern.yaml', `plugins:\n  web:\n    command: [node]\n${keys}`, '/');
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map(({ message }) => message);
  }
}

// proves: gateway: a plugin without a DNS of its own has no gateway
test('egress channel and a gateway do not go together', () => {
  const keys = '    allow: [api.example.com]\n    egress: channel\n    gateway: {api.example.com: {}}\n';
  assert.match(problemsOf(keys).join(), /egress channel/);
});

// proves: gateway: a host whose ports are too many to intercept is refused
test('a host with more ports than a gateway can listen on is refused', () => {
  const keys = (ports: string): string =>
    `    allow: ["api.example.com:${ports}"]\n    gateway: {api.example.com: {}}\n`;
  assert.match(problemsOf(keys('*')).join(), /more than 16 ports/);
  assert.match(problemsOf(keys('1-17')).join(), /more than 16 ports/);
  assert.doesNotMatch(problemsOf(keys('1-16')).join(), /ports/);
});

// proves: gateway: no rule for addresses leads past it
test('a rule for addresses on a port of a gateway is refused, and one on another port is not', () => {
  const keys = (rule: string): string =>
    `    allow: [api.example.com, "${rule}"]\n    gateway: {api.example.com: {}}\n`;
  for (const rule of ['192.0.2.1', '10.0.0.0/8:*', '[2001:db8::1]', '@private:400-500'])
    assert.match(problemsOf(keys(rule)).join(), /past the gateway/, rule);
  for (const rule of ['192.0.2.1:80', '@private:5432', '*', '*.example.org'])
    assert.doesNotMatch(problemsOf(keys(rule)).join(), /past the gateway/, rule);
});

test('a plugin with a gateway has memory for both', () => {
  const keys = '    allow: [api.example.com]\n    gateway: {api.example.com: {}}\n';
  const limits = (mib: number): string => `    limits: {total_memory_mib: ${mib}}\n`;
  assert.match(problemsOf(`${keys}${limits(127)}`).join(), /would leave no memory to the program/);
  assert.match(problemsOf(`${keys}defaults: {limits: {total_memory_mib: 64}}\n`).join(), /no memory/);
  assert.deepEqual(problemsOf(`${keys}${limits(128)}defaults: {limits: {total_memory_mib: 64}}\n`), []);
});

test('what a host may have besides is for a gateway, or is refused', () => {
  const keys = (allow: string, gateway: string): string =>
    `    allow: ["${allow}"]\n    gateway: {api.example.com: ${gateway}}\n`;
  assert.match(problemsOf(keys('api.example.com:8443', '{base_url: true}')).join(), /no rule opens port 443/);
  assert.deepEqual(problemsOf(keys('api.example.com:443,80', '{base_url: true}')), []);
  assert.match(problemsOf(keys('api.example.com', '{addresses: [a.example.com]}')).join(), /is no address/);
  assert.deepEqual(problemsOf(keys('api.example.com', '{addresses: [10.1.2.0/24, "@private"]}')), []);
  assert.match(
    problemsOf(keys('api.example.com', '{client: {cert: /nonexistent/a, key: /nonexistent/b}}')).join(),
    /a" is no file.*b" is no file/,
  );
  // stat(2) fails with another error than ENOENT, as in a folder that is closed to this user.
  const loop = join(readableFolder(), 'loop');
  symlinkSync('loop', loop);
  assert.match(
    problemsOf(keys('api.example.com', `{client: {cert: ${loop}, key: ${loop}/a}}`)).join(),
    /loop" is no file.*a" is no file/,
  );
  assert.match(
    problemsOf(keys('api.example.com', '{client: {cert: /etc/passwd}}')).join(),
    /expected a path/,
  );
});

const RULES: PlacedRules = {
  allow: ['api.example.com:443,8443', '*.example.org'].map((text) => ({ text, place: 'postern.yaml:1' })),
  deny: [{ text: 'api.example.com:8443', place: 'postern.yaml:2' }],
};
const absolute = (path: string): string => `/etc/${path}`;

const AWS = { access_key_id: 'four', secret_access_key: 'five', region: 'eu-central-1', service: 's3' };

// proves: gateway: a gateway gets the secrets that its hosts name
test('a gateway has the ports that the rules open, and the secrets that its hosts name alone', () => {
  const { gateway, secrets, otherSecrets } = pluginGateway(
    {
      'API.example.com': { headers: { authorization: 'Bearer {one}' }, allow: ['read-only', 'POST /x'] },
      'a.example.org': { placeholder: { name: 'KEY', secret: 'two', in: ['x-key'] }, ca: 'ca.pem' },
      's3.example.org': { sign: { aws: { ...AWS, session_token: 'six' } } },
      'sqs.example.org': { sign: { aws: AWS } },
    },
    {
      ...{ one: { file: 'one' }, two: { env: 'TWO' }, three: { file: 'three' } },
      ...{ four: { env: 'FOUR' }, five: { env: 'FIVE' }, six: { env: 'SIX' } },
    },
    RULES,
    absolute,
  );
  assert.deepEqual(secrets, {
    one: { from: 'file', path: '/etc/one' },
    two: { from: 'env', variable: 'TWO' },
    four: { from: 'env', variable: 'FOUR' },
    five: { from: 'env', variable: 'FIVE' },
    six: { from: 'env', variable: 'SIX' },
  });
  assert.deepEqual(otherSecrets, { three: { from: 'file', path: '/etc/three' } });
  assert.deepEqual(
    gateway?.map(({ host, ports, allow, ca }) => [host, ports, allow, ca]),
    [
      ['api.example.com', [443], ['GET,HEAD,OPTIONS /**', 'POST /x'], undefined],
      ['a.example.org', [443], [], '/etc/ca.pem'],
      ['s3.example.org', [443], [], undefined],
      ['sqs.example.org', [443], [], undefined],
    ],
  );
});

test("a secret's command is a program of the system, or relative to the file", () => {
  const sourceOf = (...command: readonly string[]): unknown =>
    pluginGateway({ 'api.example.com': { headers: { key: '{one}' } } }, { one: { command } }, RULES, (path) =>
      join('/usr', path),
    ).secrets?.['one'];
  const echo = { command: ['/usr/bin/env', 'echo', '/usr/bin'], files: ['/usr/bin/env', '/usr/bin'] };
  assert.deepEqual(sourceOf('./bin/env', 'echo', './bin'), { from: 'command', command: echo });
  assert.match(
    problemsOf('secrets: {one: {command: [nonexistent-program]}}\n').join(),
    /"nonexistent-program" is no program that can be run/,
  );
});

// proves: gateway: by default a secret that comes back is masked
test('by default a secret that comes back is masked', () => {
  const masks = (reflect?: 'mask' | 'allow'): unknown =>
    pluginGateway({ 'api.example.com': { reflect } }, {}, RULES, absolute).gateway?.[0]?.masks;
  assert.deepEqual([masks(), masks('mask'), masks('allow')], [true, true, false]);
});
