// Asks a running broker. An answer has the id of its question.
import { DNS_TIMEOUT_MS, MAX_METRICS_BYTES } from '../../../shared/limits.js';
import type { BrokerLine, ExplainQuestion, Explanation } from '../../../shared/protocol/link.js';
import { brokerFailed } from './broker-failed.js';
import type { BrokerLines } from './broker-lines.js';

const METRICS_TIMEOUT_MS = 5_000;
/** A DNS question may take its whole time limit. */
const EXPLAIN_TIMEOUT_MS = DNS_TIMEOUT_MS + 5_000;

/** The broker's metrics in Prometheus' text format; undefined where they do not come in time, or are more than any broker has. */
export function askMetrics(lines: BrokerLines): Promise<string | undefined> {
  const id = lines.nextId();
  lines.send({ type: 'metrics', id });
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
export function askExplanation(
  lines: BrokerLines,
  plugin: string,
  question: ExplainQuestion,
): Promise<Explanation> {
  const id = lines.nextId();
  lines.send({ type: 'explain', id, plugin, ...question });
  return lines.expect(
    (line) => (line.type === 'explained' && line.id === id ? line.explanation : undefined),
    EXPLAIN_TIMEOUT_MS,
  );
}
