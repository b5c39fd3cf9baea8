// `up` exports its audit events and its metrics to a collector, which decodes them by the official protobuf definitions.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser, inTurn } from '../harness/asked.js';
import { type Listener, listen } from '../harness/listener.js';
import { postern } from '../harness/postern.js';
import { childrenOf, commandOf } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder, users } from '../harness/users.js';
import { attribute, exportScene, makeCertificate, startCollector, TOKEN } from './export-scene.js';

const closing = (): Promise<Listener> => listen((socket) => socket.end());

/** The process that asks the collector, below the supervisor. */
function exporterOf(pid: number): number | undefined {
  for (const child of childrenOf(pid)) {
    const found = exporterOf(child);
    if (found !== undefined) return found;
  }
  return commandOf(pid).includes('run/requester.cjs') ? pid : undefined;
}

/** The command lines and environments of a process and all below it. */
function textsOf(pid: number): string {
  const own = ['cmdline', 'environ'].map((name) => {
    try {
      return readFileSync(`/proc/${pid}/${name}`, 'latin1');
    } catch {
      return '';
    }
  });
  return [...own, ...childrenOf(pid).map(textsOf)].join('\n');
}

for (const user of users) {
  // proves: export: its own connections make nothing to export
  test(`events and metrics arrive over TLS that was verified, and the token goes nowhere else (${user})`, async (t) => {
    const target = await closing();
    t.after(() => target.close());
    const { ca, pem } = makeCertificate();
    const collector = await startCollector(t, pem);
    const otlp = `https://127.0.0.1:${collector.port}/base`;
    const scene = await exportScene(t, user, target.port, {
      otlp,
      ca,
      headers_file: 'headers',
      interval_s: 1,
    });
    await scene.connects(5);
    const decisions = (): number =>
      collector
        .logs()
        .filter(
          ({ eventName, attributes }) =>
            eventName === 'postern.decision' && attribute(attributes, 'postern.plugin') === 'agent',
        ).length;
    await until(() => decisions() >= 5 || undefined, 30_000);
    await until(() => collector.metric('postern_connects_total'), 30_000);
    const [request] = collector.heard();
    assert.deepEqual([request?.authorization, request?.type], [`Bearer ${TOKEN}`, 'application/json']);
    assert.deepEqual([...new Set(collector.heard().map(({ path }) => path))].sort(), [
      '/base/v1/logs',
      '/base/v1/metrics',
    ]);
    const [log] = collector.logs().filter(({ eventName }) => eventName === 'postern.decision');
    assert.equal(attribute(log?.attributes, 'destination.address'), '127.0.0.1');
    assert.equal(attribute(log?.attributes, 'destination.port'), String(target.port));
    const connected = (): number | undefined =>
      collector
        .metric('postern_connects_total')
        ?.sum?.dataPoints.find(
          ({ attributes }) =>
            attribute(attributes, 'plugin') === 'agent' && attribute(attributes, 'outcome') === 'connected',
        )?.asDouble;
    await until(() => connected() === 5 || undefined, 30_000);
    // Its own connections are in the file, and not in what they carry.
    assert.match(scene.audit(), /"event":"decision",[^\n]*"plugin":"export\.otlp"/);
    assert.ok(
      collector.logs().every(({ attributes }) => attribute(attributes, 'postern.plugin') !== 'export.otlp'),
    );
    const page = await scene.page();
    assert.match(page, /^postern_export_up 1$/m);
    assert.match(page, /^postern_export_events_total\{result="exported"\} \d+$/m);
    assert.match(page, /^postern_export_last_success_timestamp_seconds\{signal="metrics"\} \d/m);
    const { export: facts } = await scene.status();
    assert.deepEqual([facts.to, facts.problem, facts.missing], [`127.0.0.1:${collector.port}`, null, 0]);
    const everywhere = [
      textsOf(scene.child.pid ?? 0),
      scene.said(),
      scene.audit(),
      page,
      JSON.stringify(facts),
    ].join('\n');
    assert.ok(everywhere.includes('requester.cjs'));
    assert.ok(!everywhere.includes(TOKEN));
    assert.ok(!JSON.stringify(collector.heard().map(({ request: body }) => body)).includes(TOKEN));
    assert.equal(await scene.stop(), 0);
    // What the end of the plugin made is exported too.
    const ended = collector
      .logs()
      .filter(
        ({ eventName, attributes }) =>
          eventName === 'postern.closed' && attribute(attributes, 'postern.plugin') === 'agent',
      );
    const inFile = (event: string): number =>
      scene
        .audit()
        .split('\n')
        .filter((line) => line.startsWith(`{"event":"${event}"`) && line.includes('"plugin":"agent"')).length;
    assert.deepEqual([decisions(), ended.length], [inFile('decision'), inFile('closed')]);
    assert.equal(inFile('closed'), 5);
  });

  if (inTurn(user, 0))
    test(`a collector whose certificate is not trusted, and a redirect, get nothing (${user})`, async (t) => {
      const [target, elsewhere] = await Promise.all([closing(), closing()]);
      t.after(() => Promise.all([target.close(), elsewhere.close()]));
      const { pem } = makeCertificate();
      const collector = await startCollector(t, pem);
      const otlp = `https://127.0.0.1:${collector.port}`;
      const scene = await exportScene(t, user, target.port, { otlp, headers_file: 'headers', interval_s: 1 });
      await scene.says('the export of metrics fails: ');
      assert.match(scene.stderr(), /the export of metrics fails: (?:self-signed|unable to)/);
      assert.deepEqual(collector.heard(), []);
      const plain = await startCollector(t);
      plain.answer({
        status: 307,
        headers: { location: `http://127.0.0.1:${elsewhere.port}/v1/logs` },
        body: '',
      });
      await scene.reload({ otlp: `http://127.0.0.1:${plain.port}` });
      await until(() => plain.heard().length > 1 || undefined, 30_000);
      assert.match((await scene.status()).export.problem ?? '', /status 307/);
      assert.equal(await elsewhere.allConnections(), 0);
      assert.equal(await scene.stop(), 0);
    });

  if (inTurn(user, 1))
    test(`a reload brings another collector and another token, and the former one hears no more (${user})`, async (t) => {
      const target = await closing();
      t.after(() => target.close());
      const [one, other] = await Promise.all([startCollector(t), startCollector(t)]);
      const at = (port: number): string => `http://127.0.0.1:${port}`;
      const scene = await exportScene(t, user, target.port, {
        otlp: at(one.port),
        headers_file: 'headers',
        interval_s: 1,
      });
      await until(() => one.heard().length > 0 || undefined, 30_000);
      writeFileSync(join(scene.folder, 'headers'), 'Authorization: Bearer another-token\n');
      await scene.reload({ otlp: at(other.port) });
      const heard = one.heard().length;
      await scene.connects(3);
      await until(
        () =>
          other.logs().filter(({ eventName }) => eventName === 'postern.decision').length === 3 || undefined,
        30_000,
      );
      assert.equal(other.heard()[0]?.authorization, 'Bearer another-token');
      assert.equal(one.heard().length, heard);
      // A file that every user may read is refused, and changes nothing.
      chmodSync(join(scene.folder, 'headers'), 0o644);
      scene.child.kill('SIGHUP');
      await scene.says('the former configuration stays');
      assert.match(
        scene.stderr(),
        /export\.headers_file: Cannot use the headers of the export: every user may read/,
      );
      await scene.reload({ headers_file: undefined, otlp: at(one.port) });
      await until(() => one.heard().at(-1)?.authorization === null || undefined, 30_000);
      assert.equal(await scene.stop(), 0);
    });

  if (inTurn(user, 2))
    test(`the process of the export dies, another one takes its place, and no event is missing (${user})`, async (t) => {
      const target = await closing();
      t.after(() => target.close());
      const collector = await startCollector(t);
      const scene = await exportScene(t, user, target.port, {
        otlp: `http://127.0.0.1:${collector.port}`,
        interval_s: 1,
      });
      const exporter = await until(() => exporterOf(scene.child.pid ?? 0), 30_000);
      process.kill(exporter, 'SIGKILL');
      await scene.says('the process of the export has ended; another one starts with the next batch');
      await scene.connects(4);
      await until(
        () =>
          collector.logs().filter(({ eventName }) => eventName === 'postern.decision').length === 4 ||
          undefined,
        30_000,
      );
      assert.notEqual(exporterOf(scene.child.pid ?? 0), exporter);
      assert.equal(await scene.stop(), 0);
    });
}

for (const user of anyUser) {
  test(`a collector that is down or silent makes no connect wait, and gets the events when it is back (${user})`, async (t) => {
    const target = await closing();
    t.after(() => target.close());
    const collector = await startCollector(t);
    collector.answer({ status: 200, silent: true });
    const scene = await exportScene(t, user, target.port, {
      otlp: `http://127.0.0.1:${collector.port}`,
      interval_s: 1,
      signals: ['logs'],
    });
    await scene.connects(1);
    await until(() => collector.heard().length > 0 || undefined, 30_000);
    // The collector has the request, and gives no answer meanwhile.
    await scene.connects(301);
    assert.equal(await target.allConnections(), 301);
    collector.close();
    await scene.says('the export of logs fails: ');
    await scene.connects(401);
    assert.equal(await target.allConnections(), 401);
    assert.equal((await scene.status()).export.exported, 0);
    assert.match(await scene.page(), /^postern_export_up 0$/m);
    const again = await startCollector(t, undefined, collector.port);
    await scene.says('the export of logs works again');
    await until(
      () =>
        again.logs().filter(({ eventName }) => eventName === 'postern.decision').length === 401 || undefined,
      60_000,
    );
    assert.equal((await scene.status()).export.missing, 0);
    assert.equal(await scene.stop(), 0);
  });

  test(`what a collector refuses is counted and told, in its log too (${user})`, async (t) => {
    const target = await closing();
    t.after(() => target.close());
    const collector = await startCollector(t);
    collector.answer({ status: 400, body: `no, Bearer ${TOKEN}` });
    const scene = await exportScene(t, user, target.port, {
      otlp: `http://127.0.0.1:${collector.port}`,
      headers_file: 'headers',
      interval_s: 1,
      signals: ['logs'],
    });
    await scene.connects(3);
    await scene.says('the export of logs fails: the collector answered with status 400');
    await until(async () => (await scene.status()).export.missing >= 3 || undefined, 30_000);
    collector.answer({ status: 200 });
    await scene.connects(4);
    const gap = await until(
      () => collector.logs().find(({ eventName }) => eventName === 'postern.gap'),
      60_000,
    );
    assert.ok(Number(attribute(gap.attributes, 'postern.events')) >= 3);
    const page = await scene.page();
    assert.match(page, /^postern_export_events_total\{result="dropped"\} [3-9]/m);
    assert.match(page, /^postern_export_batches_total\{signal="logs",result="failed"\} [1-9]/m);
    assert.ok(!scene.said().includes(TOKEN));
    assert.equal(await scene.stop(), 0);
  });

  // proves: requests: an answer without an end is not read without end
  test(`a collector that answers garbage, floods, or closes is told once, and gets all when it is well (${user})`, async (t) => {
    const target = await closing();
    t.after(() => target.close());
    const collector = await startCollector(t);
    collector.answer({ status: 200, body: '<html>Log in</html>' });
    const scene = await exportScene(t, user, target.port, {
      otlp: `http://127.0.0.1:${collector.port}`,
      interval_s: 1,
      signals: ['logs'],
    });
    await scene.connects(2);
    const problem = async (pattern: RegExp): Promise<void> => {
      await until(async () => pattern.test((await scene.status()).export.problem ?? '') || undefined, 90_000);
    };
    await problem(/what answered is no collector/);
    collector.answer({ status: 200, flood: true });
    await problem(/the answer has more than 64 KiB/);
    collector.answer({ status: 200, close: true });
    await problem(/socket hang up/);
    collector.answer({ status: 200 });
    await scene.says('the export of logs works again');
    await until(
      () =>
        collector.logs().filter(({ eventName }) => eventName === 'postern.decision').length === 2 ||
        undefined,
      30_000,
    );
    assert.equal(scene.stderr().split('the export of logs fails').length, 2);
    assert.equal(await scene.stop(), 0);
  });

  // proves: export: headers are not sent in the clear
  // proves: export: no plugin writes what it trusts and sends
  // proves: export: no plugin sees the headers
  test(`check names the mistakes of export, and a plugin that could see or write what it reads (${user})`, async () => {
    const [cwd, kept] = [readableFolder(), readableFolder()];
    const headers = join(kept, 'headers');
    writeFileSync(headers, `Authorization: Bearer ${TOKEN}\n`);
    chmodSync(headers, 0o600);
    const { ca } = makeCertificate();
    for (const path of [cwd, kept, headers]) chownTo(user, path);
    const check = async (exported: object, plugin: object = {}): Promise<string> => {
      const plugins = { agent: { command: ['sleep', '1'], ...plugin } };
      writeFileSync(join(cwd, 'postern.yaml'), JSON.stringify({ export: exported, plugins }));
      const { stdout } = await postern(['check'], { as: user, cwd });
      assert.ok(!stdout.includes(TOKEN));
      return stdout;
    };
    const otlp = 'https://otel.example.com:4318';
    assert.match(await check({ otlp, headers_file: headers, ca }), /: 1 plugin, 0 rules, 0 warnings/);
    assert.match(await check({ otlp: 'http://127.0.0.1:4318', headers_file: headers }), /0 warnings/);
    const clear = /export\.otlp: the headers of headers_file would go out in the clear/;
    assert.match(await check({ otlp: 'http://otel.example.com', headers_file: headers }), clear);
    assert.match(await check({ otlp: 'http://localhost:4318', headers_file: headers }), clear);
    for (const bad of ['ftp://otel.example.com', 'https://a:b@otel.example.com', `${otlp}/?token=x`])
      assert.match(await check({ otlp: bad }), /export\.otlp: not a URL of a collector/);
    assert.match(
      await check({ otlp, addresses: ['example.com'] }),
      /export\.addresses\[0\]: "example\.com" is no address/,
    );
    assert.match(await check({ otlp, headers_file: 'missing' }), /export\.headers_file: .* is no file/);
    assert.match(
      await check({ otlp, headers_file: headers }, { filesystem: { visible: [kept] } }),
      /export\.headers_file: "agent" would see the secret in "/,
    );
    assert.match(await check({ otlp, ca }, { filesystem: { writable: [join(ca, '..')] } }), /ca\.pem/);
  });
}
