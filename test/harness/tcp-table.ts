// The sockets of this network namespace, as proc_pid_net(5) lists them.
import { readFileSync } from 'node:fs';

/** TCP_SYN_SENT of linux/tcp_states.h. */
const SYN_SENT = '02';

/** The local ports of the connects to a port that have no answer yet. The kernel may list a row twice, or leave one out, while it changes. */
export function connectsUnderWay(port: number): ReadonlySet<number> {
  const to = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .map((row) => row.trim().split(/\s+/));
  const waiting = rows.filter(([, , remote, state]) => remote?.endsWith(to) === true && state === SYN_SENT);
  return new Set(waiting.map(([, local = '']) => Number.parseInt(local.slice(local.indexOf(':') + 1), 16)));
}
