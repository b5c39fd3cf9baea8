// A real Prometheus with the shipped rules reads a running postern. Each fault is made, its alert fires, and no other one ever does; every query of
// the dashboard has data. Of the rules, a minute lasts seconds: the waits of a day would else be those of this test.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ROWS } from '../../deploy/grafana/dashboard.js';
import { startNameServer } from '../broker/name-server.js';
import { TOP } from '../docs/page.js';
import { anyUser } from '../harness/asked.js';
import { freePort } from '../harness/free-port.js';
import { listen } from '../harness/listener.js';
import { ownFolder } from '../harness/own-folder.js';
import { PATIENCE } from '../harness/patience.js';
import { type RunningPostern, startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder, type User } from '../harness/users.js';
import { type PolicyScene, policyScene, policyServer, serves, signed } from '../integration/policy-scene.js';

const PLUGIN = fileURLToPath(new URL('./faulty-plugin.py', import.meta.url));
/** What a minute of the rules lasts here, in seconds. A slow machine scrapes less often. */
const MINUTE = Math.min(8, Math.max(2, Math.round(PATIENCE / 3)));
const SCRAPE_MS = MINUTE * 250;
/** What an hour of the rules lasts here, in seconds. What is looked at each second is not old by then. */
const HOUR = MINUTE * 6;
const ALERT_MS = 20_000;

/** Labels of a series, without its name. */
type Labels = Readonly<Record<string, string>>;

interface Prometheus {
  /** @returns the labels of each series of the answer */
  readonly query: (expr: string) => Promise<readonly Labels[]>;
  /** Every alert that has fired so far, with its plugin and limit, sorted. */
  readonly fired: () => Promise<readonly string[]>;
}

async function startPrometheus(t: TestContext, targets: readonly number[]): Promise<Prometheus> {
  const folder = readableFolder();
  const shipped = (name: string): string => readFileSync(join(TOP, 'deploy/prometheus', name), 'utf8');
  const milliseconds = (minutes: string): string => `${Math.round(Number(minutes) * MINUTE * 1_000)}ms`;
  writeFileSync(
    join(folder, 'postern.rules.yml'),
    shipped('postern.rules.yml')
      .replace(
        /(\[|for: |offset )(\d+)m/g,
        (_, before: string, minutes: string) => before + milliseconds(minutes),
      )
      .replace('> 60 * 60', `> ${HOUR}`),
  );
  writeFileSync(
    join(folder, 'prometheus.yml'),
    shipped('prometheus.yml')
      .replaceAll('15s', `${SCRAPE_MS}ms`)
      .replaceAll('"127.0.0.1:9464"', targets.map((port) => `"127.0.0.1:${port}"`).join()),
  );
  const port = await freePort();
  const child = spawn(
    'prometheus',
    [
      ...['--config.file=prometheus.yml', '--storage.tsdb.path=data', '--log.level=error'],
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  t.after(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit').then(() => assert.fail('Prometheus has ended'));
  const query = async (expr: string): Promise<readonly Labels[]> => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query`, {
      method: 'POST',
      body: new URLSearchParams({ query: expr }),
    });
    const { status, error, data } = (await answer.json()) as {
      status: string;
      error?: string;
      data?: { result: { metric: Labels }[] };
    };
    assert.equal(status, 'success', `${expr}: ${error}`);
    return (data?.result ?? []).map(({ metric }) => metric);
  };
  await Promise.race([ended, until(() => query('vector(1)').catch(() => undefined), 30_000)]);
  ended.catch(() => {});
  const fired = async (): Promise<readonly string[]> => {
    const all = await query('count_over_time(ALERTS{alertstate="firing"}[1d])');
    const names = all.map(({ alertname, plugin = '', limit = '' }) =>
      `${alertname} ${plugin} ${limit}`.trim(),
    );
    return [...new Set(names)].sort();
  };
  return { query, fired };
}

interface Scene extends RunningPostern {
  readonly pid: number;
  readonly config: string;
  /** The folder of the audit log. */
  readonly log: string;
  readonly port: number;
  /** The plugins have their faults from now on. */
  readonly go: () => void;
}

async function startScene(t: TestContext, user: User): Promise<Scene> {
  const echo = await listen((socket) => socket.pipe(socket));
  const closed = await freePort();
  const dns = await startNameServer({
    'well.example.com A': ['127.0.0.1'],
    'broken.example.com A': 'SERVFAIL',
    'broken.example.com AAAA': 'SERVFAIL',
  });
  t.after(async () => {
    dns.close();
    await echo.close();
  });
  const [folder, cue] = [ownFolder(user), readableFolder()];
  const log = join(folder, 'log');
  mkdirSync(log);
  chownTo(user, log);
  const port = await freePort();
  const toEcho = `127.0.0.1:${echo.port}`;
  const plugin = (fault: string, more: object = {}): object => ({
    command: ['/usr/bin/python3', PLUGIN, fault, join(cue, 'go'), String(echo.port), String(closed)],
    cwd: cue,
    filesystem: { visible: [PLUGIN] },
    ...more,
  });
  const config = join(folder, 'postern.yaml');
  writeFileSync(
    config,
    JSON.stringify({
      metrics: `127.0.0.1:${port}`,
      audit: join(log, 'audit.log'),
      dns: [dns.address],
      plugins: {
        well: plugin('well', { allow: ['well.example.com', toEcho], limits: { connections: 10 } }),
        loops: plugin('loops', { restart: { policy: 'on-failure', delay_ms: 100, max_delay_ms: 200 } }),
        failed: plugin('failed'),
        refused: plugin('refused'),
        lookups: plugin('lookups', { allow: ['broken.example.com'] }),
        unheard: plugin('unheard', { allow: [`127.0.0.1:${closed}`] }),
        quota: plugin('quota', { allow: [toEcho], limits: { sent_mib: 1 } }),
        crowds: plugin('crowds', { allow: [toEcho], limits: { connections: 2 } }),
        noisy: plugin('noisy', { allow: [toEcho], limits: { log_lines_per_second: 1 } }),
        asks: plugin('asks', { unknown: 'ask' }),
        gateway: plugin('gateway', {
          allow: ['api.example.com'],
          gateway: { 'api.example.com': { allow: ['GET /'] } },
        }),
      },
    }),
  );
  chownTo(user, config);
  const postern = startPostern(['up', '--config', config], { as: user, timeoutMs: 300_000 });
  t.after(() => postern.child.kill('SIGKILL'));
  const go = (): void => writeFileSync(join(cue, 'go'), '');
  return { ...postern, pid: postern.child.pid ?? 0, config, log, port, go };
}

/** What the faults of the plugins raise. */
const OF_PLUGINS = [
  'PosternAuditGap',
  'PosternConnectsFail unheard',
  'PosternDenialBurst refused',
  'PosternLimitBites crowds connections',
  'PosternLimitBites noisy log_rate',
  'PosternLookupsFail',
  'PosternPluginCrashLoop loops',
  'PosternPluginFailed failed',
  'PosternQuotaNear quota sent',
];
/** What a policy server and a collector raise that fail. */
const FROM_ELSEWHERE = ['PosternExportFails', 'PosternPolicyOld'];
const OF_POSTERN = ['PosternAuditDown', 'PosternBrokerDown', 'PosternBrokerReplaced', 'PosternReloadFailed'];

/** A postern with a signed policy and an export. */
async function startBound(
  t: TestContext,
  user: User,
): Promise<{
  readonly scene: PolicyScene;
  /** Its policy server and its collector serve nothing from now on. A connect would have an alert of its own. */
  readonly fail: () => void;
}> {
  let works = true;
  const server = await policyServer(t);
  const serve = serves(signed('serial: 1\n'), '"1"');
  server.serve = (request, response) =>
    works ? serve(request, response) : void response.writeHead(503).end();
  const collector = createServer((request, response) =>
    request.resume().on('end', () => response.writeHead(works ? 200 : 503).end(works ? '{}' : '')),
  );
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    collector.closeAllConnections();
    collector.close();
  });
  const scene = await policyScene(t, user, server, []);
  const otlp = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  scene.write([], {}, { export: { otlp, interval_s: 1 } });
  const fail = (): void => {
    works = false;
  };
  return { scene, fail };
}

for (const user of anyUser)
  test(`each fault raises its alert and no other one, and every query of the dashboard has data (${user})`, async (t) => {
    const scene = await startScene(t, user);
    const bound = await startBound(t, user);
    const organised = bound.scene.start();
    // One that is not up yet would be down.
    for (const port of [scene.port, bound.scene.metrics])
      await until(() => fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined), 30_000);
    const { query, fired } = await startPrometheus(t, [scene.port, bound.scene.metrics]);
    const raised = async (expected: readonly string[]): Promise<void> => {
      const wanted = [...expected].sort();
      let found: readonly string[] = [];
      await until(async () => {
        found = await fired();
        return wanted.every((name) => found.includes(name)) || undefined;
      }, ALERT_MS).catch(() => {});
      assert.deepEqual(found, wanted, `${organised.stderr()}\n${scene.said().slice(-2_000)}`);
    };

    // Longer than any rule looks back before it fires for what is now.
    const scrapes = Math.ceil((7 * 60) / 15);
    await until(async () => (await query(`count(sum_over_time(up[1d]) > ${scrapes}) == 2`))[0], ALERT_MS);
    await raised([]);

    scene.go();
    await raised(OF_PLUGINS);
    for (const { title, queries } of ROWS.flatMap(({ panels }) => panels))
      for (const { expr } of queries) {
        const filled = expr
          .replaceAll('$__rate_interval', `${SCRAPE_MS * 8}ms`)
          .replaceAll(/\$(?:instance|plugin)/g, '.*');
        await until(async () => (await query(filled))[0]).catch(() =>
          assert.fail(`${title} ${filled}: no data`),
        );
      }

    bound.fail();
    await raised([...OF_PLUGINS, ...FROM_ELSEWHERE]);

    writeFileSync(scene.config, 'plugins: {}');
    scene.child.kill('SIGHUP');
    renameSync(scene.log, `${scene.log}-gone`);
    // No broker lives long enough to serve.
    const killing = setInterval(() => {
      const broker = brokerOf(scene.pid);
      if (broker !== undefined) process.kill(broker, 'SIGKILL');
    }, 20);
    t.after(() => clearInterval(killing));
    await raised([
      ...OF_PLUGINS,
      ...FROM_ELSEWHERE,
      ...OF_POSTERN.filter((name) => name !== 'PosternBrokerReplaced'),
    ]);
    clearInterval(killing);
    await raised([...OF_PLUGINS, ...FROM_ELSEWHERE, ...OF_POSTERN]);

    scene.child.kill('SIGTERM');
    await scene.result;
    const all = [...OF_PLUGINS, ...FROM_ELSEWHERE, ...OF_POSTERN, 'PosternDown'];
    await raised(all);

    await organised.stop();
    rmSync(join(bound.scene.state, 'postern/policy'), { recursive: true });
    await bound.scene.start().next('there is none yet');
    await raised([...all, 'PosternPolicyMissing']);
  });
