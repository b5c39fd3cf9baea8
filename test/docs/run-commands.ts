// Runs commands of a page as a reader types them: by a shell, with the installed command `postern` and the system's programs in PATH.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { PATIENCE } from '../harness/patience.js';
import { distFor, readableFolder } from '../harness/users.js';

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Where {
  readonly cwd: string;
  /** Words that run it in the test's own namespaces. */
  readonly within?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Leaves stdin open for the test to write to. */
  readonly keepInput?: boolean;
}

export interface Running {
  readonly child: ChildProcess;
  readonly result: Promise<Ran>;
}

const TIMEOUT_MS = 60_000;
let bin: string | undefined;

/** A folder with the command, as `npm install --global` links it. */
function folderOfCommand(): string {
  if (bin === undefined) {
    bin = join(readableFolder(), 'bin');
    mkdirSync(bin);
    symlinkSync(join(distFor('user'), 'run/postern.js'), join(bin, 'postern'));
  }
  return bin;
}

/** Starts commands, which are ended with the test. A single command takes the shell's place, and gets the test's signals. */
export function startCommands(t: TestContext, text: string, where: Where): Running {
  // To enter a mount namespace is to leave the working directory.
  const script = `cd "$1"; ${text.includes('\n') ? text : `exec ${text}`}`;
  const [program = '', ...args] = [...(where.within ?? []), 'sh', '-ec', script, 'sh', where.cwd];
  const node = dirname(process.execPath);
  const env = {
    PATH: `${folderOfCommand()}:${node}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`,
    HOME: readableFolder(),
    LC_ALL: 'C.UTF-8',
    ...where.env,
  };
  const child = spawn(program, args, { cwd: where.cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS * PATIENCE);
  timer.unref();
  t.after(() => child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  child.stdin.on('error', () => {});
  if (where.keepInput !== true) child.stdin.end();
  const result = new Promise<Ran>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => {
      clearTimeout(timer);
      resolve({ status, stdout, stderr });
    });
  });
  return { child, result };
}

/** Runs commands to their end. The first that fails ends them. */
export function runCommands(t: TestContext, text: string, where: Where): Promise<Ran> {
  return startCommands(t, text, where).result;
}
