// Runs one target in a process apart, started by main.ts: NAME MILLISECONDS SEED CURRENT-FILE. It reports progress and findings to the
// parent by messages.
import { readCorpus } from './corpus.js';
import { CoverageProbe } from './coverage-probe.js';
import { CurrentInput } from './current-input.js';
import { Finding, fuzz, type LoopProgress } from './fuzz-loop.js';
import { type Memory, measureMemory } from './memory.js';
import { openTarget } from './targets/index.js';

export type Told =
  | { readonly type: 'progress'; readonly progress: LoopProgress; readonly rss: number }
  | { readonly type: 'kept'; readonly hex: string }
  | { readonly type: 'finding'; readonly hex: string; readonly message: string; readonly stack: string }
  | { readonly type: 'done'; readonly progress: LoopProgress; readonly start: Memory; readonly end: Memory };

const [name = '', milliseconds = '', seed = '', currentPath = ''] = process.argv.slice(2);
const REPORT_MS = 500;
/** After this share of the time, code, caches and the kept inputs are in memory. */
const WARM = 0.3;

const tell = (told: Told): void => {
  process.send?.(told);
};
const onOrphaned = (): never => process.exit(1);
process.on('disconnect', onOrphaned);
const target = await openTarget(name);
const current = new CurrentInput(currentPath);
const began = performance.now();
const until = began + Number(milliseconds);
const warmAt = began + Number(milliseconds) * WARM;
let start: Memory | undefined;
let toldAt = 0;

const goOn = async (progress: LoopProgress): Promise<boolean> => {
  const now = performance.now();
  if (now - toldAt > REPORT_MS) {
    toldAt = now;
    tell({ type: 'progress', progress, rss: process.memoryUsage().rss });
    // Let timers and messages have their turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (now >= warmAt) start ??= measureMemory();
  return now < until;
};

try {
  const progress = await fuzz(target, {
    seed: Number(seed),
    corpus: readCorpus(name).map(({ bytes }) => bytes),
    probe: new CoverageProbe(),
    onInput: (bytes) => current.write(bytes),
    onKept: (bytes) => tell({ type: 'kept', hex: Buffer.from(bytes).toString('hex') }),
    goOn,
  });
  const end = measureMemory();
  tell({ type: 'done', progress, start: start ?? end, end });
} catch (error) {
  if (!(error instanceof Finding)) throw error;
  const { bytes, message, cause } = error;
  const stack = cause instanceof Error ? (cause.stack ?? '') : '';
  tell({ type: 'finding', hex: Buffer.from(bytes).toString('hex'), message, stack });
} finally {
  await target.close?.();
  current.close();
}
process.off('disconnect', onOrphaned);
process.disconnect?.();
