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

/**
 * @param setup commands of sh(1) that run before the command, with a loopback that is up. They may start one server, whose pid they leave in
 *   `$server`: it ends with the command
 * @returns as {@link ownNetwork}
 */
export function ownNetworkWith(setup: string): readonly string[] {
  return ownNetwork.map((word) =>
    word.replace(
      /^ip link set lo up && exec ([\s\S]*)$/,
      (_whole, command: string) =>
        `ip link set lo up\n${setup}\n${command}\nstatus=$?; kill $server; exit $status`,
    ),
  );
}

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
