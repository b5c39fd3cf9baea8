// Asks a running broker. An answer has the id of its query.
import { PosternError } from '../../../shared/errors.js';
import { ownerOfGateway } from '../../../shared/gateway.js';
import { DNS_TIMEOUT_MS } from '../../../shared/limits.js';
import type { BrokerLine, ExplainQuestion, Explanation } from '../../../shared/protocol/link.js';
import type {
  OpenConnection,
  OpenConnections,
  PluginUsage,
} from '../../../shared/protocol/open-connections.js';
import { type BrokerLines, brokerFailed } from './broker-lines.js';

/** The broker's metrics as text. The supervisor takes no more. */
const MAX_METRICS_BYTES = 64 * 1024 * 1024;

const METRICS_TIMEOUT_MS = 5_000;
const CONNECTIONS_TIMEOUT_MS = 5_000;
const USAGE_TIMEOUT_MS = 5_000;
/** A DNS question may take its whole time limit. */
const EXPLAIN_TIMEOUT_MS = DNS_TIMEOUT_MS + 5_000;

/** The broker's metrics in Prometheus' text format; undefined where they do not come in time, or are more than any broker has. */
export function queryMetrics(lines: BrokerLines): Promise<string | undefined> {
  const id = lines.nextId();
  lines.send({ type: 'metrics', id });
  return receiveMetrics(lines, id);
}

/** As {@link queryMetrics}, where the query with that id is sent already. */
export function receiveMetrics(lines: BrokerLines, id: number): Promise<string | undefined> {
  let all = '';
  const pick = (line: BrokerLine): string | undefined => {
    if (line.type !== 'metrics' || line.id !== id) return undefined;
    all += line.text;
    if (all.length > MAX_METRICS_BYTES) throw brokerFailed('it writes metrics without end');
    return line.last ? all : undefined;
  };
  return lines.expect(pick, METRICS_TIMEOUT_MS).catch(() => undefined);
}

/**
 * Asks the broker for its decision.
 *
 * @throws where no answer comes in time
 */
export function queryExplanation(
  lines: BrokerLines,
  plugin: string,
  query: ExplainQuestion,
): Promise<Explanation> {
  const id = lines.nextId();
  lines.send({ type: 'explain', id, plugin, ...query });
  return lines.expect(
    (line) => (line.type === 'explained' && line.id === id ? line.explanation : undefined),
    EXPLAIN_TIMEOUT_MS,
  );
}

/** What is asked for: at most so many connections, of one plugin or of all. */
export interface ConnectionsQuery {
  readonly plugin?: string | undefined;
  readonly most: number;
}

/**
 * Asks the broker for open connections.
 *
 * @param plugins those that there are
 * @throws PosternError `broker_failed` where no answer comes in time, or one to another query
 */
export function queryConnections(
  lines: BrokerLines,
  query: ConnectionsQuery,
  plugins: Pick<ReadonlySet<string>, 'has'>,
): Promise<OpenConnections> {
  const id = lines.nextId();
  lines.send({ type: 'connections', id, ...query });
  const all: OpenConnection[] = [];
  const isWanted = ({ plugin }: OpenConnection): boolean =>
    query.plugin === undefined ? plugins.has(plugin) : ownerOfGateway(plugin) === query.plugin;
  return lines.expect((line) => {
    if (line.type !== 'connections' || line.id !== id) return undefined;
    all.push(...line.connections);
    // protects: G13 list: a broker lists no more connections than it was asked for
    if (all.length > query.most) throw brokerFailed('it lists more connections than it was asked for');
    // protects: G13 list: a broker lists no connection of another plugin
    if (!line.connections.every(isWanted)) throw brokerFailed('it lists connections of other plugins');
    return line.last ? { connections: all.map(asOwners), more: line.more } : undefined;
  }, CONNECTIONS_TIMEOUT_MS);
}

/** A connection of a gateway is one of its plugin. */
function asOwners(one: OpenConnection): OpenConnection {
  const plugin = ownerOfGateway(one.plugin);
  return plugin === one.plugin ? one : { ...one, plugin, door: 'gateway' };
}

/**
 * Has the broker end a connection.
 *
 * @param decisionId of its decision in the audit log
 * @throws PosternError `broker_failed` where no answer comes in time, `no_such_connection`
 */
export async function endConnection(lines: BrokerLines, plugin: string, decisionId: string): Promise<void> {
  const id = lines.nextId();
  lines.send({ type: 'end_connection', id, plugin, decisionId });
  const found = await lines.expect(
    (line) => (line.type === 'connection_ended' && line.id === id ? line.found : undefined),
    CONNECTIONS_TIMEOUT_MS,
  );
  if (!found)
    throw new PosternError('no_such_connection', `"${plugin}" has no open connection "${decisionId}"`, {
      fix: 'look at the open connections: postern connections shows their ids',
    });
}

/**
 * Asks the broker what the plugins use of the network. What a gateway uses is its plugin's.
 *
 * @param plugins those that there are
 * @throws PosternError `broker_failed` where no answer comes in time, or one that no broker gives
 */
export function queryUsage(
  lines: BrokerLines,
  plugins: Pick<ReadonlySet<string>, 'has'>,
): Promise<readonly PluginUsage[]> {
  const id = lines.nextId();
  lines.send({ type: 'usage', id });
  const all = new Map<string, PluginUsage>();
  return lines.expect((line) => {
    if (line.type !== 'usage' || line.id !== id) return undefined;
    for (const usage of line.plugins) {
      // One that is gone since then is left out.
      if (plugins.has(usage.plugin)) all.set(usage.plugin, usage);
    }
    return line.last ? ofOwners([...all.values()]) : undefined;
  }, USAGE_TIMEOUT_MS);
}

function ofOwners(all: readonly PluginUsage[]): readonly PluginUsage[] {
  const sums = new Map<string, PluginUsage>();
  for (const one of all) {
    const plugin = ownerOfGateway(one.plugin);
    const sum = sums.get(plugin);
    sums.set(plugin, {
      plugin,
      connections: one.connections + (sum?.connections ?? 0),
      connects: one.connects + (sum?.connects ?? 0),
      denials: one.denials + (sum?.denials ?? 0),
      sent_bytes: one.sent_bytes + (sum?.sent_bytes ?? 0),
      received_bytes: one.received_bytes + (sum?.received_bytes ?? 0),
      waiting: one.waiting + (sum?.waiting ?? 0),
    });
  }
  return [...sums.values()];
}
