// spawn(): a program in a sandbox, as child_process.spawn() starts one outside. Programs that run at the same time share a supervisor, which is there
// only as long as one of them runs: an application ends by itself when its programs have.
import { EventEmitter, once } from 'node:events';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { type PluginConfig, pluginNameOf } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import { type Kept, KeptSupervisor } from './kept-supervisor.js';
import { callApart, tell } from './plugin-events.js';
import { isStdio, readProgram, requireObject, requireWithin, STDIO, unknownKeys } from './read-settings.js';
import type { SpawnEvents, SpawnedProcess, SpawnOptions, Stdio } from './types.js';
import { POLICY_KEYS } from './wrap.js';

/**
 * Runs a program in a sandbox, and returns at once, as child_process.spawn() does. The differences:
 *
 * - `env` is all that the program gets, besides PATH, LANG and a few more. Without it the program gets nothing else of this process.
 * - `stdio` has no descriptors, streams or `ipc`, and `shell`, `detached`, `uid` and the like are refused.
 * - It has the events of a plugin too, for example `denied`. A program that cannot be started is a PosternError.
 * - The program ends with this process, however that ends.
 *
 * @param command the program: a path, or a name that is looked for in PATH
 * @param args its arguments
 * @param options what it may do (`policy`), and how it starts. `timeout` is in milliseconds
 * @returns the program, with its streams. `pid` is there from the event `spawn` on
 * @throws PosternError `bad_config` with a line for each mistake, which begins with the argument (`options.policy.allow[1]: …`), `wrong_thread` in a worker
 *   thread. What the start refuses is the event `error`, with the codes of docs/errors.md
 * @example
 * import { spawn } from 'postern';
 *
 * const child = spawn('curl', ['-sS', 'https://example.com/'], { policy: { allow: ['example.com'] } });
 * child.on('denied', ({ message, suggestion }) => console.error(message, suggestion));
 * child.on('close', (code) => console.error(`ended with ${code}`));
 * child.stdout.pipe(process.stdout);
 */
export function spawn<S extends Stdio = 'pipe'>(
  command: string,
  args?: readonly string[],
  options?: SpawnOptions<S>,
): SpawnedProcess<S>;
export function spawn(
  command: string,
  args: readonly string[] = [],
  options: SpawnOptions = {},
): SpawnedProcess {
  requireMainThread();
  return new SpawnedProgram(readSpawn(command, args, options), options);
}

/** @throws PosternError `wrong_thread` */
export function requireMainThread(): void {
  if (!isMainThread)
    throw new PosternError('wrong_thread', 'Cannot supervise plugins: this is a worker thread', {
      fix: 'create the supervisor in the main thread',
    });
}

/** Whether an option can be used. */
const OPTIONS: { readonly [K in keyof SpawnOptions]-?: readonly [(value: unknown) => boolean, string] } = {
  policy: [(value) => typeof value === 'object' && value !== null, 'expected an object'],
  stdio: [isStdio, STDIO],
  cwd: [(value) => typeof value === 'string' || value instanceof URL, 'expected a path'],
  env: [(value) => typeof value === 'object' && value !== null, 'expected an object with variables'],
  signal: [(value) => value instanceof AbortSignal, 'expected an AbortSignal'],
  timeout: [(value) => Number.isInteger(value) && Number(value) >= 0, 'expected milliseconds'],
  killSignal: [(value) => numberOf(value) !== undefined, 'expected a signal, as SIGTERM'],
};

/** @throws PosternError `bad_config` */
function readSpawn(command: string, args: readonly string[], options: SpawnOptions): PluginConfig {
  requireObject('options', options);
  const wrong = Object.entries(OPTIONS).flatMap(([key, [isGood, expected]]) => {
    const value: unknown = Reflect.get(options, key);
    return value === undefined || isGood(value) ? [] : [`options.${key}: ${expected}`];
  });
  const { policy = {}, cwd, env } = wrong.length > 0 ? {} : options;
  const { within, secrets, ...keys } = policy;
  const config = readProgram(
    command,
    args,
    {
      ...keys,
      ...(cwd === undefined ? {} : { cwd: typeof cwd === 'string' ? cwd : fileURLToPath(cwd) }),
      ...(env === undefined ? {} : { env: variablesOf(env) }),
    },
    secrets,
    (key) => (/^(?:cwd|env)\b/.test(key) ? `options.${key}` : `options.policy.${key}`),
    [
      ...unknownKeys('options', options, Object.keys(OPTIONS)),
      ...wrong,
      ...unknownKeys('options.policy', policy, [...POLICY_KEYS, 'secrets']),
    ],
  );
  requireWithin(config, within, 'options.policy');
  return config;
}

function variablesOf(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])),
  );
}

function numberOf(signal: unknown): number | undefined {
  const named: Readonly<Record<string, number>> = constants.signals;
  return typeof signal === 'number' ? signal : named[String(signal)];
}

interface Shared {
  readonly supervisor: KeptSupervisor;
  readonly opened: Promise<unknown>;
  programs: number;
}

let shared: Shared | undefined;
let spawned = 0;

/** The supervisor of the programs that run now. Each who takes it gives it back. */
function takeShared(): Shared {
  if (shared === undefined) {
    const supervisor = new KeptSupervisor({});
    shared = { supervisor, opened: supervisor.open(), programs: 0 };
  }
  shared.programs += 1;
  return shared;
}

function giveBack(taken: Shared): void {
  taken.programs -= 1;
  if (taken.programs > 0) return;
  if (shared === taken) shared = undefined;
  void taken.supervisor.close();
}

class SpawnedProgram extends EventEmitter<SpawnEvents> implements SpawnedProcess {
  exitCode: number | null = null;
  signalCode: NodeJS.Signals | null = null;
  killed = false;
  pid: number | undefined;
  readonly spawnfile: string;
  readonly spawnargs: string[];
  readonly stdin: SpawnedProcess['stdin'];
  readonly stdout: SpawnedProcess['stdout'];
  readonly stderr: SpawnedProcess['stderr'];
  readonly #kept: Kept;
  readonly #taken: Shared;
  /** Signals that came before it ran. */
  #early: number[] | undefined = [];
  #hasEnded = false;

  constructor(config: PluginConfig, options: SpawnOptions) {
    super();
    spawned += 1;
    const [file = ''] = config.command;
    this.spawnfile = file;
    this.spawnargs = [...config.command];
    const name = `${pluginNameOf(file).slice(0, 40)}-${spawned}`;
    const hear =
      (event: string) =>
      (argument: unknown): void =>
        tell(this, event, argument);
    const on = {
      decision: hear('decision'),
      denied: hear('denied'),
      failed: hear('failed'),
      connection: hear('connection'),
      closed: hear('closed'),
    };
    this.#taken = takeShared();
    const settings = { name, command: config.command, stdio: options.stdio, on };
    this.#kept = this.#taken.supervisor.make(settings, { ...config, name });
    ({ stdin: this.stdin, stdout: this.stdout, stderr: this.stderr } = this.#kept.plugin);
    void this.#run(this.#endBy(options));
  }

  kill(signal: NodeJS.Signals | number = 'SIGTERM'): boolean {
    const number = numberOf(signal);
    if (number === undefined) throw new PosternError('bad_config', `signal: there is no signal "${signal}"`);
    if (this.#hasEnded) return false;
    const isSent = this.#early !== undefined || this.#taken.supervisor.signal(this.#kept, number);
    this.#early?.push(number);
    if (isSent && number !== 0) this.killed = true;
    return isSent;
  }

  /** @param release of what may end it early */
  async #run(release: () => void): Promise<void> {
    const { plugin } = this.#kept;
    const { supervisor, opened } = this.#taken;
    try {
      await opened;
      await supervisor.begin(this.#kept);
      this.pid = plugin.pid;
      for (const number of this.#early ?? []) supervisor.signal(this.#kept, number);
      this.#early = undefined;
      tell(this, 'spawn');
      const { code, signal } = await plugin.exited;
      this.#hasEnded = true;
      this.exitCode = code;
      this.signalCode = signal;
      tell(this, 'exit', code, signal);
    } catch (error) {
      this.#hasEnded = true;
      plugin.finish();
      // Without a listener, emit() throws it.
      callApart(() => this.emit('error', error instanceof Error ? error : new Error(String(error))));
    }
    release();
    giveBack(this.#taken);
    await Promise.all([this.stdout, this.stderr].map(readToEnd));
    tell(this, 'close', this.exitCode, this.signalCode);
  }

  #endBy({ signal, timeout = 0, killSignal = 'SIGTERM' }: SpawnOptions): () => void {
    const timer = timeout > 0 ? setTimeout(() => this.kill(killSignal), timeout) : undefined;
    const abort = (): void => {
      if (!this.kill(killSignal)) return;
      const error = new Error('The operation was aborted', { cause: signal?.reason });
      callApart(() => this.emit('error', Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' })));
    };
    if (signal?.aborted === true) process.nextTick(abort);
    else signal?.addEventListener('abort', abort, { once: true });
    return () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
  }
}

/** Resolves when a stream is read. What nobody reads by now is dropped, as child_process does. */
async function readToEnd(stream: Readable | null): Promise<void> {
  if (stream === null) return;
  // Who hears of the end may read still.
  await turn();
  if (stream.readableFlowing === null && stream.listenerCount('readable') === 0) stream.resume();
  if (!stream.closed) await once(stream, 'close');
}
