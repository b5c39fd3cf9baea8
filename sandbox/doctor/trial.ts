// The trial of `postern doctor`: makes a sandbox with the supervisor's own code, and tries two connections on loopback
// through the broker, one that a rule allows and one that no rule allows.
import { createServer, type Server } from 'node:net';
import { bundlePath } from '../../shared/bundles.js';
import { type PluginConfig, plainPlugin } from '../../shared/config/plugin-config.js';
import { messageOf, PosternError } from '../../shared/errors.js';
import { nodeFlags } from '../../shared/node-flags.js';
import { ownCodePaths } from '../host/own-code.js';
import { captureStreams } from '../supervisor/start/standard-streams.js';
import { Supervisor } from '../supervisor/supervisor.js';

const PLUGIN = bundlePath('trial-plugin');

interface Failure {
  readonly message: string;
  readonly fix?: string | undefined;
}

export interface Trial {
  /** The plugin's ids inside, and the time from the start to its first instruction. */
  readonly sandbox: { readonly ids: string; readonly milliseconds: number } | { readonly failure: Failure };
  /**
   * What the plugin reports about the connections that it asked for (`said`) and about its own connect(2) (`itself`).
   * `trespasses` counts the connections that reached the listener that no rule allows. Undefined where no sandbox was made.
   */
  readonly connection?:
    | { readonly said: string; readonly itself: string; readonly trespasses: number }
    | { readonly failure: Failure };
}

/** The time limits of launch and connection bound it. Nothing is left running. */
export async function tryHost(): Promise<Trial> {
  const supervisor = new Supervisor({ plugins: [] });
  try {
    await supervisor.start();
    const started = performance.now();
    const shell = await run(supervisor, pluginConfig('doctor-shell', ['/bin/sh', '-c', 'id -u && id -g']));
    const milliseconds = Math.round(shell.runningAt - started);
    if (shell.status !== 0) return { sandbox: { failure: { message: shell.words } } };
    return {
      sandbox: { ids: shell.words.replace('\n', ' '), milliseconds },
      connection: await tryConnections().catch((error: unknown) => ({ failure: asFailure(error) })),
    };
  } catch (error) {
    return { sandbox: { failure: asFailure(error) } };
  } finally {
    await supervisor.close();
  }
}

async function tryConnections(): Promise<NonNullable<Trial['connection']>> {
  let trespasses = 0;
  const host = await loopbackAddress();
  const allowed = await listening(
    createServer((socket) => socket.on('error', () => {}).end('good day')),
    host,
  );
  const forbidden = await listening(
    createServer((socket) => {
      trespasses += 1;
      socket.destroy();
    }),
    host,
  );
  const config = pluginConfig(
    'doctor-connect',
    [process.execPath, ...nodeFlags(), PLUGIN, host, `${portOf(allowed)}`, `${portOf(forbidden)}`],
    [`${host.includes(':') ? `[${host}]` : host}:${portOf(allowed)}`],
  );
  const supervisor = new Supervisor({ plugins: [config] });
  try {
    await supervisor.start();
    for (let left = TRIES; ; left -= 1) {
      const { status, words } = await run(supervisor, config);
      // The kernel of a machine that is short of memory may end it.
      if (status === undefined && left > 1) continue;
      const [said = '', itself = ''] = words.split('\n');
      return { said, itself: itself || describeSilence(status), trespasses };
    }
  } finally {
    await supervisor.close();
    allowed.close();
    forbidden.close();
  }
}

const TRIES = 3;

function describeSilence(status: number | undefined): string {
  return status === undefined
    ? 'a signal ended the plugin'
    : `the plugin said nothing, and ended with ${status}`;
}

interface Run {
  readonly runningAt: number;
  /** undefined where a signal ended it */
  readonly status: number | undefined;
  readonly words: string;
}

async function run(supervisor: Supervisor, config: PluginConfig): Promise<Run> {
  const lines: string[] = [];
  const streams = captureStreams((_stream, line) => void lines.push(line));
  const sandbox = await supervisor.startPlugin(config, () => streams, 'boot');
  const runningAt = performance.now();
  const end = await sandbox.ended;
  await streams.drained();
  return { runningAt, status: end.kind === 'exited' ? end.status : undefined, words: lines.join('\n') };
}

function pluginConfig(name: string, command: readonly string[], allow: readonly string[] = []): PluginConfig {
  return { ...plainPlugin(name, command), allow, visible: allow.length === 0 ? [] : ownCodePaths() };
}

/** A host may have IPv6 alone. @throws PosternError `listen_address` if `lo` has no address of either family */
async function loopbackAddress(): Promise<string> {
  for (const host of ['127.0.0.1', '::1']) {
    try {
      (await listening(createServer(), host)).close();
      return host;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EADDRNOTAVAIL' && code !== 'EAFNOSUPPORT') throw error;
    }
  }
  throw new PosternError('listen_address', 'the interface lo has neither 127.0.0.1 nor ::1', {
    fix: 'Give it one of them, as root:\n  ip link set lo up\n  ip addr add 127.0.0.1/8 dev lo',
  });
}

function listening(server: Server, host: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function asFailure(error: unknown): Failure {
  if (error instanceof PosternError) return { message: error.message, fix: error.fix };
  return { message: messageOf(error) };
}
