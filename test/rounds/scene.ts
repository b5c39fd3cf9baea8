// What a rounds run starts: two servers, and `postern up` with plugins that use them.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../harness/free-port.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { asUser, chownTo, distFor, readableFolder, type User } from '../harness/users.js';
import { startUpstream, type Upstream } from './upstream.js';

const PLUGIN = readFileSync(new URL('plugin.py', import.meta.url), 'utf8');

export interface Scene {
  readonly child: ChildProcess;
  /** The server that the rules always allow, and the one that they allow in every other round. */
  readonly always: Upstream;
  readonly sometimes: Upstream;
  readonly control: string;
  readonly audit: string;
  readonly metricsPort: number;
  readonly output: () => string;
  /** Writes the file with other rules. */
  readonly write: (allowsBoth: boolean) => void;
  /** Has the plugins end their work. */
  readonly finish: () => void;
}

/** Every other plugin uses the channel. */
export async function setScene(user: User, plugins: number): Promise<Scene> {
  const [always, sometimes] = [await startUpstream(), await startUpstream()];
  const folder = readableFolder();
  chownTo(user, folder);
  const metricsPort = await freePort();
  const [path, control, audit] = ['postern.yaml', 'control.sock', 'audit.jsonl'].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  // The plugins see it, and nothing else of the run.
  const shown = readableFolder();
  const done = join(shown, 'done');
  const plugin = (number: number, allowsBoth: boolean): object => {
    const way = number % 2 === 0 ? 'trap' : 'channel';
    return {
      command: [
        ...['/usr/bin/python3', '-c', `${way === 'channel' ? PYTHON_CHANNEL : ''}\n${PLUGIN}`],
        ...[way, String(always.port), String(sometimes.port), done],
      ],
      allow: [always, ...(allowsBoth ? [sometimes] : [])].map(({ port }) => `127.0.0.1:${port}`),
      filesystem: { visible: [shown] },
    };
  };
  const write = (allowsBoth: boolean): void => {
    const config = {
      metrics: `127.0.0.1:${metricsPort}`,
      reload: { revoke: 'immediate' },
      audit,
      plugins: Object.fromEntries(
        Array.from({ length: plugins }, (_, number) => [`plugin-${number}`, plugin(number, allowsBoth)]),
      ),
    };
    writeFileSync(`${path}.new`, JSON.stringify(config));
    renameSync(`${path}.new`, path);
  };
  write(false);
  const up = [process.execPath, join(distFor(user), 'run/postern.js'), 'up', '--control', control];
  const [program = '', ...args] = [...asUser(user), ...up];
  const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  await once(child, 'spawn');
  const finish = (): void => writeFileSync(done, '');
  return { child, always, sometimes, control, audit, metricsPort, output: () => output, write, finish };
}
