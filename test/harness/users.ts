// The users that tests run postern as: root and an ordinary user where the tests run as root, else their own user.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export type User = 'root' | 'user';
const NOBODY = 65_534;
const isRoot = process.geteuid?.() === 0;

/** Which users a run asks for by `--as=root`, `--as=user`, `--as=both` or `--as=other`. */
const asked = process.argv.find((word) => word.startsWith('--as='))?.slice('--as='.length);
export const possible: readonly User[] = isRoot ? ['root', 'user'] : ['user'];

/**
 * For a property that depends on the user: both, or the one that this run asks for. An ordinary user's run leaves out the tests as root. A run that asks
 * for the other user has none, because every run of all tests has both.
 */
export const users: readonly User[] =
  asked === 'root' || asked === 'user' || asked === 'other'
    ? possible.filter((user) => user === asked)
    : possible;

/** Words to put before a command so that it runs as that user. */
export function asUser(user: User): readonly string[] {
  if (!isRoot || user === 'root') return [];
  return ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--'];
}

/** Gives the file to the user, where the tests run as root. */
export function chownTo(user: User, path: string): void {
  if (isRoot && user === 'user') chownSync(path, NOBODY, NOBODY);
}

const dist = fileURLToPath(new URL('../..', import.meta.url));
let readable: string | undefined;

/**
 * The compiled tree, where the user may read it: this one, or a copy with what it needs at run time, made once a process
 * and removed at its end.
 */
export function distFor(user: User): string {
  if (!isRoot || user === 'root') return dist;
  readable ??= canRead(dist) ? dist : copyOfDist();
  return readable;
}

function canRead(path: string): boolean {
  const [command = '', ...args] = [
    ...asUser('user'),
    process.execPath,
    '-e',
    `require('fs').readdirSync(${JSON.stringify(path)})`,
  ];
  return spawnSync(command, args, { cwd: '/' }).status === 0;
}

let copied: string | undefined;

/** A copy of the compiled tree with what it needs at run time, which every user may read. @returns its dist */
function copyOfDist(): string {
  copied ??= makeCopy();
  return copied;
}

function makeCopy(): string {
  const top = dirname(dist);
  const folder = readableFolder();
  const copy = join(folder, 'postern');
  mkdirSync(copy);
  cpSync(dist, join(copy, 'dist'), { recursive: true });
  cpSync(join(top, 'package.json'), join(copy, 'package.json'));
  const listed = spawnSync('npm', ['ls', '--omit=dev', '--all', '--parseable'], {
    cwd: top,
    encoding: 'utf8',
  });
  for (const module of listed.stdout.split('\n').slice(1)) {
    if (module === '' || !existsSync(module)) continue;
    cpSync(module, join(copy, relative(top, module)), { recursive: true });
  }
  return join(copy, 'dist');
}

const folders: string[] = [];

function removeFolders(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

/** A new folder that every user may enter and read, removed when the process ends. */
export function readableFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'postern-test-'));
  chmodSync(folder, 0o755);
  if (folders.length === 0) process.once('exit', removeFolders);
  folders.push(folder);
  return folder;
}

/** Writes a file with that content into a new folder that every user may read. @returns its path */
export function readableFile(name: string, content: string): string {
  const path = join(readableFolder(), name);
  writeFileSync(path, content);
  chmodSync(path, 0o755);
  return path;
}
