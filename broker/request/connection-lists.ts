// Answers the supervisor's queries for the open connections. Runs in the broker. One query is answered at a time, in parts, and other work goes
// on between them: the kernel waits for a connection's lock, which its plugin can hold.
import { ownerOfGateway } from '../../shared/gateway.js';
import { LISTED_AT_ONCE } from '../../shared/limits.js';
import { addressFromBytes } from '../../shared/policy/address.js';
import type { BrokerLine, SupervisorLine } from '../../shared/protocol/link.js';
import type { OpenConnection } from '../../shared/protocol/open-connections.js';
import type { SocketLook } from '../../shared/sys/socket-diag.js';
import type { NotedConnection } from '../ledger/register.js';
import { monotonicMs } from '../ledger/slot-memory.js';
import type { Plugin, Services } from './plugin.js';

type Listed = Pick<Plugin, 'name' | 'connections' | 'stall'>;
/** What lists connections. */
interface ListServices {
  readonly audit: Pick<Services['audit'], 'flush'>;
  readonly guard: Services['guard'];
}
type ConnectionsQuery = SupervisorLine & { readonly type: 'connections' };

export class ConnectionLists {
  readonly #services: ListServices;
  readonly #plugins: ReadonlyMap<string, Listed>;
  readonly #send: (line: BrokerLine) => void;
  #last: Promise<void> = Promise.resolve();

  constructor(
    services: ListServices,
    plugins: ReadonlyMap<string, Listed>,
    send: (line: BrokerLine) => void,
  ) {
    this.#services = services;
    this.#plugins = plugins;
    this.#send = send;
  }

  answer(query: ConnectionsQuery): void {
    this.#last = this.#last.then(() => this.#answer(query));
  }

  async #answer({ id, plugin: name, most }: ConnectionsQuery): Promise<void> {
    // What was answered is described first.
    this.#services.audit.flush();
    const plugins = [...this.#plugins.values()].filter(
      (one) => name === undefined || ownerOfGateway(one.name) === name,
    );
    const shares = shareOut(plugins, most);
    let more = 0;
    for (const plugin of plugins) {
      const share = shares.get(plugin) ?? 0;
      more += openOf(plugin) - share;
      for await (const connections of this.#parts(plugin, share))
        this.#send({ type: 'connections', id, connections, more: 0, last: false });
    }
    this.#send({ type: 'connections', id, connections: [], more, last: true });
  }

  async *#parts(plugin: Listed, most: number): AsyncIterable<readonly OpenConnection[]> {
    // A register that is closed meanwhile has only connections that are gone.
    const { connections, stall } = plugin;
    if (connections === undefined) return;
    for await (const part of connections.newest(most, LISTED_AT_ONCE)) {
      const looks =
        /* protects: G9 list: the bytes of connections are read under the stall guard => stall && connections.look(part, true) */ this.#services.guard.watch(
          stall,
          () => connections.look(part, true),
        );
      yield part.flatMap((one, index) => describeOpen(plugin.name, one, looks[index]));
    }
  }
}

/** Nothing for a connection that no process holds any more. */
function describeOpen(
  plugin: string,
  { description, peer, since }: NotedConnection,
  look: SocketLook | undefined,
): readonly OpenConnection[] {
  if (look?.kind === 'gone' || (look?.kind === 'there' && look.inode === 0)) return [];
  const account = look?.kind === 'there' ? look.account : undefined;
  return [
    {
      decision_id: description?.decision_id ?? null,
      plugin,
      pid: description?.pid ?? null,
      program: description?.program ?? null,
      host: description?.host ?? null,
      port: description?.port ?? null,
      dialed: description?.dialed ?? addressFromBytes(peer.bytes).text,
      rule: description?.rule ?? null,
      door: description?.door ?? null,
      age_ms: Math.max(0, Math.round(monotonicMs() - since)),
      sent_bytes: account?.sentBytes ?? null,
      received_bytes: account?.receivedBytes ?? null,
      rtt_ms: account?.rttMs ?? null,
    },
  ];
}

/** A plugin with many connections leaves room for those of the others. @returns how many of each are listed */
function shareOut(plugins: readonly Listed[], most: number): ReadonlyMap<Listed, number> {
  let left = most;
  const fewestFirst = [...plugins].sort((a, b) => openOf(a) - openOf(b));
  return new Map(
    fewestFirst.map((plugin, at) => {
      const share = Math.min(
        openOf(plugin),
        /* protects: G13 list: a plugin hides no connection of another one => left */ Math.ceil(
          left / (fewestFirst.length - at),
        ),
      );
      left -= share;
      return [plugin, share];
    }),
  );
}

function openOf({ connections }: Listed): number {
  return connections?.open ?? 0;
}
