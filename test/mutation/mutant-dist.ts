// Builds without protections, or with other code at a test point. Tests show with them that an attempt succeeds once its protections are gone.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { distFor, readableFolder } from '../harness/users.js';
import type { Wanted } from './find-changes.js';

const ROOMS = ['broker', 'deploy', 'run', 'sandbox', 'shared', 'test/broker', 'test/harness'];
const made = new Map<string, string>();

/**
 * @returns a separate dist with these changes, made once a process, which every user may read
 * @throws Error for a name that no marker has
 */
export function mutantDist(...wanted: readonly Wanted[]): string {
  const key = JSON.stringify(wanted);
  const dist = made.get(key) ?? makeDist(key);
  made.set(key, dist);
  return dist;
}

function makeDist(wanted: string): string {
  const whole = dirname(distFor('user'));
  const folder = readableFolder();
  const dist = join(folder, 'dist');
  mkdirSync(join(dist, 'test'), { recursive: true });
  // The command is much faster than Node.
  for (const room of ROOMS) execFileSync('cp', ['-Rp', join(whole, 'dist', room), join(dist, dirname(room))]);
  for (const name of ['package.json', 'dist/bundles.json']) cpSync(join(whole, name), join(folder, name));
  symlinkSync(join(whole, 'node_modules'), join(folder, 'node_modules'));
  // Most tests need no mutant. They do not load the compiler and the bundler.
  const program = fileURLToPath(new URL('mutate.js', import.meta.url));
  // Its words on stderr are in the error.
  execFileSync(process.execPath, [program, dist, wanted], { stdio: ['ignore', 'inherit', 'pipe'] });
  return dist;
}
