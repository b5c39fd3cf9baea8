// Compiles the C programs of the bench.
import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readableFolder } from '../harness/users.js';

const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  connects: ['connects.c', 'client-proxy.c', 'client-channel.c', 'client-stream.c'],
  serves: ['serves.c'],
  calls: ['calls.c'],
  bursts: ['bursts.c'],
  accepts: ['accepts.c'],
  limit: ['limit.c', 'limit-trap.c', 'limit-hand-over.c'],
};

/** @returns the folder of the programs. Every user can read it, and it is removed at the end */
export function compilePrograms(): string {
  const folder = readableFolder();
  const options = ['-Wall', '-Wextra', '-Werror', '-O2', '-pthread', '-D_GNU_SOURCE'];
  for (const [name, sources] of Object.entries(PROGRAMS)) {
    const files = sources.map((source) => fileURLToPath(new URL(`c/${source}`, import.meta.url)));
    execFileSync('cc', [...options, '-o', join(folder, name), ...files], { stdio: 'inherit' });
    chmodSync(join(folder, name), 0o755);
  }
  return folder;
}
