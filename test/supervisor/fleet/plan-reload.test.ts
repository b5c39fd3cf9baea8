import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIVE_KEYS, planReload } from '../../../sandbox/supervisor/fleet/reload.js';
import { limitsOf } from '../../../shared/config/limit-forms.js';
import { type PluginConfig, plainPlugin } from '../../../shared/config/plugin-config.js';

const plain = (name: string, changes: Partial<PluginConfig> = {}): PluginConfig => ({
  ...plainPlugin(name, ['server']),
  ...changes,
});
const NOTHING = { added: [], removed: [], restarted: [], changed: [] };

test('nothing changes if each plugin is as before, in any order and at any line', () => {
  const listen = { name: 'http', address: '127.0.0.1:8080' };
  const before = [plain('a', { listen: [{ ...listen, place: 'f:3' }], env: { X: '1', Y: '2' } }), plain('b')];
  const after = [plain('b'), plain('a', { listen: [{ ...listen, place: 'f:9' }], env: { Y: '2', X: '1' } })];
  assert.deepEqual(planReload(before, after), NOTHING);
});

test('a plugin starts, ends, restarts or goes on by what changed', () => {
  const before = [plain('gone'), plain('rules'), plain('program'), plain('same')];
  const after = [
    plain('same'),
    plain('new'),
    plain('rules', { allow: ['api.example.com'] }),
    plain('program', { command: ['server', '--verbose'], allow: ['api.example.com'] }),
  ];
  assert.deepEqual(planReload(before, after), {
    added: ['new'],
    removed: ['gone'],
    restarted: ['program'],
    changed: ['rules'],
  });
});

test('every key is either live or restarts the plugin', () => {
  const changes: { readonly [K in keyof Required<PluginConfig>]: PluginConfig[K] } = {
    name: 'a',
    command: ['other'],
    env: { A: 'b' },
    cwd: '/srv',
    allow: ['api.example.com'],
    deny: ['api.example.com'],
    ruleFiles: ['/srv/rules.yaml'],
    mode: 'audit',
    unknown: 'ask',
    egress: 'channel',
    visible: ['/srv'],
    writable: ['/srv'],
    hidden: ['/srv'],
    home: '/srv',
    listen: [{ name: 'http', address: '127.0.0.1:8080' }],
    kind: 'job',
    ready: { by: 'after', milliseconds: 1 },
    stop: { signal: 'SIGINT', graceMs: 1 },
    via: { resolve: 'host', direct: [], source: [], resolvers: [] },
    gateway: [
      { host: 'api.example.com', ports: [443], headers: {}, allow: ['GET /**'], deny: [], masks: true },
    ],
    secrets: { github: { from: 'env', variable: 'TOKEN' } },
    otherSecrets: { other: { from: 'env', variable: 'OTHER' } },
    restart: { policy: 'always', delayMs: 1, maxDelayMs: 1, resetAfterMs: 1 },
    revoke: 'drain',
    limits: limitsOf({ requests_per_second: 7 }),
    addedCalls: ['ptrace'],
  };
  for (const [key, value] of Object.entries(changes)) {
    if (key === 'name') continue;
    const plan = planReload([plain('a')], [plain('a', { [key]: value })]);
    const live = (LIVE_KEYS as readonly string[]).includes(key);
    assert.deepEqual(plan, { ...NOTHING, [live ? 'changed' : 'restarted']: ['a'] }, key);
  }
});

test('a plugin that gets a notify socket, or has it no more, restarts; another time limit is live', () => {
  const notify = plain('a', { ready: { by: 'notify', timeoutS: 90 } });
  const after = plain('a', { ready: { by: 'after', milliseconds: 1 } });
  assert.deepEqual(planReload([plain('a')], [notify]).restarted, ['a']);
  assert.deepEqual(planReload([notify], [after]).restarted, ['a']);
  const longer = plain('a', { ready: { by: 'notify', timeoutS: 91 } });
  assert.deepEqual(planReload([notify], [longer]), { ...NOTHING, changed: ['a'] });
});

// proves: gateway: another mode starts it anew
test('another mode restarts a plugin with a gateway, which has the mode of its start', () => {
  const gateway = [{ host: 'api.example.com', ports: [443], headers: {}, allow: [], deny: [], masks: true }];
  const [before, after] = [plain('a', { gateway, mode: 'audit' }), plain('a', { gateway, mode: 'enforce' })];
  assert.deepEqual(planReload([before], [after]).restarted, ['a']);
});
