// What a chaos run starts: a server, and `postern up` with plugins that use it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../harness/free-port.js';
import { type Listener, listen } from '../harness/listener.js';
import { brokerOf } from '../harness/processes.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { asUser, chownTo, distFor, readableFolder, type User } from '../harness/users.js';
import { ASK_S } from './answerer.js';
import { type AuditPlace, auditDisk, auditPipe } from './audit-place.js';
import { NAMES, PORTS } from './in-public-net.js';
import { startUpstream } from './upstream.js';

const PLUGIN = readFileSync(new URL('plugins.py', import.meta.url), 'utf8');

export interface Scene {
  readonly upstream: Listener;
  /** The supervisor. */
  readonly child: ChildProcess;
  readonly pid: number;
  readonly metricsPort: number;
  readonly audit: AuditPlace;
  /** What the plugins told, and what postern wrote. */
  readonly output: () => string;
  readonly resolvConf: string | undefined;
  /** The path of its control socket. */
  readonly control: string;
  /** How many connections came to a server that no rule allows, and that nobody can approve. */
  readonly specialHeard: () => number;
  /** `PORT HOST` of what the hook has approved. */
  readonly hookApproved: () => readonly string[];
  /** The file that postern runs, and what it holds. */
  readonly config: { readonly path: string; readonly plugins: Readonly<Record<string, object>> };
  readonly broker: () => number | undefined;
}

/** The plugins that must not be restarted. */
export const STEADY: readonly string[] = [
  'trap-transfer',
  'channel-transfer',
  'trap-steady',
  'trap-steady-2',
  'channel-steady',
];

/** Those that ask for places that no rule allows. They must not be restarted either. */
export const ASKERS: readonly string[] = ['trap-ask', 'trap-ask-2', 'trap-ask-names', 'channel-ask'];

export async function setScene(user: User, seed: number, dns: string): Promise<Scene> {
  const upstream = await startUpstream();
  const special = await listen(() => {}, '0.0.0.0');
  const folder = readableFolder();
  chownTo(user, folder);
  const metricsPort = await freePort();
  const plugin = (way: string, work: string, number: number): object => ({
    command: [
      '/usr/bin/python3',
      '-c',
      (way === 'channel' ? PYTHON_CHANNEL : '') + PLUGIN,
      ...[way, work, String(upstream.port), String(seed + number)],
    ],
    allow: [`127.0.0.1:${upstream.port}`],
    limits: { log_lines_per_second: 10_000 },
  });
  const asker = (way: string, what: string | undefined, number: number): object => {
    const hosts =
      what === 'names' ? Object.keys(NAMES) : Array.from({ length: 60 }, (_, at) => `93.184.216.${1 + at}`);
    const places = {
      ...{ hosts, ports: PORTS, seconds: ASK_S },
      special: [
        ['10.1.2.3', 443],
        ['169.254.169.254', 80],
        // The host's own address, and its loopback.
        ['198.51.100.1', special.port],
        ['127.0.0.1', special.port],
      ],
    };
    const { command } = plugin(way, 'ask', number) as { command: readonly string[] };
    return {
      command: [...command, JSON.stringify(places)],
      unknown: 'ask',
      limits: { log_lines_per_second: 10_000 },
    };
  };
  const hook = join(folder, 'hook.py');
  writeFileSync(hook, readFileSync(new URL('hook.py', import.meta.url)), { mode: 0o755 });
  chmodSync(hook, 0o755);
  const control = join(folder, 'control.sock');
  // Both kinds of destination get their turn.
  // A pipe in the folder of the file would show to the plugins.
  const audit = user === 'root' && seed % 2 === 0 ? auditDisk(folder) : auditPipe(readableFolder());
  const config = {
    metrics: `127.0.0.1:${metricsPort}`,
    audit: audit.path,
    dns: [dns],
    ask: { timeout_s: ASK_S, hook: [hook] },
    plugins: {
      ...Object.fromEntries(
        STEADY.map((name, number) => {
          const [way = '', work = ''] = name.split('-');
          return [name, plugin(way, work, number)];
        }),
      ),
      ...Object.fromEntries(
        ASKERS.map((name, number) => {
          const [way = '', , what] = name.split('-');
          return [name, asker(way, what, STEADY.length + number)];
        }),
      ),
      restless: { command: ['sleep', '0.3'], restart: { policy: 'always' } },
    },
  };
  const path = join(folder, 'postern.yaml');
  writeFileSync(path, JSON.stringify(config));
  const resolvConf = user === 'root' ? join(folder, 'resolv.conf') : undefined;
  const up = [process.execPath, join(distFor(user), 'run/postern.js'), 'up', '--control', control];
  const command = resolvConf === undefined ? [...asUser(user), ...up] : withResolvConf(resolvConf, up);
  const [program = '', ...args] = command;
  const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  return {
    ...{ upstream, child, pid, metricsPort, audit, resolvConf, control },
    specialHeard: special.connections,
    hookApproved: () => linesOf(join(folder, 'hook.log')),
    config: { path, ...config },
    output: () => output,
    broker: () => brokerOf(pid),
  };
}

function linesOf(path: string): readonly string[] {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
}

/** In a mount namespace, with a file of the run in the place of /etc/resolv.conf. */
function withResolvConf(file: string, words: readonly string[]): readonly string[] {
  writeFileSync(file, readFileSync('/etc/resolv.conf'));
  const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, file, ...words];
}
