// Applications that spawn or wrap single programs: the argument names one. Each prints one line of JSON.
import { spawnSync } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { SpawnedProcess, SpawnOptions, WrapPolicy } from '../../sandbox/library/types.js';
import { descendants, descriptors, play, python, spawn, waitFor, wrap } from './application.js';

/** Calls an event with what it got, as it comes. */
function history(child: SpawnedProcess): string[] {
  const told: string[] = [];
  child.on('spawn', () => told.push('spawn'));
  child.on('exit', (code, signal) => told.push(`exit ${code} ${signal}`));
  child.on('close', (code, signal) => told.push(`close ${code} ${signal}`));
  child.on('error', ({ name, code }: Error & { readonly code?: string }) =>
    told.push(`error ${name} ${code}`),
  );
  child.on('denied', ({ message, suggestion }) => told.push(`denied ${message}; ${suggestion}`));
  return told;
}

async function ended(child: SpawnedProcess): Promise<readonly string[]> {
  const told = history(child);
  await new Promise((resolve) => child.on('close', resolve));
  return told;
}

const linesOf = (work: () => unknown): readonly string[] => {
  try {
    work();
    return ['no mistake'];
  } catch (error) {
    return (error as { readonly lines: readonly string[] }).lines;
  }
};

const SCENES: Readonly<Record<string, () => Promise<unknown>>> = {
  async runs() {
    // The first one opens what the process keeps.
    await ended(spawn('true'));
    await waitFor(() => descendants().length === 0);
    const before = descriptors();
    const child = spawn('sh', ['-c', 'read line; echo "$line $A$SECRET $PWD"; echo trouble >&2; exit 3'], {
      env: { A: '1', NONE: undefined },
      cwd: new URL('file:///tmp'),
    });
    child.stdin.end('hello\n');
    const all = [ended(child), text(child.stdout), text(child.stderr)] as const;
    const [told, stdout, stderr] = await Promise.all(all);
    const { exitCode, signalCode, killed, spawnargs } = child;
    const hadPid = typeof child.pid === 'number' && child.kill() === false;
    await waitFor(() => descendants().length === 0);
    const leaked = descriptors() - before;
    return {
      told,
      stdout,
      stderr,
      exitCode,
      signalCode,
      killed,
      spawnargs: spawnargs.length,
      hadPid,
      leaked,
    };
  },

  /** Programs that share a supervisor. */
  async ends() {
    const sleep = (options?: SpawnOptions<'ignore'>): SpawnedProcess =>
      spawn('sleep', ['1020'], { stdio: 'ignore', ...options });
    const early = sleep();
    early.kill('SIGINT');
    const late = sleep();
    late.on('spawn', () => late.kill());
    const aborting = new AbortController();
    const aborted = sleep({ signal: aborting.signal, killSignal: 'SIGKILL' });
    aborted.on('spawn', () => void setImmediate(() => aborting.abort()));
    const missing = spawn('no-such-program');
    const all = [early, late, sleep({ timeout: 1, killSignal: 'SIGHUP' }), aborted, missing];
    const told = await Promise.all(all.map(ended));
    return { told, killed: all.map(({ killed }) => killed) };
  },

  async refused() {
    const thrown: string[] = [];
    process.on('uncaughtException', ({ message }) => thrown.push(message));
    const [command = '', ...args] = python('import socket; socket.create_connection(("192.0.2.1", 80))');
    const child = spawn(command, args, {
      policy: { allow: ['192.0.2.1:81'] },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    child.on('denied', () => {
      throw new Error('denied');
    });
    return { told: await ended(child), thrown };
  },

  async mistakes() {
    const wrong = (...words: readonly unknown[]): readonly string[] =>
      linesOf(() => Reflect.apply(spawn, undefined, words));
    const policy = { allow: ['a b'], alow: [], restart: {}, filesystem: { visible: 'x' } };
    const wrapped = (...words: readonly unknown[]): readonly string[] =>
      linesOf(() => Reflect.apply(wrap, undefined, words));
    return [
      wrong('', 'x'),
      wrong('true', [1], { env: { POSTERN_A: '1' } }),
      wrong('true', [], 5),
      wrong('true', [], {
        shell: true,
        timeout: -1,
        stdio: ['pipe', 3],
        killSignal: 'SIGX',
        cwd: 5,
        policy: 3,
      }),
      wrong('true', [], { policy }),
      linesOf(() => spawn('true').kill('SIGX' as NodeJS.Signals)),
      wrapped('true', [], 5),
      wrapped('true', [], { ...policy, cwd: 5 }),
    ];
  },

  /** Runs a wrapped command as a host does, whose policy is the next argument. */
  async wraps() {
    const [words, policy] = JSON.parse(process.argv[3] ?? '') as [readonly string[], WrapPolicy];
    const [program = '', ...rest] = words;
    const { command, args, env } = wrap(program, rest, policy);
    // Many hosts merge it into their own environment.
    const merged = { NODE_OPTIONS: '--no-warnings', ...env };
    const { status, stdout, stderr } = spawnSync(command, args, { env: merged, encoding: 'utf8' });
    return { status, stdout, stderr, isSecret: !args.join(' ').includes('hidden') };
  },
};

await play(SCENES);
