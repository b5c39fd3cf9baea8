// The sockets of this network namespace, as proc_pid_net(5) lists them.
import { readFileSync } from 'node:fs';

/** TCP_SYN_SENT of linux/tcp_states.h. */
const SYN_SENT = '02';

/** How many connects to a port have no answer yet. */
export function connectsUnderWay(port: number): number {
  const to = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'latin1')
    .split('\n')
    .map((row) => row.trim().split(/\s+/));
  return rows.filter(([, , remote, state]) => remote?.endsWith(to) === true && state === SYN_SENT).length;
}
