// proves: G16
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bundlePath } from '../../shared/bundles.js';
import { limitsOf } from '../../shared/config/limit-forms.js';
import type { BrokerLine } from '../../shared/protocol/link.js';
import { packetSocketPair } from '../../shared/sys/socket.js';
import { listen } from '../harness/listener.js';
import { PATIENCE } from '../harness/patience.js';
import { ofThreads } from '../harness/processes.js';
import { underPrograms } from './own-programs.js';
import { startBroker } from './start-broker.js';
import { openSocket, readUntilEnd } from './use-socket.js';

const isRoot = process.geteuid?.() === 0;
const UID = 64_321;
const GID = 64_322;
/** Of a broker with a line out of turn. */
const EXIT_BUG = 70;

const field = (status: string, name: string): string =>
  new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*$`, 'm').exec(status)?.[1] ?? '?';

test('as root the broker takes its ids in every thread, keeps no capability, and still connects', {
  skip: isRoot ? false : 'needs root',
}, async () => {
  const server = await listen((socket) => socket.end('hello'));
  const broker = await startBroker({ becomeIds: { uid: UID, gid: GID } });
  for (const status of ofThreads(broker.pid, 'status')) {
    assert.equal(field(status, 'Uid'), Array(4).fill(UID).join('\t'));
    assert.equal(field(status, 'Gid'), Array(4).fill(GID).join('\t'));
    assert.equal(field(status, 'Groups'), '');
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) assert.match(field(status, set), /^0+$/);
  }
  assert.equal(field(readFileSync(`/proc/${broker.pid}/status`, 'latin1'), 'NoNewPrivs'), '1');
  await broker.plugin('p', { allow: [`127.0.0.1:${server.port}`] });
  const channel = await broker.channel('p');
  const { descriptor } = await channel.connect('127.0.0.1', server.port);
  assert.equal(await readUntilEnd(openSocket(descriptor)), 'hello');
  assert.equal(await broker.stop(), 0);
  await server.close();
});

test('the broker takes its ids, and keeps no way back, where Node refuses to change them for io_uring', {
  skip: isRoot ? false : 'needs root',
}, async () => {
  const broker = await startBroker(
    { becomeIds: { uid: UID, gid: GID } },
    { options: ['--import', new URL('id-refuser.js', import.meta.url).href] },
  );
  assert.deepEqual(
    broker.lines.filter(({ type }) => type === 'failed'),
    [],
  );
  const status = readFileSync(`/proc/${broker.pid}/status`, 'latin1');
  assert.equal(field(status, 'Uid'), Array(4).fill(UID).join('\t'));
  assert.equal(await broker.stop(), 0);
});

test('a broker that cannot read its own files any more knows the names under which anyone can register', {
  skip: isRoot ? false : 'needs root',
}, async () => {
  const broker = await startBroker(
    { becomeIds: { uid: UID, gid: GID } },
    { under: underPrograms((folder) => chmodSync(folder, 0o700)) },
  );
  const answers = [];
  for (const allow of ['*.example.com', '*.com', '*.co.uk', '*.example.co.uk'])
    answers.push((await broker.plugin('p', { allow: [allow] }))?.type);
  assert.deepEqual(answers, ['plugin_ready', 'plugin_refused', 'plugin_refused', 'plugin_ready']);
  assert.equal(await broker.stop(), 0);
});

test('a broker that cannot take on its ids says so, and serves nothing', {
  skip: isRoot ? false : 'needs root',
}, async () => {
  const broker = await startBroker({ becomeIds: { uid: 0, gid: 0 } });
  const failed = broker.lines.find(
    (line): line is Extract<BrokerLine, { type: 'failed' }> => line.type === 'failed',
  );
  assert.match(failed?.message ?? '', /^Cannot give up the broker's privileges: CapPrm of a thread is/);
  assert.match(failed?.fix ?? '', /ordinary user/);
  assert.equal(await broker.stop(), 1);
});

// proves: broker: it ends with its supervisor's link
test('the broker ends when the line stream ends', async () => {
  const broker = await startBroker();
  assert.equal(await broker.stop(), 0);
});

test('the broker writes its accounts before it ends', async () => {
  const broker = await startBroker();
  await broker.plugin('p', { allow: [] });
  const channel = await broker.channel('p');
  await channel.refusal('example.com', 443);
  await broker.stop();
  assert.equal(broker.events.length, 1);
});

// proves: broker: it ends with the supervisor
test('the broker dies with a parent that is killed, though it does not come to look', async () => {
  const module = fileURLToPath(new URL('./start-broker.js', import.meta.url));
  const code = `import { startBroker } from ${JSON.stringify(module)};
    const broker = await startBroker(); process.stdout.write(broker.pid + '\\n');`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(String(line));
  assert.ok(existsSync(`/proc/${pid}`));
  process.kill(pid, 'SIGSTOP');
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  const gone = (): boolean => {
    try {
      return /^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
    } catch {
      return true;
    }
  };
  for (let left = 200 * PATIENCE; !gone() && left > 0; left -= 1)
    await new Promise((next) => setTimeout(next, 10));
  const died = gone();
  if (!died) process.kill(pid, 'SIGKILL');
  assert.ok(died);
});

test('a malformed line ends the broker with status 70 and one line on stderr', async () => {
  const main = bundlePath('broker');
  const [ours, theirs] = packetSocketPair();
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', theirs.number, 'pipe'],
  });
  const streams: readonly unknown[] = child.stdio;
  const lines = streams[3] as NodeJS.WritableStream;
  // It leaves what follows unread.
  lines.on('error', () => {});
  lines.write('{"type":"start","listeners":[]}\nnot JSON\n');
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk;
  });
  const [status] = (await once(child, 'close')) as [number];
  assert.equal(status, 70);
  assert.match(errors, /^postern: [^\n]*JSON[^\n]*\n$/);
  ours.close();
  theirs.close();
});

test("the series of a plugin stand at 0 once it is configured and has their features, under METRICS' names", async (t) => {
  const broker = await startBroker();
  t.after(() => broker.stop());
  await broker.plugin('fresh', {
    allow: ['example.com', 'example.org'],
    deny: ['x.example.com'],
    mode: 'audit',
    limits: { queuedRequests: 0 },
  });
  (await broker.channel('fresh')).close();
  const text = await broker.metrics();
  const expected = [
    'postern_decisions_total{plugin="fresh",decision="allow",reason="rule"} 0',
    'postern_decisions_total{plugin="fresh",decision="deny",reason="address_special"} 0',
    'postern_decisions_total{plugin="fresh",decision="would_deny",reason="no_rule"} 0',
    'postern_connects_total{plugin="fresh",outcome="unreachable"} 0',
    'postern_sockets_passed_total{plugin="fresh",door="channel"} 0',
    'postern_requests_in_flight{plugin="fresh"} 0',
    'postern_requests_queued{plugin="fresh"} 0',
    'postern_limit_rejections_total{plugin="fresh",limit="rate"} 0',
    'postern_protocol_errors_total{plugin="fresh",kind="malformed"} 0',
    'postern_policy_rules{plugin="fresh",list="allow"} 2',
    'postern_policy_rules{plugin="fresh",list="deny"} 1',
    'postern_dns_lookups_total{result="ok"} 0',
    'postern_connect_duration_seconds_count{outcome="connected"} 0',
    'postern_decision_duration_seconds_count 0',
    'postern_dns_lookup_duration_seconds_count 0',
    'postern_audit_events_dropped_total 0',
  ];
  const lines = text.split('\n');
  for (const line of expected) assert.ok(lines.includes(line), line);
  for (const name of text.matchAll(/^# HELP (\S+)/gm)) assert.match(name[1] ?? '', /^postern_/);
});

// proves: a broker without guards serves no second plugin
test('a broker for one plugin has no threads of its own, and ends at a second plugin', async () => {
  const [alone, guarding] = await Promise.all([
    startBroker({ alone: true }, { stderr: openSync('/dev/null', 'w') }),
    startBroker(),
  ]);
  const threads = ({ pid }: { readonly pid: number }): number => readdirSync(`/proc/${pid}/task`).length;
  assert.equal(threads(guarding) - threads(alone), 2);
  assert.equal(await guarding.stop(), 0);
  const echo = await listen((socket) => socket.pipe(socket));
  await alone.plugin('only', { allow: [`127.0.0.1:${echo.port}`] });
  const channel = await alone.channel('only');
  openSocket((await channel.connect('127.0.0.1', echo.port)).descriptor).destroy();
  channel.close();
  await alone.until(() => alone.ended(channel.session));
  alone.send({
    type: 'plugin',
    plugin: 'second',
    allow: [],
    deny: [],
    mode: 'enforce',
    limits: limitsOf({}),
  });
  let status: number | null | undefined;
  void alone.exited().then((exit) => {
    status = exit;
  });
  const serves = ({ lines }: typeof alone): boolean =>
    lines.some((line) => line.type === 'plugin_ready' && line.plugin === 'second');
  await alone.until(() => status !== undefined || serves(alone));
  assert.equal(status, EXIT_BUG);
  await alone.stop();
  await echo.close();
});
