// Ends open connections of a plugin, whichever process holds them: one of its sandbox, or of another one, to which a UNIX socket has passed it. Runs
// in the broker, which needs no privilege for it: it may take duplicates of a plugin's descriptors anyway, as for a trapped call. What no process
// holds, and is not closed, is in a message that nobody has received, or in a call. Nothing but the end of its sandbox ends that.
import { setTimeout } from 'node:timers/promises';
import { REVOKE_LOOKS_MS } from '../../shared/limits.js';
import type { EndCause } from '../../shared/reasons.js';
import { endConnection, processesIn, takeSockets, threadsOf } from '../../shared/sys/held-sockets.js';
import { tcpAccount } from '../../shared/sys/socket-state.js';
import type { NotedConnection, OpenRegister } from '../accounts/connection-places.js';
import type { Plugin, Services } from '../request/plugin.js';

/**
 * @param plugin that got them from postern
 * @param register that has noted them
 * @returns whether they have ended. Those that have not may end with the plugin
 */
export async function endConnections(
  services: Services,
  plugin: Plugin,
  register: OpenRegister,
  connections: readonly NotedConnection[],
  cause: EndCause,
): Promise<boolean> {
  let left = connections;
  for (const pause of REVOKE_LOOKS_MS) {
    await setTimeout(pause);
    left = await endHeld(services, plugin, register, left, cause);
    if (left.length === 0) return true;
  }
  // What is left of a former run has outlived its processes: another plugin hides it.
  const ofRun = left.find(
    ({ since }) =>
      /* protects: G8 a run of a plugin is not ended for what a former one has given away => true */ since >=
      (plugin.runsSince ?? 0),
  );
  if (ofRun === undefined) return false;
  process.stderr.write(
    `postern: broker: plugin ${plugin.name}: a connection to ${ofRun.description?.host ?? 'a host'} must end (${cause}), and no process holds it: the plugin is ended\n`,
  );
  // protects: G7 what no process holds ends with its plugin
  plugin.stall.end();
  return false;
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
  for (const { pid, owner } of processesOf(services, plugin)) {
    for (const tid of threadsOf(pid)) {
      // It may wait for the socket's lock, which a thread of the holder can have.
      services.guard.watch(owner.stall, () => endThose(register, tid, inodes, byCookie, cause));
      if (byCookie.size === 0) return [];
    }
    await setTimeout(0);
  }
  return openOf(register, [...byCookie.values()]).map(({ connection }) => connection);
}

/** The processes of all sandboxes, each with its plugin. Those of the plugin come first: most connections are there. */
function processesOf(
  { plugins }: Services,
  plugin: Plugin,
): readonly { readonly pid: number; readonly owner: Plugin }[] {
  const owners = new Map<string, Plugin>();
  for (const one of [/* protects: G22 an end searches every sandbox */ ...plugins.values(), plugin])
    if (one.pidNamespace !== undefined) owners.set(one.pidNamespace, one);
  const all = processesIn(owners);
  return [...all.filter(({ owner }) => owner === plugin), ...all.filter(({ owner }) => owner !== plugin)];
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
