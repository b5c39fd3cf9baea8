// Runs one slice of a stage, with a limit. Its output goes to a file; what it left running is ended with it.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MachineResult } from '../machines/run-machine.js';
import { runWithLimit } from '../run/run-with-limit.js';
import type { Stage } from './stages.js';

/** A slice by its stage and its place, from 1 on: `prove/3`. */
export interface Slice {
  readonly name: string;
  readonly stage: Stage;
  readonly command: readonly string[];
}

export interface SliceResult {
  readonly slice: string;
  readonly stage: string;
  readonly result: 'passed' | 'failed' | 'not done in time';
  readonly seconds: number;
  /** How often it has run with --continue, if more than once: the ones before did not pass. */
  readonly attempts?: number;
  /** What its last line counts; missing if it counts nothing. */
  readonly tests?: { readonly passed: number; readonly failed: number; readonly skipped: number };
  /** What each machine showed, for a stage of machines. */
  readonly machines?: readonly MachineResult[];
  /** The file of its whole output. */
  readonly log: string;
}

const TOP = fileURLToPath(new URL('../../..', import.meta.url));

export function slicesOf(stage: Stage): readonly Slice[] {
  return stage.slices.map((command, index) => ({
    name: stage.slices.length === 1 ? stage.name : `${stage.name}/${index + 1}`,
    stage,
    command,
  }));
}

/**
 * @param logs the folder of the outputs
 * @param beside how many slices share the processors, with this one
 */
export async function runSlice(
  { name, stage, command }: Slice,
  logs: string,
  beside: number,
): Promise<SliceResult> {
  const log = join(logs, `${name.replace('/', '-')}.log`);
  const written = openSync(log, 'w');
  const began = performance.now();
  const [first = '', ...rest] = command;
  const { timedOut, how } = await runWithLimit(
    stage.minutes * 60_000 * beside,
    programOf(first),
    rest,
    // A package that is missing here is said, and is no success.
    { cwd: TOP, stdio: ['ignore', written, written], env: { ...process.env, CI: 'true' } },
  );
  if (how !== undefined) writeSync(written, `\n${first}: ${how}\n`);
  closeSync(written);
  const output = readFileSync(log, 'utf8');
  const tests = countIn(output);
  const machines = /^\[\{"machine":.*$/m.exec(output)?.[0];
  return {
    slice: name,
    stage: stage.name,
    result: timedOut ? 'not done in time' : how === undefined ? 'passed' : 'failed',
    seconds: Math.round((performance.now() - began) / 1_000),
    ...(tests === undefined ? {} : { tests }),
    ...(machines === undefined ? {} : { machines: JSON.parse(machines) as MachineResult[] }),
    log,
  };
}

/** @param first of a slice's words: node, a file of this tree, or a program of the host */
export function programOf(first: string): string {
  if (first === 'node') return process.execPath;
  return first.includes('/') ? join(TOP, first) : first;
}

/** The count on the last line, as test/run/main.ts and test/prove/main.ts print it. */
function countIn(output: string): SliceResult['tests'] {
  const last = [
    ...output.matchAll(/^(\d+) (?:passed, (\d+) failed|noticed, (\d+) not)(?:, (\d+) skipped)?$/gm),
  ].at(-1);
  if (last === undefined) return undefined;
  const [, passed, failed = last[3], skipped = 0] = last;
  return { passed: Number(passed), failed: Number(failed), skipped: Number(skipped) };
}
