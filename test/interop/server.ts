// Servers of the host for the interop tests, as the ordinary user: most refuse to run as root.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PATIENCE } from '../harness/patience.js';
import { asUser } from '../harness/users.js';

const START_MS = 60_000;
const NOBODY = 65_534;
const FOLDERS = ['/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/local/sbin'];

/** @returns the program's path; PostgreSQL's own folders are searched too */
export function findServer(name: string): string {
  const paths = [...FOLDERS, ...postgresFolders()].map((folder) => join(folder, name));
  const found = paths.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${name} is not installed`);
  return found;
}

function postgresFolders(): string[] {
  const base = '/usr/lib/postgresql';
  if (!existsSync(base)) return [];
  return readdirSync(base).map((version) => join(base, version, 'bin'));
}

/** A folder that the servers' user owns, removed when the process ends. */
export function serverFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'postern-server-'));
  if (process.geteuid?.() === 0) chownSync(folder, NOBODY, NOBODY);
  chmodSync(folder, 0o755);
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Hands a file that a test has written to the servers' user, for its eyes only. */
export function own(path: string): string {
  if (process.geteuid?.() === 0) chownSync(path, NOBODY, NOBODY);
  chmodSync(path, 0o600);
  return path;
}

/** Runs a program of the server to its end. @throws Error with its output */
export function prepare(command: string, ...args: string[]): void {
  const [program = '', ...words] = [...asUser('user'), command, ...args];
  const { status, stdout, stderr } = spawnSync(program, words, {
    cwd: '/',
    encoding: 'utf8',
    timeout: START_MS * PATIENCE,
    env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', HOME: '/nonexistent', LC_ALL: 'C' },
  });
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stdout}${stderr}`);
}

export interface ServerStart {
  /** Its output when it is ready. */
  readonly ready: RegExp;
  /** Words that run it in the test's own namespace, before it becomes the servers' user. */
  readonly inside?: readonly string[] | undefined;
}

/** Starts a server and waits until it is ready. */
export async function startServer(
  { ready, inside = [] }: ServerStart,
  command: string,
  ...args: string[]
): Promise<ChildProcess> {
  // It ends with the test's process, however that ends; set last, for a change of ids clears it.
  const bound = ['setpriv', '--pdeathsig', 'KILL', '--'];
  const [program = '', ...words] = [...inside, ...asUser('user'), ...bound, command, ...args];
  const child = spawn(program, words, {
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', HOME: '/nonexistent', LC_ALL: 'C' },
  });
  let said = '';
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`${command} is not ready: ${said}`)),
      START_MS * PATIENCE,
    );
    const hear = (text: string): void => {
      said = (said + text).slice(-65_536);
      if (!ready.test(said)) return;
      clearTimeout(timer);
      resolve();
    };
    child.stdout.setEncoding('utf8').on('data', hear);
    child.stderr.setEncoding('utf8').on('data', hear);
    child.once('exit', (status) => {
      clearTimeout(timer);
      reject(new Error(`${command} ended with ${status}: ${said}`));
    });
  });
  return child;
}

/** Ends a server. */
export async function stopServer(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}
