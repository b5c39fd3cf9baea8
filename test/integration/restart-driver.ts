// Starts a plugin's programs one after the other with the same listeners, as a restart policy does. It prints in JSON what
// the clients met. It is a separate program, so that it can run as either user.
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { captureStreams } from '../../sandbox/supervisor/start/standard-streams.js';
import { Supervisor } from '../../sandbox/supervisor/supervisor.js';
import { type ListenConfig, type PluginConfig, plainPlugin } from '../../shared/config/plugin-config.js';

/** One start of the plugin. */
export interface Round {
  readonly command: readonly string[];
  /** Clients of the first listener: before the start, while nothing runs, or while the plugin runs. */
  readonly callers: number;
  readonly when: 'before' | 'after';
}

export interface DriverRequest {
  readonly listen: readonly ListenConfig[];
  readonly rounds: readonly Round[];
}

export interface DriverReport {
  readonly rounds: readonly { readonly replies: readonly string[]; readonly output: readonly string[] }[];
  readonly notices: readonly string[];
  /** Descriptors of the supervisor's process before the first start, and after each end. */
  readonly descriptors: readonly number[];
}

const descriptors = (): number => readdirSync('/proc/self/fd').length;

/** Clients and streams are closed a moment after their end was reported. */
async function settled(expected: number): Promise<number> {
  for (let tries = 0; tries < 500 && descriptors() > expected; tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 20));
  return descriptors();
}

/** @returns what the server sent, or the errno's name */
function call(address: string): { readonly connected: Promise<void>; readonly reply: Promise<string> } {
  const port = /:(\d+)$/.exec(address)?.[1];
  const caller =
    port === undefined
      ? connect(address)
      : connect(Number(port), address.replace(/:\d+$/, '').replace(/[[\]]/g, ''));
  let heard = '';
  caller.on('data', (bytes: Buffer) => {
    heard += bytes.toString('latin1');
  });
  const reply = new Promise<string>((resolve) => {
    caller.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    caller.on('close', () => resolve(heard));
  });
  const connected = new Promise<void>((resolve) => {
    caller.once('connect', resolve);
    caller.once('error', () => resolve());
  });
  return { connected, reply };
}

async function drive({ listen, rounds }: DriverRequest): Promise<DriverReport> {
  const config: PluginConfig = { ...plainPlugin('driven', []), listen };
  const notices: string[] = [];
  const supervisor = new Supervisor({ plugins: [config], onNotice: (text) => notices.push(text) });
  await supervisor.start();
  const address = /on (\S+:\d+)$/.exec(notices[0] ?? '')?.[1] ?? listen[0]?.address ?? '';
  const before = descriptors();
  const reports: DriverReport['rounds'][number][] = [];
  const held: number[] = [before];
  try {
    for (const { command, callers, when } of rounds) {
      const output: string[] = [];
      const streams = captureStreams((_, line) => void output.push(line));
      const dial = (): ReturnType<typeof call>[] => Array.from({ length: callers }, () => call(address));
      const early = when === 'before' ? dial() : [];
      await Promise.all(early.map(({ connected }) => connected));
      const sandbox = await supervisor.startPlugin({ ...config, command }, () => streams, 'boot');
      const called = [...early, ...(when === 'after' ? dial() : [])];
      await sandbox.ended;
      await streams.drained();
      reports.push({ replies: await Promise.all(called.map(({ reply }) => reply)), output });
      held.push(await settled(before));
    }
  } finally {
    await supervisor.close();
  }
  return { rounds: reports, notices, descriptors: held };
}

const report = await drive(JSON.parse(process.argv[2] ?? '') as DriverRequest);
process.stdout.write(JSON.stringify(report));
process.exit(0);
