// The counts of one plugin. Runs in the broker.
import type { LimitWord } from '../../shared/config/counted-limits.js';
import type { Policy } from '../../shared/policy/policy.js';
import type {
  DecisionWord,
  Outcome,
  ProtocolErrorKind,
  QuestionAnswer,
  Reason,
  SlowAction,
  TrapAnswer,
  TrapCall,
  WayOut,
} from '../../shared/reasons.js';
import type { MetricSet } from './metric-set.js';
import type { LabelsOf, PluginMetricKey } from './metric-table.js';

export class PluginMetrics {
  readonly #set: MetricSet;
  readonly #plugin: string;

  constructor(set: MetricSet, plugin: string) {
    this.#set = set;
    this.#plugin = plugin;
    set.addPlugin(plugin);
  }

  decided(decision: DecisionWord, reason: Reason): void {
    this.#count('decisions', { decision, reason });
  }

  connectEnded(outcome: Outcome): void {
    this.#count('connects', { outcome });
  }

  socketPassed(door: WayOut): void {
    this.#count('socketsPassed', { door });
  }

  stalled(action: SlowAction): void {
    this.#count('stalls', { action });
  }

  trapped(call: TrapCall, answer: TrapAnswer): void {
    this.#count('traps', { call, answer });
  }

  limited(limit: LimitWord, times?: number): void {
    this.#count('limitRejections', { limit }, times);
  }

  questionAnswered(answer: QuestionAnswer): void {
    this.#count('dnsQuestions', { answer });
  }

  protocolError(kind: ProtocolErrorKind): void {
    this.#count('protocolErrors', { kind });
  }

  rules({ allow, deny }: Policy['counts']): void {
    this.#set.setOf('policyRules', this.#plugin, { list: 'allow' }, allow);
    this.#set.setOf('policyRules', this.#plugin, { list: 'deny' }, deny);
  }

  /** Sets the gauges of the queue, when the metrics are asked for. */
  show(inFlight: number, queued: number): void {
    this.#set.setOf('requestsInFlight', this.#plugin, {}, inFlight);
    this.#set.setOf('requestsQueued', this.#plugin, {}, queued);
  }

  remove(): void {
    this.#set.removePlugin(this.#plugin);
  }

  #count<M extends PluginMetricKey<'counter'>>(key: M, labels: LabelsOf<M>, times?: number): void {
    this.#set.countOf(key, this.#plugin, labels, times);
  }
}
