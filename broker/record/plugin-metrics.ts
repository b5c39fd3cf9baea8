// One plugin's series: each that can occur stands at 0 from its configuration on, and goes with the plugin.
// Runs in the broker. Label objects are made once, for the hot path.
import type { Policy } from '../../shared/policy/policy.js';
import {
  type DecisionWord,
  LIMITS,
  type Limit,
  OUTCOMES,
  type Outcome,
  PROTOCOL_ERRORS,
  type ProtocolErrorKind,
  QUESTION_ANSWERS,
  type QuestionAnswer,
  type Reason,
  SLOW_ACTIONS,
  type SlowAction,
  TRAP_ANSWERS,
  TRAP_CALLS,
  type TrapAnswer,
  type TrapCall,
  WAYS_OUT,
  type WayOut,
} from '../../shared/reasons.js';
import type { Metrics } from './metrics.js';

const DECIDED: Readonly<Record<DecisionWord, readonly Reason[]>> = {
  allow: ['rule'],
  deny: [
    'malformed_host',
    'invalid_port',
    'denied_by_rule',
    'no_rule',
    'port_not_allowed',
    'address_denied',
    'address_special',
    'stale_grant',
    'foreign_netns',
    'udp_refused',
    'dns_error',
    'rate_limited',
    'concurrency_limited',
    'policy_unavailable',
  ],
  would_deny: ['no_rule', 'port_not_allowed'],
};
/** Those of a control group are there once the supervisor tells of one. */
const LIMITS_HERE: readonly Limit[] = [
  'rate',
  'concurrency',
  'queue',
  'connections',
  'dns_rate',
  'log_rate',
  'descriptors',
];

type DecisionLabels = { readonly plugin: string; readonly decision: string; readonly reason: string };
type OutcomeLabels = { readonly plugin: string; readonly outcome: string };

/** Counts for one plugin. */
export class PluginMetrics {
  readonly #metrics: Metrics;
  readonly #plugin: string;
  readonly #decisions = new Map<string, DecisionLabels>();
  readonly #outcomes = new Map<Outcome, OutcomeLabels>();

  constructor(metrics: Metrics, plugin: string) {
    this.#metrics = metrics;
    this.#plugin = plugin;
    for (const [decision, reasons] of Object.entries(DECIDED)) {
      for (const reason of reasons)
        this.#decisions.set(`${decision} ${reason}`, { plugin, decision, reason });
    }
    for (const outcome of OUTCOMES) this.#outcomes.set(outcome, { plugin, outcome });
    for (const labels of this.#decisions.values()) metrics.decisions.inc(labels, 0);
    for (const labels of this.#outcomes.values()) metrics.connects.inc(labels, 0);
    for (const limit of LIMITS_HERE) metrics.limitRejections.inc({ plugin, limit }, 0);
    for (const kind of PROTOCOL_ERRORS) metrics.protocolErrors.inc({ plugin, kind }, 0);
    for (const answer of QUESTION_ANSWERS) metrics.dnsQuestions.inc({ plugin, answer }, 0);
    for (const action of SLOW_ACTIONS) metrics.slowTouches.inc({ plugin, action }, 0);
    for (const door of WAYS_OUT) metrics.socketsPassed.inc({ plugin, door }, 0);
    for (const trapped of trapsThatOccur()) metrics.traps.inc({ plugin, ...trapped }, 0);
    this.show(0, 0);
    this.rules({ allow: 0, deny: 0 });
  }

  decided(decision: DecisionWord, reason: Reason): void {
    const labels = this.#decisions.get(`${decision} ${reason}`) ?? { plugin: this.#plugin, decision, reason };
    this.#metrics.decisions.inc(labels);
  }

  connectEnded(outcome: Outcome): void {
    this.#metrics.connects.inc(this.#outcomes.get(outcome) ?? { plugin: this.#plugin, outcome });
  }

  socketPassed(door: WayOut): void {
    this.#metrics.socketsPassed.inc({ plugin: this.#plugin, door });
  }

  stalled(action: SlowAction): void {
    this.#metrics.slowTouches.inc({ plugin: this.#plugin, action });
  }

  trapped(call: TrapCall, answer: TrapAnswer): void {
    this.#metrics.traps.inc({ plugin: this.#plugin, call, answer });
  }

  limited(limit: Limit, times = 1): void {
    this.#metrics.limitRejections.inc({ plugin: this.#plugin, limit }, times);
  }

  questionAnswered(answer: QuestionAnswer): void {
    this.#metrics.dnsQuestions.inc({ plugin: this.#plugin, answer });
  }

  protocolError(kind: ProtocolErrorKind): void {
    this.#metrics.protocolErrors.inc({ plugin: this.#plugin, kind });
  }

  rules(counts: Policy['counts']): void {
    this.#metrics.policyRules.set({ plugin: this.#plugin, list: 'allow' }, counts.allow);
    this.#metrics.policyRules.set({ plugin: this.#plugin, list: 'deny' }, counts.deny);
  }

  /** Gauges of the queue, set when the figures are asked for. */
  show(inFlight: number, queued: number): void {
    this.#metrics.requestsInFlight.set({ plugin: this.#plugin }, inFlight);
    this.#metrics.requestsQueued.set({ plugin: this.#plugin }, queued);
  }

  /** Takes every series of the plugin away. */
  remove(): void {
    const plugin = this.#plugin;
    const { decisions, connects, limitRejections, protocolErrors: errors, policyRules } = this.#metrics;
    for (const labels of this.#decisions.values()) decisions.remove(labels);
    for (const labels of this.#outcomes.values()) connects.remove(labels);
    for (const limit of LIMITS) limitRejections.remove({ plugin, limit });
    for (const kind of PROTOCOL_ERRORS) errors.remove({ plugin, kind });
    for (const answer of QUESTION_ANSWERS) this.#metrics.dnsQuestions.remove({ plugin, answer });
    for (const list of ['allow', 'deny']) policyRules.remove({ plugin, list });
    for (const action of SLOW_ACTIONS) this.#metrics.slowTouches.remove({ plugin, action });
    for (const door of WAYS_OUT) this.#metrics.socketsPassed.remove({ plugin, door });
    for (const trapped of trapsThatOccur()) this.#metrics.traps.remove({ plugin, ...trapped });
    this.#metrics.requestsInFlight.remove({ plugin });
    this.#metrics.requestsQueued.remove({ plugin });
  }
}

/** A connection is what a connect alone can be given. */
function trapsThatOccur(): readonly { readonly call: TrapCall; readonly answer: TrapAnswer }[] {
  return TRAP_CALLS.flatMap((call) =>
    TRAP_ANSWERS.filter((answer) => call === 'connect' || answer !== 'brokered').map((answer) => ({
      call,
      answer,
    })),
  );
}
