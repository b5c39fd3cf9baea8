// A test file's own network. postern runs in one namespace, as on a host. The servers run in another, at addresses that are public to
// the policy. It does not touch the machine's own network, and ends with the test's process.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { readableFile, readableFolder } from '../../harness/users.js';
import { CLOSED, HOST, NAME_SERVER, OPEN_ADDRESSES } from './addresses.js';
import type { Heard, Ready } from './upstream.js';

const SCRIPT = fileURLToPath(new URL('./network.sh', import.meta.url));
const UPSTREAM = fileURLToPath(new URL('./upstream.js', import.meta.url));
const isRoot = process.geteuid?.() === 0;

export class TestNetwork {
  /** Words that run a command where postern runs. */
  readonly host: readonly string[];
  /** Words that run a command where the servers are. */
  readonly town: readonly string[];
  /** The folder that the HTTP server serves. */
  readonly folder: string;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, folder: string, { host, town }: Ready) {
    this.#child = child;
    this.folder = folder;
    // An ordinary user's network belongs to a user namespace of that user.
    const ours = isRoot ? [] : ['--user', '--preserve-credentials'];
    this.host = ['nsenter', '--target', String(host), ...ours, '--mount', '--net', '--'];
    this.town = ['nsenter', '--target', String(town), ...ours, '--net', '--'];
  }

  /** The connections and questions that reached the servers so far. */
  async heard(): Promise<Heard> {
    const answer = once(this.#child, 'message') as Promise<[Heard]>;
    this.#child.send('heard');
    return (await answer)[0];
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }
}

/** @throws Error where the namespaces cannot be made */
export async function startNetwork(): Promise<TestNetwork> {
  const folder = readableFolder();
  const child = spawn(
    'unshare',
    [
      ...(isRoot ? [] : ['--user', '--map-current-user', '--keep-caps']),
      ...['--net', '--mount', '--', 'sh', SCRIPT],
      ...[
        readableFile('resolv.conf', `nameserver ${NAME_SERVER}\n`),
        readableFile('hosts', '127.0.0.1 localhost\n'),
      ],
      ...[...Object.values(HOST), '--', ...OPEN_ADDRESSES, ...Object.values(CLOSED), NAME_SERVER, '--'],
      ...[process.execPath, UPSTREAM, folder],
    ],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  );
  process.once('exit', () => child.kill('SIGKILL'));
  const failed = once(child, 'exit').then(([status]) => {
    throw new Error(`The network was not made: status ${status}`);
  });
  const [ready] = (await Promise.race([once(child, 'message'), failed])) as [Ready];
  failed.catch(() => {});
  return new TestNetwork(child, folder, ready);
}
