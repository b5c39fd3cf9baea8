// Ends open connections of a plugin, whichever process of its sandbox holds them. Runs in the broker, which needs no privilege for it: it may
// take duplicates of a plugin's descriptors anyway, as for a trapped call. What no process holds, and is not closed, is in a message
// that nobody has received. Nothing but the end of its sandbox ends that.
import { setTimeout } from 'node:timers/promises';
import { REVOKE_LOOKS_MS } from '../../shared/limits.js';
import type { EndCause } from '../../shared/reasons.js';
import { endConnection, processesIn, takeSockets, threadsOf } from '../../shared/sys/held-sockets.js';
import { tcpAccount } from '../../shared/sys/tcp-account.js';
import type { NotedConnection, OpenRegister } from '../accounts/connection-places.js';
import type { Plugin } from '../request/plugin.js';
import type { Services } from '../request/services.js';

/** @param register that has noted them @returns when they have ended, or the plugin has */
export async function endConnections(
  services: Services,
  plugin: Plugin,
  register: OpenRegister,
  connections: readonly NotedConnection[],
  cause: EndCause,
): Promise<void> {
  let left = connections;
  for (const pause of REVOKE_LOOKS_MS) {
    await setTimeout(pause);
    left = await endHeld(services, plugin, register, left, cause);
    if (left.length === 0) return;
  }
  const [first] = left;
  process.stderr.write(
    `postern: broker: plugin ${plugin.name}: a connection to ${first?.description?.host ?? 'a host'} must end (${cause}), and no process holds it: the plugin is ended\n`,
  );
  // protects: G7 what no process holds ends with its plugin
  plugin.stall.end();
}

/** @returns those that are still open */
async function endHeld(
  services: Services,
  plugin: Plugin,
  register: OpenRegister,
  wanted: readonly NotedConnection[],
  cause: EndCause,
): Promise<readonly NotedConnection[]> {
  const open = openOf(register, wanted);
  const byCookie = new Map(open.map(({ connection }) => [connection.cookie, connection]));
  const inodes = new Set(open.map(({ inode }) => inode));
  if (inodes.size === 0) return [];
  for (const pid of plugin.pidNamespace === undefined ? [] : processesIn(plugin.pidNamespace)) {
    for (const tid of threadsOf(pid)) {
      // It may wait for the socket's lock, which a thread of the plugin can hold.
      services.guard.watch(plugin.stall, () => endThose(register, tid, inodes, byCookie, cause));
      if (byCookie.size === 0) return [];
    }
    await setTimeout(0);
  }
  return openOf(register, [...byCookie.values()]).map(({ connection }) => connection);
}

function endThose(
  register: OpenRegister,
  tid: number,
  inodes: ReadonlySet<number>,
  byCookie: Map<bigint, NotedConnection>,
  cause: EndCause,
): void {
  for (const { cookie, socket } of takeSockets(tid, inodes)) {
    using held = socket;
    const connection = byCookie.get(cookie);
    if (connection === undefined) continue;
    byCookie.delete(cookie);
    const account = tcpAccount(held.number);
    endConnection(held.number);
    register.ended(connection, account, cause);
  }
}

/** Those that a process holds, or that wait in a message. What a program has closed cannot be ended, and carries no more of its words. */
function openOf(
  register: OpenRegister,
  connections: readonly NotedConnection[],
): readonly { readonly connection: NotedConnection; readonly inode: number }[] {
  const looks = register.look(connections, false);
  return connections.flatMap((connection, at) => {
    const look = looks[at];
    return look?.kind === 'there' && look.inode !== 0 ? [{ connection, inode: look.inode }] : [];
  });
}
