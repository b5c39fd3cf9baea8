import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const guards = new URL('../../../broker/stall/start-guards.js', import.meta.url).href;
/** Starts the guards, and prints how many threads' system calls the watchdog can look at. */
const START = `
const { startGuards } = await import('${guards}');
const { closeSync, readdirSync, readlinkSync } = await import('node:fs');
await startGuards();
// A listing needs a descriptor.
closeSync(0);
const links = readdirSync('/proc/self/fd').flatMap((fd) => {
  try { return readlinkSync('/proc/self/fd/' + fd); } catch { return []; }
});
console.log(links.filter((link) => link.endsWith('/syscall')).length);
process.exit();
`;
const FEWEST = 16;
const MOST = 200;

/** @returns what it printed; nothing if the start failed */
function startWith(descriptors: number): string {
  const words = [
    `--nofile=${descriptors}:${descriptors}`,
    process.execPath,
    '--input-type=module',
    '-e',
    START,
  ];
  return spawnSync('prlimit', words, { encoding: 'utf8' }).stdout;
}

test('the guards start with what the watchdog has to look at, or not at all, however few descriptors there are', () => {
  let descriptors = FEWEST;
  let printed = startWith(descriptors);
  assert.equal(printed, '', 'with the fewest descriptors the start fails');
  while (printed === '' && descriptors < MOST) {
    descriptors += 1;
    printed = startWith(descriptors);
  }
  assert.equal(printed, '2\n', `${descriptors} descriptors`);
});
