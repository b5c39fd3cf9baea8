// A compiled tree of a test's own, to change before it runs.
import { cpSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { distFor, readableFolder } from './users.js';

/** @returns a dist with postern's programs, which every user may read, removed when the process ends */
export function copyPrograms(): string {
  const whole = dirname(distFor('user'));
  const folder = readableFolder();
  const dist = join(folder, 'dist');
  for (const room of ['run', 'sandbox', 'shared'])
    cpSync(join(whole, 'dist', room), join(dist, room), { recursive: true });
  cpSync(join(whole, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(whole, 'node_modules'), join(folder, 'node_modules'));
  return dist;
}
