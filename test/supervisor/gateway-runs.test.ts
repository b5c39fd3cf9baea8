import assert from 'node:assert/strict';
import { writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { HttpEvent } from '../../sandbox/gateway/serve-host.js';
import { type GatewayContext, prepareGateway } from '../../sandbox/supervisor/gateway-runs.js';
import { Sandbox } from '../../sandbox/supervisor/start/sandbox.js';
import { limitsOf } from '../../shared/config/limit-forms.js';
import { type PluginConfig, plainPlugin } from '../../shared/config/plugin-config.js';
import { readSealedFile } from '../../shared/sys/memory-file.js';
import { until } from '../harness/until.js';
import { readableFolder } from '../harness/users.js';

const SECRET = 'ghs_top-secret-0123456789';
const PLUGIN: PluginConfig = {
  ...plainPlugin('agent', ['true']),
  limits: limitsOf({ log_lines_per_second: 3 }),
  gateway: [
    {
      ...{ host: 'api.example.com', ports: [443], allow: [], deny: [], masks: true },
      headers: { authorization: 'Bearer {github}' },
    },
  ],
  secrets: { github: { from: 'command', words: ['/bin/echo', SECRET] } },
};
const EVENT: HttpEvent = {
  ...{ method: 'GET', host: 'api.example.com', port: 443, path: '/', status: 200, decision: 'allow' },
  ...{ reason: undefined, rule: undefined, suggestion: undefined },
  ...{ sentBytes: 0, receivedBytes: 0, durationMs: 1, injected: 1, masked: 0 },
};

interface Told {
  readonly events: (readonly [string, number, boolean])[];
  readonly settings: string[];
  readonly notices: string[];
}

/** A process that says some lines, and ends. */
function contextOf(lines: readonly unknown[], told: Told): GatewayContext {
  return {
    start: async (_config, _gateway, streams) => {
      const { descriptors, drained } = streams();
      const [settings, stdout] = descriptors;
      assert.ok(settings !== undefined && stdout !== undefined);
      told.settings.push(Buffer.from(readSealedFile(settings.number) ?? []).toString());
      if (told.settings.length === 1)
        for (const line of lines)
          writeSync(stdout.number, `${typeof line === 'string' ? line : JSON.stringify(line)}\n`);
      for (const descriptor of descriptors) descriptor.close();
      await drained();
      return new Sandbox(0, undefined, undefined);
    },
    written: () => [],
    onEvent: (plugin, { status }, isLogged) => told.events.push([plugin, status, isLogged]),
    onNotice: (text) => told.notices.push(text),
  };
}

// proves: gateway: an event of another form is dropped
// proves: gateway: requests do not fill the log
test('its events are checked, count for its plugin, and past the limit of lines they are not logged', async () => {
  const told: Told = { events: [], settings: [], notices: [] };
  const odd = [
    'no JSON',
    '[]',
    { ...EVENT, status: -1 },
    { ...EVENT, method: 'x'.repeat(99) },
    { status: 200 },
  ];
  const run = prepareGateway(PLUGIN, contextOf([...odd, ...Array(5).fill(EVENT)], told));
  assert.ok(run !== undefined);
  await run.serve([]);
  assert.deepEqual(
    told.events,
    [true, true, true, false, false].map((isLogged) => ['agent', 200, isLogged]),
  );
  await run.close();
});

test('another secret starts it anew with that one, and one that cannot be read changes nothing', async () => {
  const told: Told = { events: [], settings: [], notices: [] };
  const file = join(readableFolder(), 'token');
  const write = (text: string): void => writeFileSync(file, text, { mode: 0o600 });
  write(SECRET);
  const secrets = { github: { from: 'file', path: file } } as const;
  const run = prepareGateway({ ...PLUGIN, secrets }, contextOf([], told));
  assert.ok(run !== undefined);
  await run.serve([]);
  write('');
  run.renew();
  assert.match(
    told.notices.join('\n'),
    /goes on with its former secrets: Cannot use the secret "github": it is empty/,
  );
  write('another-secret-0123');
  run.renew();
  await until(() => (told.settings.some((text) => text.includes('another-secret-0123')) ? true : undefined));
  assert.match(told.settings[0] ?? '', new RegExp(SECRET));
  await run.close();
});

test('one that ends is started again with the same certificates, until it is closed', async () => {
  const told: Told = { events: [], settings: [], notices: [] };
  const run = prepareGateway(PLUGIN, contextOf([], told));
  assert.ok(run !== undefined);
  await run.serve([]);
  await until(() => (told.settings.length >= 2 ? true : undefined));
  await run.close();
  assert.equal(new Set(told.settings).size, 1);
  assert.match(told.settings[0] ?? '', new RegExp(SECRET));
  assert.match(told.notices[0] ?? '', /the gateway of "agent" has ended/);
  assert.ok(!told.notices.join().includes(SECRET));
});

// proves: gateway: one that starts while its secrets change starts anew
test('one that starts while its secrets change starts anew', async () => {
  const told: Told = { events: [], settings: [], notices: [] };
  const file = join(readableFolder(), 'token');
  writeFileSync(file, SECRET, { mode: 0o600 });
  const context = contextOf([], told);
  const sandbox = new Sandbox(0, undefined, undefined);
  let killed = false;
  sandbox.kill = () => {
    killed = true;
  };
  const secrets = { github: { from: 'file', path: file } } as const;
  const run = prepareGateway(
    { ...PLUGIN, secrets },
    {
      ...context,
      start: async (config, gateway, streams) => {
        await context.start(config, gateway, streams);
        writeFileSync(file, 'another-secret-0123');
        run?.renew();
        return sandbox;
      },
    },
  );
  await run?.serve([]);
  assert.equal(killed, true);
  await run?.close();
});
