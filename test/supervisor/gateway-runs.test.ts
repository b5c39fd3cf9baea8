import assert from 'node:assert/strict';
import { writeSync } from 'node:fs';
import { constants } from 'node:os';
import { mock, test } from 'node:test';
import type { HttpEvent } from '../../sandbox/gateway/serve-host.js';
import type { Held } from '../../sandbox/supervisor/gateway/read-secrets.js';
import { type GatewayContext, prepareGateway } from '../../sandbox/supervisor/gateway-runs.js';
import { LAUNCH_TIMEOUT_MS } from '../../sandbox/supervisor/start/launch-sandbox.js';
import { type PluginEnd, Sandbox } from '../../sandbox/supervisor/start/sandbox.js';
import { limitsOf } from '../../shared/config/limit-forms.js';
import { type PluginConfig, plainPlugin } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import { readSealedFile } from '../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
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
  readonly lost: (readonly [events: number, limit: string | undefined])[];
  readonly events: (readonly [string, number, boolean])[];
  readonly settings: string[];
  readonly notices: string[];
  readonly taken: number[];
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
      writeSync(stdout.number, 'ready\n');
      if (told.settings.length === 1)
        for (const line of lines)
          writeSync(stdout.number, `${typeof line === 'string' ? line : JSON.stringify(line)}\n`);
      for (const descriptor of descriptors) descriptor.close();
      await drained();
      return new Sandbox(0, undefined, undefined);
    },
    held,
    room: () => undefined,
    keepsAll: false,
    onLost: (events, limit) => told.lost.push([events, limit]),
    onTaken: (events) => told.taken.push(events),
    onEvent: (plugin, { status }, isLogged) => told.events.push([plugin, status, isLogged]),
    onNotice: (text) => told.notices.push(text),
  };
}

// proves: gateway: an event of another form is dropped
// proves: gateway: requests do not fill the log
test('its events are checked, count for its plugin, and past the limit of lines they are not logged', async () => {
  const told: Told = { lost: [], events: [], settings: [], notices: [], taken: [] };
  const odd = [
    'no JSON',
    '[]',
    { ...EVENT, status: -1 },
    { ...EVENT, method: 'x'.repeat(99) },
    { ...EVENT, host: 'other.example.com' },
    { ...EVENT, port: 80 },
    { ...EVENT, injected: 9e15 },
    JSON.stringify(EVENT).replace('"durationMs":1', '"durationMs":1e999'),
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
  assert.deepEqual(told.lost, [...odd.map(() => [1, undefined]), [2, 'log_rate']]);
  assert.match(told.notices[0] ?? '', /has said something of another form/);
});

// proves: gateway: what a killed gateway took along is told
test('requests of which a process that has ended said nothing more are missing in the log', async () => {
  const told: Told = { lost: [], events: [], settings: [], notices: [], taken: [] };
  // The next process says nothing of that kind.
  const run = prepareGateway(PLUGIN, HELD, contextOf(['begun', 'begun', EVENT, 'begun'], told));
  assert.ok(run !== undefined);
  await run.serve([]);
  await until(() => (told.settings.length >= 2 ? true : undefined));
  await run.close();
  assert.deepEqual(told.taken, [2]);
});

test('another secret starts it anew with that one, and one that cannot be read changes nothing', async () => {
  const told: Told = { lost: [], events: [], settings: [], notices: [], taken: [] };
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
  const told: Told = { lost: [], events: [], settings: [], notices: [], taken: [] };
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
  const told: Told = { lost: [], events: [], settings: [], notices: [], taken: [] };
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

// proves: gateway: the program begins when its gateway serves
test('a gateway that ends before it serves fails the start', async () => {
  const told: Told = { lost: [], events: [], settings: [], notices: [], taken: [] };
  const run = prepareGateway(PLUGIN, HELD, {
    ...contextOf([], told),
    start: async (_config, _gateway, streams) => {
      for (const descriptor of streams().descriptors) descriptor.close();
      return new Sandbox(0, undefined, undefined);
    },
  });
  await assert.rejects(run?.serve([]) ?? Promise.resolve(), /"agent" ended before it served/);
  await run?.close();
});

// proves: gateway: one that never serves fails the start
test('a gateway that does not serve in time fails the start, and is ended', async (t) => {
  const told: Told = { lost: [], events: [], settings: [], notices: [], taken: [] };
  let kill = (): void => {};
  const ended = new Promise<PluginEnd>((resolve) => {
    kill = () => resolve({ kind: 'killed', signal: constants.signals.SIGKILL });
  });
  const sandbox = Object.assign(new Sandbox(0, undefined, undefined), { ended });
  let killed = false;
  sandbox.kill = () => {
    killed = true;
    kill();
  };
  mock.timers.enable({ apis: ['setInterval'] });
  t.after(() => mock.timers.reset());
  const run = prepareGateway(PLUGIN, HELD, {
    ...contextOf([], told),
    start: async (_config, _gateway, streams) => {
      for (const descriptor of streams().descriptors) descriptor.close();
      return sandbox;
    },
  });
  const serving = assert.rejects(run?.serve([]) ?? Promise.resolve(), {
    code: 'launch_failed',
    message: /"agent" did not serve within 60 s/,
  });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  await turn();
  mock.timers.tick(LAUNCH_TIMEOUT_MS);
  await turn();
  // One that nobody ends would let this test wait for good.
  const wasKilled = killed;
  kill();
  await serving;
  assert.equal(wasKilled, true);
  await run?.close();
});

// proves: gateway: its requests wait for the rate of lines where none is left out
test('where the log leaves no event out, it waits past the limit of lines, until its end', async () => {
  const told: Told = { lost: [], events: [], settings: [], notices: [], taken: [] };
  let stdout: OwnedFd | undefined;
  const sandbox = Object.assign(new Sandbox(0, undefined, undefined), {
    ended: new Promise<PluginEnd>(() => {}),
  });
  const run = prepareGateway(PLUGIN, HELD, {
    ...contextOf([], told),
    keepsAll: true,
    start: async (_config, _gateway, streams) => {
      const [settings, out, err] = streams().descriptors;
      for (const descriptor of [settings, err]) descriptor?.close();
      stdout = out;
      writeSync(out?.number ?? -1, 'ready\n');
      return sandbox;
    },
  });
  await run?.serve([]);
  const say = (times: number): number =>
    writeSync(stdout?.number ?? -1, `${JSON.stringify(EVENT)}\n`.repeat(times));
  // As many as it may say in 30 s.
  say(90);
  await until(() => (told.events.length === 90 ? true : undefined));
  say(1);
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(told.events.length, 90);
  sandbox.signal = (): boolean => {
    stdout?.close();
    Object.assign(sandbox, { ended: Promise.resolve({ kind: 'exited', status: 0 }) });
    return true;
  };
  await run?.close();
  assert.deepEqual([told.events.length, told.lost], [91, []]);
  assert.ok(told.events.every(([, , isLogged]) => isLogged));
});

// proves: gateway: what it says does not fill the terminal
// proves: gateway: a full audit log makes it wait
// proves: gateway: what is under way at its end is in the log
test('what it says on stderr is bounded, and it waits while the audit log is full', async () => {
  const told: Told = { lost: [], events: [], settings: [], notices: [], taken: [] };
  let onRoom = (): void => {};
  const room = new Promise<void>((resolve) => {
    onRoom = resolve;
  });
  let isFull = false;
  let stdout: OwnedFd | undefined;
  const sandbox = new Sandbox(0, undefined, undefined);
  const run = prepareGateway(PLUGIN, HELD, {
    ...contextOf([], told),
    room: () => (isFull ? room : undefined),
    start: async (_config, _gateway, streams) => {
      const [settings, out, err] = streams().descriptors;
      assert.ok(out !== undefined && err !== undefined);
      settings?.close();
      writeSync(out.number, 'ready\n');
      writeSync(err.number, 'a word\n'.repeat(200));
      err.close();
      stdout = out;
      return Object.assign(sandbox, { ended: new Promise<never>(() => {}) });
    },
  });
  await run?.serve([]);
  await until(() => (told.notices.length >= 10 ? true : undefined));
  assert.equal(told.notices.length, 10);
  const say = (): number => writeSync(stdout?.number ?? -1, `${JSON.stringify(EVENT)}\n`);
  isFull = true;
  say();
  await until(() => (told.events.length === 1 ? true : undefined));
  say();
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(told.events.length, 1);
  isFull = false;
  onRoom();
  await until(() => (told.events.length === 2 ? true : undefined));
  // What it has said by its end is taken.
  const signals: number[] = [];
  sandbox.signal = (signal): boolean => {
    signals.push(signal);
    say();
    stdout?.close();
    Object.assign(sandbox, { ended: Promise.resolve({ kind: 'exited', status: 0 }) });
    return true;
  };
  await run?.close();
  assert.deepEqual([signals, told.events.length], [[constants.signals.SIGTERM], 3]);
});
