// npm run bench: what each egress costs, beside a direct connection in the same run, in turn. Options: --json, --quick,
// and words to choose what runs: "transparent", "channel", "C", "Node", "policy".
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compareBulk } from './compare-bulk.js';
import { compareConnects } from './compare-connects.js';
import { type Egress, openPair } from './open-pair.js';
import { benchPolicy } from './policy.js';

const words = process.argv.slice(2);
const quick = words.includes('--quick');
const json = words.includes('--json');
const wanted = words.filter((word) => !word.startsWith('--'));
const chosen = (...names: readonly string[]): boolean => wanted.every((word) => names.includes(word));
const CONNECTS = quick ? { rounds: 2, connects: 256 } : { rounds: 8, connects: 1_024 };
const BULK = quick ? { rounds: 2, bytes: 64 * 1024 * 1024 } : { rounds: 10, bytes: 1024 * 1024 * 1024 };
const EGRESSES: readonly Egress[] = [
  { name: 'channel', client: 'Node' },
  { name: 'transparent', client: 'Node' },
  { name: 'transparent', client: 'C' },
];

async function compare(egress: Egress, programs: string, pin: readonly string[]): Promise<object[]> {
  const pair = await openPair(egress, programs, pin);
  const rows: object[] = [];
  for (const abreast of [1, 64]) rows.push(await compareConnects(egress, pair, { abreast, ...CONNECTS }));
  // The socket is the same, whichever program opened it.
  if (egress.client === 'Node') rows.push(await compareBulk(egress, pair, BULK));
  await pair.end();
  return rows;
}

function compile(folder: string): void {
  for (const program of ['connects', 'accepts']) {
    const source = fileURLToPath(new URL(`${program}.c`, import.meta.url));
    execFileSync('cc', ['-O2', '-pthread', '-o', join(folder, program), source]);
  }
}

function show(row: object): string {
  return Object.entries(row)
    .map(([key, value]) =>
      typeof value === 'number' ? `${key} ${value.toFixed(key.includes('ratio') ? 2 : 0)}` : value,
    )
    .join('  ');
}

const report: Record<string, unknown> = {};
const programs = mkdtempSync(join(tmpdir(), 'postern-bench-'));
chmodSync(programs, 0o755);
try {
  compile(programs);
  for (const pinned of [false, true]) {
    if (pinned && spawnSync('taskset', ['-c', '0', 'true']).status !== 0) break;
    const title = pinned ? 'pinned to one core' : 'not pinned';
    const rows: object[] = [];
    if (!json) console.log(`\n${title}`);
    for (const egress of EGRESSES.filter(({ name, client }) => chosen(name, client))) {
      const found = await compare(egress, programs, pinned ? ['taskset', '-c', '0'] : []);
      rows.push(...found);
      if (!json) for (const row of found) console.log(`  ${show(row)}`);
    }
    report[title] = rows;
  }
} finally {
  rmSync(programs, { recursive: true });
}
if (chosen('policy')) {
  const policy = await benchPolicy();
  report['policy'] = policy;
  if (!json) console.log(`\npolicy\n  ${JSON.stringify(policy)}`);
}
if (json) console.log(JSON.stringify(report));
process.exit(0);
