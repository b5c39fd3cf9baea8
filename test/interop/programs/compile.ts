// Compiles Go, Java and musl programs of the tests', into a folder that every user may read.
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PATIENCE } from '../../harness/patience.js';
import { readableFolder } from '../../harness/users.js';

const COMPILE_MS = 120_000;

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): void {
  const options = {
    env: { PATH: process.env['PATH'], LC_ALL: 'C', ...env },
    timeout: COMPILE_MS * PATIENCE,
  } as const;
  execFileSync(command, args, { ...options, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** A static binary, which resolves names without a C library. @returns its path */
export function compileGo(source: URL): string {
  const path = fileURLToPath(source);
  const binary = join(readableFolder(), basename(path, '.go'));
  const env = { CGO_ENABLED: '0', GO111MODULE: 'off', GOCACHE: goCache(), HOME: tmpdir() };
  run('go', ['build', '-o', binary, path], env);
  return binary;
}

/** The compiled standard library outlives a run, since it takes ten seconds; where the folder is another's, not. */
function goCache(): string {
  const path = join(tmpdir(), `postern-go-cache-${process.geteuid?.()}`);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(path);
  const own = uid === process.geteuid?.() && (mode & 0o777) === 0o700;
  return own ? path : mkdtempSync(join(tmpdir(), 'postern-go-cache-'));
}

/** @returns the folder of its classes */
export function compileJava(source: URL): string {
  const folder = readableFolder();
  run('javac', ['-d', folder, fileURLToPath(source)]);
  return folder;
}

/** Linked to musl's shared library, the other C library that programs bring. @returns the binary's path */
export function compileMusl(source: URL): string {
  const path = fileURLToPath(source);
  const binary = join(readableFolder(), basename(path, '.c'));
  run('musl-gcc', ['-O1', '-o', binary, path]);
  return binary;
}
