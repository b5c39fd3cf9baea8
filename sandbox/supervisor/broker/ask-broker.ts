// Questions to a running broker, whose answers bear the question's id.
import { DNS_TIMEOUT_MS } from '../../../shared/limits.js';
import type { BrokerLine, Explanation } from '../../../shared/protocol/link.js';
import type { BrokerLines } from './broker-lines.js';

const METRICS_TIMEOUT_MS = 5_000;
/** A question of DNS may take its whole time. */
const EXPLAIN_TIMEOUT_MS = DNS_TIMEOUT_MS + 5_000;

/** The broker's series, in Prometheus' text format; undefined where none come in time. */
export function askMetrics(lines: BrokerLines): Promise<string | undefined> {
  const id = lines.nextId();
  lines.send({ type: 'metrics', id });
  const pick = (line: BrokerLine): string | undefined =>
    line.type === 'metrics' && line.id === id ? line.text : undefined;
  return lines.expect(pick, METRICS_TIMEOUT_MS).catch(() => undefined);
}

/**
 * What the broker would decide.
 *
 * @param resolved addresses to take for the name's, instead of asking DNS
 * @throws where no answer comes in time
 */
export function askExplanation(
  lines: BrokerLines,
  plugin: string,
  destination: { readonly host: string; readonly port: number },
  resolved?: readonly string[],
): Promise<Explanation> {
  const id = lines.nextId();
  lines.send({ type: 'explain', id, plugin, ...destination, resolved });
  return lines.expect(
    (line) => (line.type === 'explained' && line.id === id ? line.explanation : undefined),
    EXPLAIN_TIMEOUT_MS,
  );
}
