// Applications that give a program a gateway: the argument names one, and what it is to do comes by stdin. Each prints one line of JSON.
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import type { SpawnOptions } from '../../sandbox/library/types.js';
import { createSupervisor, descendants, play, spawn } from './application.js';

export interface GatewayCall {
  readonly way: 'spawn' | 'start';
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly policy: NonNullable<SpawnOptions['policy']>;
  /** What no process of postern's may show. */
  readonly secret: string;
}

const call = (): GatewayCall => JSON.parse(readFileSync(0, 'utf8'));

/** A program as both ways give it. */
interface Program {
  readonly stdin: NodeJS.WritableStream;
  readonly stdout: NodeJS.ReadableStream;
  readonly stderr: NodeJS.ReadableStream;
  readonly ended: Promise<unknown>;
}

async function started({ way, command, env, policy }: GatewayCall, events: string[]): Promise<Program> {
  const tell = (event: unknown): unknown => events.push(JSON.stringify(event));
  if (way === 'start') {
    const supervisor = await createSupervisor({ audit: tell, onNotice: tell });
    const { within: _, ...keys } = policy;
    const settings = { name: 'agent', command, ...keys, ...(env && { env }) };
    const plugin = await supervisor.start(settings).catch(async (error: unknown) => {
      await supervisor.close();
      throw error;
    });
    return { ...streamsOf(plugin), ended: plugin.exited.then(() => supervisor.close()) };
  }
  const [file = '', ...args] = command;
  const child = spawn(file, args, { policy, ...(env && { env }) });
  for (const event of ['decision', 'denied', 'failed', 'connection', 'closed'] as const)
    child.on(event, tell);
  const ended = new Promise((resolve) => child.on('close', resolve));
  await new Promise((resolve, reject) => child.once('spawn', () => resolve(undefined)).once('error', reject));
  return { ...streamsOf(child), ended };
}

function streamsOf<P extends Omit<Program, 'ended'>>({ stdin, stdout, stderr }: P): Omit<Program, 'ended'> {
  return { stdin, stdout, stderr };
}

/** What a process shows of itself. Root alone may read all of it. */
function shown(pid: number): string {
  return ['cmdline', 'environ']
    .map((file) => {
      try {
        return readFileSync(`/proc/${pid}/${file}`, 'latin1');
      } catch {
        return '';
      }
    })
    .join('');
}

const SCENES: Readonly<Record<string, () => Promise<unknown>>> = {
  /** The program says `waits` when it is done, and ends with its input. */
  async calls() {
    const told = call();
    const events: string[] = [];
    const program = await started(told, events);
    const stderr = text(program.stderr);
    let stdout = '';
    for await (const part of program.stdout) {
      if (stdout.includes('waits')) continue;
      stdout += `${part}`;
      if (!stdout.includes('waits')) continue;
      events.push(...[process.pid, ...descendants()].map(shown));
      program.stdin.end('\n');
    }
    await program.ended;
    return { stdout, stderr: await stderr, shows: events.filter((one) => one.includes(told.secret)).length };
  },

  /** @returns the error of a program that must not start */
  async refused() {
    const told = call();
    return started(told, []).then(
      async ({ ended }) => {
        await ended;
        return { code: 'started' };
      },
      (error: Error & { readonly code: string; readonly fix: string }) => ({
        ...{ code: error.code, message: error.message, fix: error.fix },
        shows: `${error.stack}${JSON.stringify(error)}${String(error.cause)}`.includes(told.secret),
      }),
    );
  },
};

await play(SCENES);
