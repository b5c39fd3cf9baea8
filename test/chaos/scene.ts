// What a chaos run starts: a server, and `postern up` with plugins that use it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../harness/free-port.js';
import type { Listener } from '../harness/listener.js';
import { brokerOf } from '../harness/processes.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { asUser, distFor, readableFolder, type User } from '../harness/users.js';
import { type AuditPlace, auditDisk, auditPipe } from './audit-place.js';
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

export async function setScene(user: User, seed: number): Promise<Scene> {
  const upstream = await startUpstream();
  const folder = readableFolder();
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
  // Both kinds of destination get their turn.
  // A pipe in the folder of the file would show to the plugins.
  const audit = user === 'root' && seed % 2 === 0 ? auditDisk(folder) : auditPipe(readableFolder());
  const config = {
    metrics: `127.0.0.1:${metricsPort}`,
    audit: audit.path,
    plugins: {
      ...Object.fromEntries(
        STEADY.map((name, number) => {
          const [way = '', work = ''] = name.split('-');
          return [name, plugin(way, work, number)];
        }),
      ),
      restless: { command: ['sleep', '0.3'], restart: { policy: 'always' } },
    },
  };
  const path = join(folder, 'postern.yaml');
  writeFileSync(path, JSON.stringify(config));
  const resolvConf = user === 'root' ? join(folder, 'resolv.conf') : undefined;
  const up = [process.execPath, join(distFor(user), 'run/postern.js'), 'up', '--control', 'off'];
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
    ...{ upstream, child, pid, metricsPort, audit, resolvConf },
    config: { path, ...config },
    output: () => output,
    broker: () => brokerOf(pid),
  };
}

/** In a mount namespace, with a file of the run in the place of /etc/resolv.conf. */
function withResolvConf(file: string, words: readonly string[]): readonly string[] {
  writeFileSync(file, readFileSync('/etc/resolv.conf'));
  const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, file, ...words];
}
