import assert from 'node:assert/strict';
import { writeSync } from 'node:fs';
import { test } from 'node:test';
import type { HttpEvent } from '../../sandbox/gateway/serve-host.js';
import type { Held } from '../../sandbox/supervisor/gateway/read-secrets.js';
import { type GatewayContext, prepareGateway } from '../../sandbox/supervisor/gateway-runs.js';
import { Sandbox } from '../../sandbox/supervisor/start/sandbox.js';
import { limitsOf } from '../../shared/config/limit-forms.js';
import { type PluginConfig, plainPlugin } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import { readSealedFile } from '../../shared/sys/memory-file.js';
import { until } from '../harness/until.js';

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

const heldOf = (secret: string): Held => ({ secrets: new Map([['github', secret]]), files: new Map() });
const HELD = heldOf(SECRET);

/** A process that says some lines, and ends. */
function contextOf(lines: readonly unknown[], told: Told, held = async () => HELD): GatewayContext {
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
    held,
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
  const run = prepareGateway(PLUGIN, HELD, contextOf([...odd, ...Array(5).fill(EVENT)], told));
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
  let held = async (): Promise<Held> => {
    throw new PosternError('bad_secret', 'it is empty');
  };
  const run = prepareGateway(
    PLUGIN,
    HELD,
    contextOf([], told, () => held()),
  );
  assert.ok(run !== undefined);
  await run.serve([]);
  await run.renew();
  assert.match(told.notices.join('\n'), /goes on with its former secrets: it is empty/);
  held = async () => heldOf('another-secret-0123');
  await run.renew();
  await until(() => (told.settings.some((text) => text.includes('another-secret-0123')) ? true : undefined));
  assert.match(told.settings[0] ?? '', new RegExp(SECRET));
  await run.close();
});

test('one that ends is started again with the same certificates, until it is closed', async () => {
  const told: Told = { events: [], settings: [], notices: [] };
  const run = prepareGateway(PLUGIN, HELD, contextOf([], told));
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
  const context = contextOf([], told, async () => heldOf('another-secret-0123'));
  const sandbox = new Sandbox(0, undefined, undefined);
  let killed = false;
  sandbox.kill = () => {
    killed = true;
  };
  const run = prepareGateway(PLUGIN, HELD, {
    ...context,
    start: async (config, gateway, streams) => {
      await context.start(config, gateway, streams);
      await run?.renew();
      return sandbox;
    },
  });
  await run?.serve([]);
  assert.equal(killed, true);
  await run?.close();
});
