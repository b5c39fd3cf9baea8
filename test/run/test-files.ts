// The test files, and the tier of each. A folder decides; the exceptions of `unit` are files whose tests take seconds of processor time.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `unit` is part of `gate`. */
export type Tier = 'unit' | 'gate' | 'deep';

const TESTS = fileURLToPath(new URL('..', import.meta.url));
/** Below dist/test, how a path begins. What stands in neither list is `unit`. */
const DEEP: readonly string[] = [
  ...['containers/', 'interop/', 'deploy/alerts'],
  // They make the packages and install them, each for half a minute of processor time.
  ...['deploy/released', 'integration/package', 'library/consumer'],
  'bench/bench',
  // They measure what a plugin under heavy load costs its neighbours, and want the machine for themselves.
  ...['integration/busy-plugins', 'integration/neighbours', 'integration/slow-plugin', 'integration/soak'],
  'integration/stuck-broker',
];
/** These take longest, so they begin first. */
const LONG: readonly string[] = [
  ...['integration/installed', 'integration/home', 'integration/doctor'],
  ...['broker/dns/dns-server', 'broker/stall/stall-guard', 'supervisor/record/metrics-endpoint'],
  ...['integration/clock-asks', 'integration/slow-policy-server', 'supervisor/record/audit-sink'],
];
const GATE: readonly string[] = [
  ...['docs/', 'escape/', 'fuzz/', 'integration/', 'library/', 'plugin/'],
  ...['cli/ui/page', 'deploy/action', 'house/import-rule'],
  ...['broker/asks', 'broker/memory', 'broker/pid-reuse', 'broker/reply-socket', 'sys/out-of-memory'],
];

function tierOf(file: string): Tier {
  const begins = (start: string): boolean => file.startsWith(start);
  return DEEP.some(begins) ? 'deep' : GATE.some(begins) ? 'gate' : 'unit';
}

/**
 * The test files of a tier and of the tiers that it contains, those first that take longest.
 *
 * @param words if there are any, the files of every tier whose path has one of them. A folder (`integration/`) does not mean those in it that want the machine for
 *   themselves
 * @returns paths below dist/test, without `.test.js`
 */
export function testFiles(tier: Tier, words: readonly string[] = []): readonly string[] {
  const files = readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.js'))
    .map((path) => path.slice(0, -'.test.js'.length))
    .sort();
  const isMeant = (file: string, word: string): boolean =>
    `${file}.test`.includes(word) && !(word.endsWith('/') && tierOf(file) === 'deep' && !DEEP.includes(word));
  if (words.length > 0) return files.filter((file) => words.some((word) => isMeant(file, word)));
  const tiers: readonly Tier[] = { unit: ['unit'], gate: ['gate', 'unit'], deep: ['deep'] }[tier] as Tier[];
  const chosen = tiers.flatMap((one) => files.filter((file) => tierOf(file) === one));
  return [...LONG.filter((file) => chosen.includes(file)), ...chosen.filter((file) => !LONG.includes(file))];
}

/** Whether the file has tests that show that an attempt succeeds without protections: see harness/asked.ts. */
export function hasTwins(file: string): boolean {
  return /\b(?:twin|hostile)\(/.test(readFileSync(join(TESTS, `${file}.test.js`), 'utf8'));
}

/** @param text `I/N` @returns what takes each N-th file, from the I-th on; undefined for another text */
export function shardOf(text: string): (<T>(files: readonly T[]) => readonly T[]) | undefined {
  const [, index = 0, count = 0] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number);
  if (!(index >= 1) || index > count) return undefined;
  return (files) => files.filter((_, position) => position % count === index - 1);
}
