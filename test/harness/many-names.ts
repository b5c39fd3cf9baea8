// A folder with many names of few files, which is made faster than many files.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readableFolder } from './users.js';

const NAMES_PER_FILE = 30_000;

export function folderOfNames(number: number): string {
  const folder = readableFolder();
  const program = `
import os
for name in range(${number}):
    file = name - name % ${NAMES_PER_FILE}
    if name == file: open(str(name), "w").close()
    else: os.link(str(file), str(name))`;
  assert.equal(spawnSync('python3', ['-c', program], { cwd: folder }).status, 0);
  return folder;
}

/** @returns how many times other work of this process had its turn before the end of `work` */
export async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let [turns, working] = [0, true];
  const turn = (): void => {
    turns += 1;
    if (working) setImmediate(turn);
  };
  setImmediate(turn);
  await work;
  working = false;
  return turns;
}
