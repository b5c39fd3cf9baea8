// Runs a program of semantics/ on the host and in a sandbox and compares what it prints, line by line: towards the host's
// listeners, and within the program's own loopback.
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { compile } from '../harness/compile.js';
import { freePort, listenLow } from '../harness/free-port.js';
import type { Listener } from '../harness/listener.js';
import { PATIENCE } from '../harness/patience.js';
import { postern } from '../harness/postern.js';
import type { User } from '../harness/users.js';

const run = promisify(execFile);

/** A C program of semantics/, compiled. */
export function semanticsProgram(name: string): string {
  return compile(new URL(`semantics/${name}.c`, import.meta.url));
}

interface Held {
  readonly port: number;
  readonly filling: readonly number[];
  readonly holder: ChildProcess;
}

/** Starts the holder of a listener with a full queue. Another test may take the port that was free: it tries the next one. */
async function hold(): Promise<Held> {
  const holder = spawn(semanticsProgram('hold'), [String(await freePort())], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const said = await new Promise<string | undefined>((resolve, reject) => {
    holder.once('error', reject).once('close', () => resolve(undefined));
    holder.stdout.once('data', (text) => resolve(String(text)));
  });
  if (said === undefined) return hold();
  const [port = 0, ...filling] = said.trim().split(' ').map(Number);
  return { port, filling, holder };
}

/** Three ports of the host that no listener inside uses: one answers (over IPv6 on another), one has no listener, one has a full queue. */
export class Ports {
  readonly open: Listener;
  readonly open6: Listener;
  readonly closed: number;
  readonly full: number;
  /** The ports of the connects that fill the queue. */
  readonly filling: readonly number[];
  readonly #holder: ChildProcess;

  private constructor(open: Listener, open6: Listener, closed: number, held: Held) {
    this.open = open;
    this.open6 = open6;
    this.closed = closed;
    this.full = held.port;
    this.filling = held.filling;
    this.#holder = held.holder;
  }

  static async start(): Promise<Ports> {
    const open = await listenLow();
    const open6 = await listenLow('::1');
    return new Ports(open, open6, await freePort(), await hold());
  }

  /** As the programs take them. */
  get words(): readonly string[] {
    return [this.open.port, this.closed, this.full, this.open6.port].map(String);
  }

  get rules(): readonly string[] {
    const ports = [this.open.port, this.closed, this.full].join(',');
    return [`127.0.0.1:${ports}`, `[::1]:${this.open6.port}`];
  }

  async close(): Promise<void> {
    this.#holder.kill('SIGKILL');
    await Promise.all([this.open.close(), this.open6.close()]);
  }
}

/** Runs the program twice: with the host's ports, then with three ports of its own loopback. */
const TWICE = [
  '/bin/sh',
  '-c',
  `export POSTERN_TEST_PATIENCE=${PATIENCE}; "$0" "$@" && echo ---- && exec "$0" own`,
];

/** The output of a program on the host. */
export async function direct(program: string, ports: Ports): Promise<readonly string[]> {
  const [shell = '', ...script] = TWICE;
  const { stdout } = await run(shell, [...script, program, ...ports.words], {
    timeout: 60_000 * PATIENCE,
  });
  return stdout.split('\n');
}

/** Its output in a sandbox. @param dist another build of postern's */
export async function inside(
  user: User,
  program: string,
  ports: Ports,
  dist?: string,
): Promise<readonly string[]> {
  const allow = ports.rules.flatMap((rule) => ['--allow', rule]);
  const { status, signal, stdout, stderr } = await postern(
    ['run', ...allow, '--visible', program, '--', ...TWICE, program, ...ports.words],
    { as: user, ...(dist === undefined ? {} : { dist }) },
  );
  assert.equal(status ?? signal, 0, `${stdout}\n${stderr}`);
  return stdout.split('\n');
}
