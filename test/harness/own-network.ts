// A separate network namespace for a test, with a loopback only: every listener there was started by the test.
import { readFileSync } from 'node:fs';

const isRoot = process.geteuid?.() === 0;

/** For {@link PosternOptions.inside}. */
export const ownNetwork: readonly string[] = isRoot
  ? ['unshare', '--net', '--', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh']
  : [
      ...['unshare', '--user', '--map-current-user', '--keep-caps', '--net', '--', 'sh', '-c'],
      'ip link set lo up && exec setpriv --ambient-caps=-all --inh-caps=-all -- "$@"',
      'sh',
    ];

const LISTEN = '0A';

/** The local addresses, as proc_net(5) writes them, of the TCP sockets that listen in a process's network namespace. */
export function listeningIn(pid: number): string[] {
  return ['tcp', 'tcp6'].flatMap((name) =>
    readFileSync(`/proc/${pid}/net/${name}`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((words) => words[3] === LISTEN)
      .map((words) => words[1] ?? ''),
  );
}
