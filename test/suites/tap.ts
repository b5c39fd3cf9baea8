// Test files that speak TAP, and the program that runs them.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Folders, Part, Plan } from './suite.js';

const RUNNER = 'run-tap.pl';
const RUNNER_SOURCE = fileURLToPath(new URL(RUNNER, import.meta.url));

/** A part of a suite of such files. */
export interface TapPart extends Part {
  /** The folder that they run in, in the tree of their sources. */
  readonly folder: string;
  /** From that folder. */
  readonly files: readonly string[];
}

/** Where prepare() puts the tree of a part's sources. */
export function treeOf(made: string, { name }: Part): string {
  return join(made, name.replaceAll('/', '-'));
}

export function prepareRunner(made: string): void {
  copyFileSync(RUNNER_SOURCE, join(made, RUNNER));
}

/** @param only the name of a test. Its whole file runs: no file can run a single test */
export function planTap(part: TapPart, { made, work }: Folders, only?: string): Plan {
  const files =
    only === undefined ? part.files : part.files.filter((file) => only.startsWith(`${testOf(part, file)} `));
  const results = join(work, 'results.jsonl');
  const words = ['/usr/bin/perl', join(made, RUNNER), results, treeOf(made, part), part.folder, ...files];
  return { words, cwd: work, results };
}

const testOf = ({ folder }: TapPart, file: string): string => (folder === '.' ? file : `${folder}/${file}`);
