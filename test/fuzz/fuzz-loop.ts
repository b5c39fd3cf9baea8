// The loop: replays the corpus, then mutates its inputs, keeps those that show something new, and stops at the first finding.
import type { CoverageProbe } from './coverage-probe.js';
import type { FuzzTarget, Pick } from './fuzz-target.js';
import { chance } from './hostile-frame.js';
import { Mutator } from './mutate.js';
import { Pool } from './pool.js';

export interface LoopOptions {
  readonly seed: number;
  readonly corpus: readonly Uint8Array[];
  /** Inputs in a batch. */
  readonly batch?: number;
  /** Whether to go on, asked after each batch. */
  readonly goOn: (progress: LoopProgress) => boolean | Promise<boolean>;
  /** Inputs are kept for new blocks of code too. */
  readonly probe?: CoverageProbe | undefined;
  /** Called with each input before it is tried, so that it outlives this process. */
  readonly onInput?: (bytes: Uint8Array) => void;
  /** Called with each input that is kept. */
  readonly onKept?: (bytes: Uint8Array) => void;
}

export interface LoopProgress {
  readonly executions: number;
  readonly outcomes: number;
  readonly blocks: number;
  readonly kept: number;
  readonly slowestMs: number;
}

/** An input that breaks the target's promise. */
export class Finding extends Error {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.bytes = bytes;
  }
}

/** By count, so that a seed determines the whole run. */
const BATCH = 512;
const FRESH = 8;
const TRIES_OF_SLOW = 3;

/** @throws Finding */
export async function fuzz(target: FuzzTarget, options: LoopOptions): Promise<LoopProgress> {
  const { corpus, probe, onInput, onKept } = options;
  const pick = chance(options.seed);
  const pool = new Pool(corpus);
  const mutator = new Mutator(pick, target.maxBytes, target.tokens);
  const blocks = new Set<string>();
  let executions = 0;
  let slowestMs = 0;

  const attempt = async (bytes: Uint8Array): Promise<string> => {
    onInput?.(bytes);
    executions += 1;
    const start = performance.now();
    const outcome = await run(target, bytes);
    const took = performance.now() - start;
    if (took > target.slowMs) await mustBeFast(target, bytes);
    else slowestMs = Math.max(slowestMs, took);
    return outcome;
  };
  const keep = (bytes: Uint8Array): void => {
    pool.keep(bytes, pick);
    onKept?.(bytes);
  };
  /** Halves a batch until each new block has the input that ran it. */
  const findNew = async (batch: readonly Uint8Array[], wanted: ReadonlySet<string>): Promise<void> => {
    const [only] = batch;
    if (only === undefined || wanted.size === 0) return;
    if (batch.length === 1) return keep(only);
    const half = batch.slice(0, batch.length >> 1);
    probe?.take();
    for (const bytes of half) await attempt(bytes);
    const ran = probe?.take() ?? new Set();
    await findNew(half, new Set([...wanted].filter((block) => ran.has(block))));
    await findNew(batch.slice(half.length), new Set([...wanted].filter((block) => !ran.has(block))));
  };
  const progress = (): LoopProgress => {
    return { executions, outcomes: pool.outcomes, blocks: blocks.size, kept: pool.kept, slowestMs };
  };

  for (const bytes of corpus) pool.note(await attempt(bytes));
  for (const block of probe?.take() ?? []) blocks.add(block);
  while (await options.goOn(progress())) {
    const batch: Uint8Array[] = [];
    for (let left = options.batch ?? BATCH; left > 0; left -= 1) {
      const bytes = makeInput(target, pick, pool, mutator);
      if (pool.note(await attempt(bytes))) keep(bytes);
      else batch.push(bytes);
    }
    const fresh = [...(probe?.take() ?? [])].filter((block) => !blocks.has(block));
    for (const block of fresh) blocks.add(block);
    await findNew(batch, new Set(fresh));
  }
  return progress();
}

function makeInput(target: FuzzTarget, pick: Pick, pool: Pool, mutator: Mutator): Uint8Array {
  if (target.generate === undefined || pick(FRESH) > 0) return mutator.mutate(pool.any(pick), pool.any(pick));
  return target.generate(pick).slice(0, target.maxBytes);
}

async function run(target: FuzzTarget, bytes: Uint8Array): Promise<string> {
  try {
    const outcome = target.run(Uint8Array.from(bytes));
    return typeof outcome === 'string' ? outcome : await outcome;
  } catch (cause) {
    throw new Finding(bytes, cause);
  }
}

/** A busy machine makes a try slow, but not its processor time, of which an input that is slow takes much each time. */
async function mustBeFast(target: FuzzTarget, bytes: Uint8Array): Promise<void> {
  let least = Number.POSITIVE_INFINITY;
  for (let left = TRIES_OF_SLOW; left > 0; left -= 1) {
    const start = processorMs();
    await run(target, bytes);
    least = Math.min(least, processorMs() - start);
  }
  if (least > target.slowMs)
    throw new Finding(bytes, `takes ${least.toFixed(0)} ms of a processor, more than ${target.slowMs} ms`);
}

/** The processor time of this process until now, in milliseconds. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
