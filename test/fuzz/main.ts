// npm run fuzz -- --seconds N [--seed S] [--json] [--keep] [TARGET…]: N seconds, shared by the targets. --keep adds inputs
// that show something new to the corpus. --replay FILE TARGET tries one input. A finding ends the run with status 1.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readInput, writeInput } from './corpus.js';
import { openTarget, TARGET_NAMES } from './targets/index.js';
import { type Ending, watchTarget } from './watch-target.js';

const MIB = 1024 * 1024;
/** The most that memory may grow from warm to the end. More is a leak. */
const MAX_RSS_GROWTH = 96 * MIB;
const MAX_HEAP_GROWTH = 24 * MIB;
const MAX_SHOWN = 300;
const top = fileURLToPath(new URL('../../..', import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    json: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    replay: { type: 'string' },
  },
});
const unknown = positionals.filter((name) => !TARGET_NAMES.includes(name));
const seconds = Number(values.seconds);
const seed = Number(values.seed ?? Math.floor(Math.random() * 0xffff_ffff));
if (unknown.length > 0 || !(seconds > 0) || !Number.isInteger(seed)) {
  console.error(`Give --seconds N, --seed S and of the targets ${TARGET_NAMES.join(', ')}`);
  process.exit(2);
}
const names = positionals.length > 0 ? positionals : TARGET_NAMES;
process.exit(values.replay === undefined ? await fuzzAll() : await replay(values.replay));

async function replay(file: string): Promise<number> {
  for (const name of names) {
    const target = await openTarget(name);
    try {
      console.log(`${name}: ${await target.run(readInput(file))}`);
    } finally {
      await target.close?.();
    }
  }
  return 0;
}

async function fuzzAll(): Promise<number> {
  const rows: object[] = [];
  let failed = false;
  for (const name of names) {
    const milliseconds = (seconds * 1000) / names.length;
    const ending = await watchTarget(name, {
      milliseconds,
      seed,
      onProgress: progressOf(name),
      onKept: keeperOf(name),
    });
    const growth = growthOf(ending);
    const row = {
      target: name,
      seed,
      ...figuresOf(ending, milliseconds),
      ...findingOf(name, ending),
      growth,
    };
    failed ||= ending.finding !== undefined || growth !== undefined;
    rows.push(row);
    if (!values.json) show(row);
  }
  if (values.json) console.log(JSON.stringify({ seconds, seed, targets: rows }));
  return failed ? 1 : 0;
}

function progressOf(name: string): Parameters<typeof watchTarget>[1]['onProgress'] {
  return ({ executions, outcomes, blocks, kept }, rss) => {
    if (values.json || process.stdout.isTTY !== true) return;
    const text = `${name}  ${executions} inputs  ${outcomes} outcomes  ${blocks} blocks  ${kept} kept  ${mib(rss)} MiB`;
    process.stdout.write(`\r\u001b[K${text}`);
  };
}

function keeperOf(name: string): (bytes: Uint8Array) => void {
  return (bytes) => {
    if (values.keep) writeInput(join(top, 'test/fuzz/corpus', name), name, bytes, 'found by fuzzing');
  };
}

function figuresOf({ progress, memory }: Ending, milliseconds: number): object {
  const { executions = 0, outcomes, blocks, kept, slowestMs = 0 } = progress ?? {};
  const { start, end } = memory ?? {};
  return {
    executions,
    perSecond: Math.round((executions * 1000) / milliseconds),
    outcomes,
    blocks,
    kept,
    slowestMs: Number(slowestMs.toFixed(1)),
    rssMiB: start && end && [mib(start.rss), mib(end.rss)],
    heapMiB: start && end && [mib(start.heap), mib(end.heap)],
  };
}

function findingOf(name: string, { finding }: Ending): object {
  if (finding === undefined) return {};
  const folder = resolve('fuzz-findings');
  mkdirSync(folder, { recursive: true });
  const file = writeInput(folder, name, finding.bytes, finding.message);
  writeFileSync(`${file}.txt`, `${finding.message}\n${finding.stack}\n`);
  const text = finding.message.replace(/\s+/g, ' ').slice(0, MAX_SHOWN);
  return { finding: text, file, reproduce: `npm run fuzz -- --replay ${file} ${name}` };
}

/** What is wrong with the memory, if anything. */
function growthOf({ memory }: Ending): string | undefined {
  if (memory === undefined) return undefined;
  const { start, end } = memory;
  if (end.heap - start.heap > MAX_HEAP_GROWTH) return `the heap grew by ${mib(end.heap - start.heap)} MiB`;
  return end.rss - start.rss > MAX_RSS_GROWTH
    ? `the process grew by ${mib(end.rss - start.rss)} MiB`
    : undefined;
}

function show(row: object): void {
  const text = Object.entries(row)
    .filter(([key, value]) => value !== undefined && key !== 'seed')
    .map(([key, value]) =>
      key === 'target' ? value : `${key} ${Array.isArray(value) ? value.join(' to ') : value}`,
    );
  const lead = process.stdout.isTTY === true ? '\r\u001b[K' : '';
  console.log(`${lead}${text.join('  ')}${'finding' in row ? `  seed ${seed}` : ''}`);
}

function mib(bytes: number): number {
  return Math.round(bytes / MIB);
}
