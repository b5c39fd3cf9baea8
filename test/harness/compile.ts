// Compiles a C program for a test that needs exact system calls.
import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readableFolder } from './users.js';

/** @returns the program's path, which every user may run */
export function compile(source: URL): string {
  const path = fileURLToPath(source);
  const program = join(readableFolder(), basename(path, '.c'));
  const warnings = ['-Wall', '-Wextra', '-Werror', '-Wno-unused-function'];
  execFileSync('cc', [...warnings, '-O1', '-pthread', '-o', program, path, '-lresolv'], { stdio: 'inherit' });
  chmodSync(program, 0o755);
  return program;
}
