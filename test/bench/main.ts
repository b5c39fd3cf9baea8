// npm run bench: what the channel costs, always beside a direct connection in the same run, in turn. Options: --json, --quick.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { benchPolicy } from './policy.js';

const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 2 : 8;
const CONNECTS = quick ? 200 : 1_000;
const BULK_BYTES = quick ? 64 * 1024 * 1024 : 1024 * 1024 * 1024;
const BULK_ROUNDS = quick ? 2 : 10;
const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const top = fileURLToPath(new URL('../../..', import.meta.url));

/** A measured program under command, one line and one answer at a time. */
class Measured {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(command: readonly string[]) {
    const [program = '', ...args] = command;
    this.#child = spawn(program, args, { cwd: top, stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error('No answers');
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async ask<T>(line: string): Promise<T> {
    this.#child.stdin?.write(`${line}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error(`It ended at "${line}"`);
    return JSON.parse(value) as T;
  }

  async line(): Promise<string> {
    return (await this.#answers.next()).value;
  }

  async end(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end('end\n');
    await ended;
  }

  kill(): void {
    this.#child.kill();
  }
}

interface Timing {
  readonly micros: number[];
  readonly seconds: number;
}

const percentile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
};
const median = (values: readonly number[]): number => percentile(values, 0.5);

async function compare(pinned: boolean): Promise<Record<string, number>[]> {
  const pin = pinned ? ['taskset', '-c', '0'] : [];
  const upstream = new Measured([...pin, process.execPath, path('upstream.js')]);
  const port = await upstream.line();
  const client = [process.execPath, path('client.js'), port];
  const direct = new Measured([...pin, ...client]);
  const allow = ['--name', 'bench', '--allow', `127.0.0.1:${port}`];
  const channel = new Measured([
    ...pin,
    process.execPath,
    path('../../sandbox/cli/main.js'),
    'run',
    ...allow,
    '--',
    ...client,
  ]);
  const rows: Record<string, number>[] = [];
  for (const abreast of [1, 64]) {
    const micros = { direct: [] as number[], channel: [] as number[] };
    const rates = { direct: [] as number[], channel: [] as number[] };
    const ratios: number[] = [];
    for (let round = -1; round < ROUNDS; round += 1) {
      const a = await channel.ask<Timing>(`connects ${CONNECTS} ${abreast}`);
      const b = await direct.ask<Timing>(`connects ${CONNECTS} ${abreast}`);
      if (round < 0) continue; // The first round warms both up.
      micros.channel.push(...a.micros);
      micros.direct.push(...b.micros);
      rates.channel.push(a.micros.length / a.seconds);
      rates.direct.push(b.micros.length / b.seconds);
      ratios.push(median(a.micros) / median(b.micros));
    }
    rows.push({
      abreast,
      direct_p50_us: median(micros.direct),
      channel_p50_us: median(micros.channel),
      ratio_p50: median(ratios),
      direct_p99_us: percentile(micros.direct, 0.99),
      channel_p99_us: percentile(micros.channel, 0.99),
      direct_per_s: median(rates.direct),
      channel_per_s: median(rates.channel),
    });
  }
  const seconds = { direct: [] as number[], channel: [] as number[] };
  for (let round = -2; round < BULK_ROUNDS; round += 1) {
    // In turn who is first, so that what one leaves to the other counts for both.
    const order = round % 2 === 0 ? (['direct', 'channel'] as const) : (['channel', 'direct'] as const);
    for (const who of order) {
      const { seconds: took } = await { direct, channel }[who].ask<{ seconds: number }>(`bulk ${BULK_BYTES}`);
      if (round >= 0) seconds[who].push(took);
    }
  }
  const rate = (values: readonly number[]): number => BULK_BYTES / median(values) / 1e6;
  const pairs = seconds.direct.map((took, round) => took / (seconds.channel[round] ?? Number.NaN));
  rows.push({
    bulk_mb_per_s_direct: rate(seconds.direct),
    bulk_mb_per_s_channel: rate(seconds.channel),
    bulk_ratio: median(pairs),
  });
  await Promise.all([channel.end(), direct.end()]);
  upstream.kill();
  return rows;
}

const report: Record<string, unknown> = {};
for (const pinned of [false, true]) {
  if (pinned && spawnSync('taskset', ['-c', '0', 'true']).status !== 0) break;
  const name = pinned ? 'pinned to one core' : 'not pinned';
  const rows = await compare(pinned);
  report[name] = rows;
  if (process.argv.includes('--json')) continue;
  console.log(`\n${name}`);
  for (const row of rows) {
    console.log(
      Object.entries(row)
        .map(([key, value]) => `  ${key} ${value.toFixed(key.includes('ratio') ? 2 : 0)}`)
        .join(''),
    );
  }
}
const policy = await benchPolicy();
report['policy'] = policy;
console.log(
  process.argv.includes('--json') ? JSON.stringify(report) : `\npolicy\n  ${JSON.stringify(policy)}`,
);
process.exit(0);
