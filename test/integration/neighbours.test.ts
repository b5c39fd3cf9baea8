// proves: G8
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { freePort } from '../harness/free-port.js';
import { startPostern } from '../harness/postern.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { until } from '../harness/until.js';
import { readableFolder, type User, users } from '../harness/users.js';
import { Ports } from '../interop/side-by-side.js';

const MOST_P99_MS = 50;
const SECONDS_EACH = 0.7;
const NAMES = [
  ...['descriptors', 'processes', 'memory', 'disk', 'log', 'audit', 'connections', 'queue', 'questions'],
  'in_flight',
];
const program = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
const LIMITS = {
  ...{ descriptors: 64, processes: 12, memory_mib: 256, tmp_mib: 16, log_lines_per_second: 50 },
  ...{ connections: 8, concurrent_requests: 4, queued_requests: 4, questions_per_second: 20 },
};

let ports: Ports;
before(async () => {
  ports = await Ports.start();
});
after(() => ports.close());

const percentile = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? Number.NaN;

interface Observed {
  /** For each limit: how often it refused, and the neighbour's connects at that time. */
  readonly limits: readonly {
    readonly name: string;
    readonly refusals: number;
    readonly connects: number;
    readonly p99: number;
    /** How many milliseconds too late a sleep of the neighbour ended. */
    readonly late99: number;
  }[];
  readonly page: string;
}

/** @param seconds for each limit */
async function observe(user: User, seconds: number): Promise<Observed> {
  const port = await freePort();
  const python = (text: string, ...words: readonly (string | number)[]): readonly string[] => [
    ...['/usr/bin/python3', '-c', text],
    ...words.map(String),
  ];
  const allow = [`127.0.0.1:${ports.open.port},${ports.full}`];
  const greedy = python(PYTHON_CHANNEL + program('./greedy.py'), ports.open.port, ports.full, seconds);
  const config = join(readableFolder(), 'postern.yaml');
  writeFileSync(
    config,
    JSON.stringify({
      metrics: `127.0.0.1:${port}`,
      audit: '/dev/null',
      plugins: {
        beside: { command: python(program('./beside.py'), ports.open.port), allow },
        greedy: { command: greedy, allow, limits: LIMITS, after: ['beside'] },
      },
    }),
  );
  const { child, result, stderr } = startPostern(['up', '--config', config], {
    as: user,
    timeoutMs: 180_000,
  });
  await until(() => stderr().includes('postern: greedy: ended') || undefined, 150_000).catch(() => {
    child.kill('SIGKILL');
    assert.fail(stderr().slice(-1000));
  });
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  child.kill('SIGTERM');
  const { stdout } = await result;
  const times = [...stdout.matchAll(/^beside \| (\[.*\])$/gm)].flatMap(
    ([, json = '']) => JSON.parse(json) as [number, number, number][],
  );
  const limits = NAMES.map((name) => {
    const line = new RegExp(`^greedy \\| ${name} (\\S+) (\\S+) (\\d+)$`, 'm').exec(stderr());
    assert.ok(line, `${name} has no line: ${stderr().slice(-1000)}`);
    const [begin = 0, end = 0, refusals = 0] = line.slice(1).map(Number);
    const during = times.filter(([at]) => at >= begin && at < end);
    return {
      name,
      refusals,
      connects: during.length,
      p99: percentile(during.map(([, milliseconds]) => milliseconds)),
      late99: percentile(during.map(([, , milliseconds]) => milliseconds)),
    };
  });
  return { limits, page };
}

/** On a busy machine every sleep and every connect takes longer. */
const disturbed = ({ limits }: Observed): Observed['limits'] =>
  limits.filter(({ connects, p99, late99 }) => connects < 20 || p99 >= MOST_P99_MS + 3 * late99);

for (const user of users) {
  test(`while one plugin is at each of its limits in turn, its neighbour connects as before (${user})`, async (t) => {
    let observed = await observe(user, SECONDS_EACH);
    let delayed = disturbed(observed);
    // What delays a neighbour does so every time. On a busy machine the neighbour needs longer for as many connects.
    for (let again = 1; again < 6 && delayed.length > 0; again += 1) {
      observed = await observe(user, Math.min(2 ** again, 4) * SECONDS_EACH);
      const before = new Set(delayed.map(({ name }) => name));
      delayed = disturbed(observed).filter(({ name }) => before.has(name));
    }
    const { limits, page } = observed;
    for (const { name, refusals, connects, p99 } of limits) {
      t.diagnostic(`${name}: ${connects} connects, p99 ${p99.toFixed(1)} ms, ${refusals} refusals`);
      assert.ok(refusals > 0, `${name} was not at its limit`);
    }
    assert.deepEqual(delayed, []);
    for (const limit of ['log_rate', 'connections', 'queue', 'dns_rate'])
      assert.match(
        page,
        new RegExp(`^postern_limit_rejections_total\\{plugin="greedy",limit="${limit}"\\} [1-9]`, 'm'),
      );
    assert.doesNotMatch(page, /^postern_limit_rejections_total\{plugin="beside",limit="[a-z_]+"\} [1-9]/m);
  });
}
