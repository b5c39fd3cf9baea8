// The control socket among hostile clients: whatever one does, the others are answered.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { Asks } from '../../../sandbox/supervisor/approval/asks.js';
import { ControlServer } from '../../../sandbox/supervisor/control/control-server.js';
import { CONTROL_TIMES, type ControlTimes } from '../../../sandbox/supervisor/control/control-session.js';
import { ControlSocket } from '../../../sandbox/supervisor/control/control-socket.js';
import type { ControlTarget } from '../../../sandbox/supervisor/control/control-surface.js';
import { Denials } from '../../../sandbox/supervisor/control/denials.js';
import { PluginLogs } from '../../../sandbox/supervisor/control/plugin-logs.js';
import { RecentEvents, RuleHits } from '../../../sandbox/supervisor/control/recent-events.js';
import { Learners } from '../../../sandbox/supervisor/learn/learner.js';
import { CONTROL_CLIENTS, CONTROL_LINE_BYTES } from '../../../shared/limits.js';
import { type Answer, rawControl, request } from '../../harness/raw-control.js';
import { until } from '../../harness/until.js';
import { readableFolder } from '../../harness/users.js';

interface Scene {
  readonly path: string;
  readonly server: ControlServer;
  readonly logs: PluginLogs;
  /** Lets the answers to `status` go. */
  readonly release: () => void;
}

function serve(
  t: TestContext,
  more: Partial<ControlTarget> = {},
  held = false,
  times: Partial<ControlTimes> = {},
): Scene {
  const path = join(readableFolder(), 'c.sock');
  const logs = new PluginLogs(() => true);
  let release = (): void => {};
  const free = new Promise<void>((resolve) => {
    release = resolve;
  });
  const facts = { version: '1', pid: process.pid, config: null, since: '2026-01-01T00:00:00.000Z' };
  const target: ControlTarget = {
    describe: () => facts,
    isOwn: () => false,
    requirePlugin: () => {},
    status: async () => {
      if (held) await free;
      return { ...facts, for_ms: 1, broker: null, plugins: [], asks: [] };
    },
    top: async () => ({ at_ms: 1, for_ms: 1, plugins: [] }),
    explain: () => Promise.reject(new Error('not here')),
    connections: async () => ({ connections: [], more: 0 }),
    disconnect: async () => {},
    rules: () => [],
    events: new RecentEvents(),
    hits: new RuleHits(),
    replaceBroker: async () => ({ pid: 2, version: '1.0.0', in_order: true }),
    denials: new Denials(() => true),
    learners: new Learners(),
    tellRefusals: () => {},
    logs,
    asks: new Asks(1, { mayAsk: () => false, answer: () => {}, keep: () => {} }),
    ...more,
  };
  const server = new ControlServer(new ControlSocket(path, false), target, {
    ...CONTROL_TIMES,
    ...times,
  });
  t.after(() => server.close());
  return { path, server, logs, release };
}

async function assertServed(path: string): Promise<void> {
  const client = await rawControl(path);
  client.send(request('well', 'status'));
  const [answer] = await client.answers(1);
  assert.equal(answer?.id, 'well');
  assert.ok(answer.result !== undefined);
  client.socket.destroy();
}

test('requests are answered, however they are cut or joined', async (t) => {
  const { path } = serve(t);
  const client = await rawControl(path);
  for (const character of request(1, 'supervisor')) client.send(character);
  client.send(request(2, 'status') + request(3, 'nope') + request(4, 'status', { x: 1 }));
  const answers = await client.answers(4);
  const codes = new Map(answers.map(({ id, error }) => [id, error?.code]));
  assert.deepEqual(
    [1, 2, 3, 4].map((id) => codes.get(id)),
    [undefined, undefined, -32601, -32602],
  );
  client.socket.destroy();
});

test('a line that is too long, or never ends, ends its client with an error, and no other', async (t) => {
  const { path } = serve(t);
  const other = await rawControl(path);
  const client = await rawControl(path);
  client.send('x'.repeat(CONTROL_LINE_BYTES + 1));
  const [answer] = await client.answers(1);
  assert.equal(answer?.error?.code, -32600);
  assert.match(answer.error.message, /at most 65536 bytes/);
  await client.closed;
  other.send(request(1, 'status'));
  assert.equal((await other.answers(1))[0]?.id, 1);
  other.socket.destroy();
});

// proves: control: a client that sends a byte now and then is not waited for
test('a line that has no end in time ends its client with an error, although bytes still come', async (t) => {
  const { path } = serve(t, {}, false, { lineMs: 500 });
  const client = await rawControl(path);
  const begun = performance.now();
  client.send('{"jsonrpc":');
  const drip = setInterval(() => client.send(' '), 50);
  t.after(() => clearInterval(drip));
  const [answer] = await client.answers(1);
  assert.match(answer?.error?.message ?? '', /no end/);
  await client.closed;
  assert.ok(performance.now() - begun >= 450);
  await assertServed(path);
});

test('the time of a line ends with the line: a client that is quiet between its lines stays', async (t) => {
  const { path } = serve(t, {}, false, { lineMs: 300 });
  const client = await rawControl(path);
  for (let id = 1; id <= 3; id += 1) {
    client.send(request(id, 'status').slice(0, 20));
    client.send(request(id, 'status').slice(20));
    await client.answers(id);
    await new Promise((resolve) => setTimeout(resolve, 600));
  }
  assert.equal(client.socket.closed, false);
  client.socket.destroy();
});

// proves: control: a client that reads nothing is disconnected
test('a client that reads none of its answers in time is disconnected, and one that reads is not', async (t) => {
  const { path, logs } = serve(t, {}, false, { stuckMs: 500 });
  const [silent, reading] = [await rawControl(path), await rawControl(path)];
  for (const client of [silent, reading]) client.send(request(1, 'watch', { method: 'logs' }));
  await silent.answers(1);
  await reading.answers(1);
  silent.socket.pause();
  const line = 'x'.repeat(8_000);
  const begun = performance.now();
  // What the kernel keeps for a client is filled first.
  const fill = setInterval(() => {
    for (let count = 0; count < 20; count += 1) logs.take('a', 'stdout', line);
  }, 5);
  t.after(() => clearInterval(fill));
  // Its own end shows only when it reads: what is written to a closed connection fails.
  await until(() => {
    silent.socket.write(' ');
    return silent.socket.closed ? true : undefined;
  });
  assert.ok(performance.now() - begun >= 450);
  // To parse the lines so far would hold up this process, and with it the server that waits for its clients to read.
  const seen = reading.socket.bytesRead;
  await until(() => (reading.socket.bytesRead > seen ? true : undefined));
  assert.equal(reading.socket.closed, false);
  reading.socket.destroy();
});

// proves: control: a client that never reads is not kept for
test('a client that never reads holds up nobody, and little is kept for it', async (t) => {
  const { path, logs } = serve(t);
  const client = await rawControl(path);
  client.socket.pause();
  client.send(request(1, 'watch', { method: 'logs' }));
  await until(() => (client.socket.bytesWritten > 0 ? true : undefined));
  await assertServed(path);
  const before = process.memoryUsage().rss;
  const line = 'x'.repeat(8_000);
  for (let round = 0; round < 40; round += 1) {
    for (let written = 0; written < 500; written += 1) logs.take('a', 'stdout', line);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const grown = process.memoryUsage().rss - before;
  assert.ok(grown < 80 * 1024 * 1024, `${grown} bytes more for 160 MB of lines`);
  await assertServed(path);
  client.socket.resume();
  const missed = await until(() => {
    logs.take('a', 'stdout', 'later');
    return client.lines().find(({ params }) => Number(params?.['missed']) > 0);
  });
  assert.ok(Number(missed.params?.['missed']) > 1_000);
  client.socket.destroy();
});

test('a client that asks without reading is not read any more, and gets every answer once it reads', async (t) => {
  const { path } = serve(t);
  const client = await rawControl(path);
  client.socket.pause();
  const asked = 20_000;
  for (let id = 0; id < asked; id += 1) client.send(request(id, 'supervisor'));
  await assertServed(path);
  client.socket.resume();
  const answers = await client.answers(asked);
  assert.equal(new Set(answers.map(({ id }) => id)).size, asked);
  client.socket.destroy();
});

test('a half-closed client gets the answers to all that it has sent, and then the end', async (t) => {
  const { path, release } = serve(t, {}, true);
  const client = await rawControl(path);
  for (let id = 0; id < 40; id += 1) client.send(request(id, 'status'));
  // It is read when the end has come: such a watch is told what is now.
  client.send(request(40, 'watch', { method: 'logs', params: { lines: 5 } }));
  client.socket.end();
  await assertAlive(path);
  assert.equal(client.lines().length, 0);
  release();
  assert.equal((await client.answers(41)).length, 41);
  await client.closed;
});

async function assertAlive(path: string): Promise<void> {
  const client = await rawControl(path);
  client.send(request(1, 'supervisor'));
  await client.answers(1);
  client.socket.destroy();
}

test('an idle client makes room for a further one, and a busy one does not', async (t) => {
  const { path } = serve(t);
  const busy = await rawControl(path);
  busy.send(request(1, 'watch', { method: 'logs' }));
  await busy.answers(1);
  const idle = [];
  for (let count = 1; count < CONTROL_CLIENTS; count += 1) idle.push(await rawControl(path));
  await assertServed(path);
  const [first] = idle;
  await first?.closed;
  assert.match(first?.lines()[0]?.error?.message ?? '', /took the place/);
  assert.equal(busy.socket.closed, false);
  for (const client of [busy, ...idle]) client.socket.destroy();
});

test('beyond the number of busy clients a further one is turned away with the reason', async (t) => {
  const { path } = serve(t);
  const busy = [];
  for (let count = 0; count < CONTROL_CLIENTS; count += 1) {
    const client = await rawControl(path);
    client.send(request(1, 'watch', { method: 'logs' }));
    await client.answers(1);
    busy.push(client);
  }
  const late = await rawControl(path);
  assert.match((await late.answers(1))[0]?.error?.message ?? '', /64 clients already/);
  await late.closed;
  busy[0]?.socket.destroy();
  await until(async () => {
    const again = await rawControl(path);
    again.send(request(1, 'supervisor'));
    await until(() => again.lines()[0] ?? (again.socket.closed ? {} : undefined));
    again.socket.destroy();
    return again.lines()[0]?.result;
  });
  for (const client of busy) client.socket.destroy();
});

test('a peer that may not ask hears why, and its request does nothing', async (t) => {
  let asked = 0;
  const { path } = serve(t, {
    isOwn: (pid) => pid === process.pid,
    describe: () => {
      asked += 1;
      return { version: '', pid: 0, config: null, since: '' };
    },
  });
  const client = await rawControl(path);
  client.send(request(1, 'supervisor'));
  assert.match((await client.answers(1))[0]?.error?.message ?? '', /No process of postern may ask/);
  await client.closed;
  assert.equal(asked, 0);
});

const ASKS = `
import socket, sys
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
client.sendall(b'{"jsonrpc":"2.0","id":1,"method":"status"}\\n')
lines = client.makefile()
lines.readline()
print(lines.readline())
`;

/** A process that asks for the status. @param through a command that starts it @returns the answer */
async function askedBy(through: readonly string[], path: string): Promise<Answer> {
  const [command = '', ...words] = [...through, 'python3', '-c', ASKS, path];
  const { stdout } = await promisify(execFile)(command, words);
  return JSON.parse(stdout) as Answer;
}

// proves: control: no process of another pid namespace commands anything
test('a process of the same user in a pid namespace below, as every plugin is, gets no answer', async (t) => {
  const { path } = serve(t);
  const near = await askedBy([], path);
  assert.ok(near.result !== undefined, JSON.stringify(near));
  const below = await askedBy(['unshare', '--user', '--pid', '--fork'], path);
  assert.match(below.error?.message ?? '', /Only processes of the supervisor's own pid namespace may ask/);
  assert.equal(below.result, undefined);
});

test('watch tells a state again and again, and events as they come, until unwatch', async (t) => {
  const { path, logs } = serve(t);
  const client = await rawControl(path);
  logs.take('a', 'stdout', 'before');
  client.send(request(1, 'watch', { method: 'status', interval_ms: 250 }));
  client.send(request(2, 'watch', { method: 'logs', params: { lines: 5 } }));
  await client.answers(2);
  logs.take('a', 'stdout', 'after');
  const found = await until(() => {
    const lines = client.lines();
    const states = lines.filter(({ params }) => params?.['state'] !== undefined);
    const events = lines.flatMap(({ params }) => params?.['event'] ?? []);
    return states.length >= 2 && events.length > 0 ? { lines, events } : undefined;
  });
  assert.deepEqual(
    found.events.map((event) => (event as { text: string }).text),
    ['after'],
  );
  const begun = found.lines.find(({ id }) => id === 2)?.result as {
    watch: number;
    now: { lines: { text: string }[] };
  };
  assert.deepEqual(
    begun.now.lines.map(({ text }) => text),
    ['before'],
  );
  client.send(request(3, 'unwatch', { watch: begun.watch }));
  await until(() => client.lines().find(({ id }) => id === 3));
  logs.take('a', 'stdout', 'too late');
  client.send(request(4, 'supervisor'));
  await until(() => client.lines().find(({ id }) => id === 4));
  assert.doesNotMatch(JSON.stringify(client.lines()), /too late/);
  for (const params of [{ method: 'explain' }, { method: 'nope' }, { method: 'status', params: { x: 1 } }])
    client.send(request(`bad ${JSON.stringify(params)}`, 'watch', params));
  await until(() => client.lines().filter(({ error }) => error?.code === -32602).length === 3 || undefined);
  client.socket.destroy();
});

test('at the end each client gets the answers under way, and no descriptor stays', async (t) => {
  const before = readdirSync('/proc/self/fd').length;
  const { path, server } = serve(t);
  const client = await rawControl(path);
  client.send(request(1, 'status'));
  await client.answers(1);
  const idle = await rawControl(path);
  const closing = server.close();
  await Promise.all([client.closed, idle.closed]);
  await closing;
  await assert.rejects(rawControl(path), /ENOENT|closed/);
  await until(() => readdirSync('/proc/self/fd').length === before || undefined);
});
