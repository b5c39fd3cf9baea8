// Runs the command `postern` as a user would, and collects its output.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { join } from 'node:path';
import { mutantDist } from '../mutation/mutant-dist.js';
import { environmentOf } from './nodes.js';
import { PATIENCE } from './patience.js';
import { asUser, distFor, type User } from './users.js';

export interface PosternOptions {
  readonly as: User;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  readonly stdio?: SpawnOptions['stdio'];
  /** Protections to leave out, by the names of their markers. */
  readonly without?: readonly string[];
  readonly timeoutMs?: number;
  /** A bash script that runs "$@" at its end. It sets up things that only a shell can. */
  readonly shell?: string;
  /** Leaves stdin open for the test to write to. */
  readonly keepInput?: boolean;
  /** Starts the command as a shell finds it, instead of Node with its module. */
  readonly asCommand?: boolean;
  /** Leaves `up` the control socket of its file, or the default one. Without it there is none: tests run at the same time. */
  readonly ownControl?: boolean;
  /** Another compiled tree than this one. */
  readonly dist?: string;
  /** A program that runs postern with the rest of its arguments. */
  readonly through?: readonly string[];
  /** Words that run all of it in the test's own namespaces. They enter these before they become the user. */
  readonly inside?: readonly string[];
}

export interface PosternResult {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningPostern {
  readonly child: ChildProcess;
  /** What it has printed so far, on both streams or on one. */
  readonly said: () => string;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly result: Promise<PosternResult>;
}

const TIMEOUT_MS = 60_000;

/** Starts postern with these arguments. */
export function startPostern(args: readonly string[], options: PosternOptions): RunningPostern {
  const main = join(options.dist ?? distOf(options), 'run/postern.js');
  const words = [...(options.asCommand === true ? [] : [process.execPath]), main];
  words.push(...(options.ownControl === true ? args : withoutControl(args)));
  const wrapped = options.shell === undefined ? words : ['bash', '-c', options.shell, 'bash', ...words];
  const [command = '', ...rest] = [
    ...(options.inside ?? []),
    ...asUser(options.as),
    ...(options.through ?? []),
    ...wrapped,
  ];
  const env = options.env ?? {
    PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
    HOME: '/nonexistent',
    // For a program that runs postern.
    POSTERN_TEST_PATIENCE: String(PATIENCE),
  };
  const child = spawn(command, rest, {
    cwd: options.cwd ?? '/',
    env: options.asCommand === true ? environmentOf(process.execPath, env) : env,
    stdio: options.stdio ?? 'pipe',
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), (options.timeoutMs ?? TIMEOUT_MS) * PATIENCE);
  timer.unref();
  const printed = { said: '', stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      printed.said += text;
      printed[name] += text;
    });
  child.stdin?.on('error', () => {});
  if (options.keepInput !== true) child.stdin?.end(options.input ?? '');
  const result = new Promise<PosternResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => {
      clearTimeout(timer);
      resolve({ status, signal, stdout: printed.stdout, stderr: printed.stderr });
    });
  });
  return {
    child,
    result,
    said: () => printed.said,
    stdout: () => printed.stdout,
    stderr: () => printed.stderr,
  };
}

/** Configurations of tests have the same name, and so would their control sockets. */
function withoutControl(args: readonly string[]): readonly string[] {
  const [command, ...rest] = args;
  if (command !== 'up' || rest.some((word) => word === '--help' || word.startsWith('--control'))) return args;
  return ['up', '--control', 'off', ...rest];
}

function distOf({ as, without = [] }: PosternOptions): string {
  return without.length === 0 ? distFor(as) : mutantDist(...without);
}

/** Runs postern to its end. */
export function postern(args: readonly string[], options: PosternOptions): Promise<PosternResult> {
  return startPostern(args, options).result;
}
