// The broker's figures, prom-client in a registry of its own. Runs in the broker; the supervisor serves the text.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import {
  ADDRESS_CLASSES,
  type AddressClass,
  DNS_RESULTS,
  type DnsResult,
  OUTCOMES,
  type Outcome,
} from '../../shared/reasons.js';

const FAST_BUCKETS = [5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 2.5e-2, 0.1];
const NETWORK_BUCKETS = [
  5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

type Labels<L extends string> = Readonly<Record<L, string>>;

/** Every metric of the broker; plugin-metrics.ts holds the labels of one plugin. */
export class Metrics {
  readonly #registry: Registry = new Registry();
  readonly decisions: Counter<'plugin' | 'decision' | 'reason'>;
  readonly decisionDuration: Histogram;
  readonly connects: Counter<'plugin' | 'outcome'>;
  readonly socketsPassed: Counter<'plugin' | 'door'>;
  readonly slowTouches: Counter<'plugin' | 'action'>;
  readonly traps: Counter<'plugin' | 'call' | 'answer'>;
  readonly requestsInFlight: Gauge<'plugin'>;
  readonly requestsQueued: Gauge<'plugin'>;
  readonly limitRejections: Counter<'plugin' | 'limit'>;
  readonly protocolErrors: Counter<'plugin' | 'kind'>;
  readonly dnsQuestions: Counter<'plugin' | 'answer'>;
  readonly policyRules: Gauge<'plugin' | 'list'>;
  readonly auditEventsDropped: Counter;
  readonly #dnsLookups: Counter<'result'>;
  readonly #dnsDuration: Histogram;
  readonly #addressesDropped: Counter<'class'>;
  readonly #connectDuration: Histogram<'outcome'>;
  readonly #outcomeLabels: Readonly<Record<Outcome, Labels<'outcome'>>>;

  constructor() {
    this.decisions = this.#counter('decisions_total', 'Requests decided', ['plugin', 'decision', 'reason']);
    this.decisionDuration = this.#histogram(
      'decision_duration_seconds',
      'Time to decide, DNS left out',
      [],
      FAST_BUCKETS,
    );
    this.connects = this.#counter('connects_total', 'Permitted connects by how they ended', [
      'plugin',
      'outcome',
    ]);
    this.socketsPassed = this.#counter('sockets_passed_total', 'Connected sockets handed over', [
      'plugin',
      'door',
    ]);
    this.slowTouches = this.#counter('slow_touches_total', 'Times that a plugin held the broker up', [
      'plugin',
      'action',
    ]);
    this.traps = this.#counter('traps_total', 'Calls that a filter reported, by how they were answered', [
      'plugin',
      'call',
      'answer',
    ]);
    this.requestsInFlight = this.#gauge('requests_in_flight', 'Requests that are worked on', ['plugin']);
    this.requestsQueued = this.#gauge('requests_queued', 'Requests that wait for their turn', ['plugin']);
    this.limitRejections = this.#counter('limit_rejections_total', 'Requests turned away by a limit', [
      'plugin',
      'limit',
    ]);
    this.protocolErrors = this.#counter('protocol_errors_total', 'Sessions ended by a protocol error', [
      'plugin',
      'kind',
    ]);
    this.dnsQuestions = this.#counter('dns_questions_total', 'Questions that sandboxes asked their DNS', [
      'plugin',
      'answer',
    ]);
    this.policyRules = this.#gauge('policy_rules', 'Rules in force', ['plugin', 'list']);
    this.auditEventsDropped = this.#counter(
      'audit_events_dropped_total',
      'Audit events that nobody took in time',
      [],
    );
    this.#dnsLookups = this.#counter('dns_lookups_total', 'Lookups of names, by how they ended', ['result']);
    this.#dnsDuration = this.#histogram(
      'dns_lookup_duration_seconds',
      'Time to resolve a name',
      [],
      NETWORK_BUCKETS,
    );
    this.#addressesDropped = this.#counter('dns_addresses_dropped_total', 'Answers that may not be dialled', [
      'class',
    ]);
    this.#connectDuration = this.#histogram(
      'connect_duration_seconds',
      'Time to connect',
      ['outcome'],
      NETWORK_BUCKETS,
    );
    for (const result of DNS_RESULTS) this.#dnsLookups.inc({ result }, 0);
    for (const name of ADDRESS_CLASSES) this.#addressesDropped.inc({ class: name }, 0);
    for (const outcome of OUTCOMES) this.#connectDuration.zero({ outcome });
    this.#outcomeLabels = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, { outcome }])) as Record<
      Outcome,
      Labels<'outcome'>
    >;
  }

  dnsLookup(result: Exclude<DnsResult, 'refused'>, milliseconds: number): void {
    this.#dnsLookups.inc({ result });
    this.#dnsDuration.observe(milliseconds / 1000);
  }

  /** A sandbox asked for a name that no rule opens. */
  dnsRefused(): void {
    this.#dnsLookups.inc({ result: 'refused' });
  }

  addressDropped(name: AddressClass): void {
    this.#addressesDropped.inc({ class: name });
  }

  connectEnded(outcome: Outcome, milliseconds: number): void {
    this.#connectDuration.observe(this.#outcomeLabels[outcome], milliseconds / 1000);
  }

  /** The text exposition format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #counter<L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> {
    return new Counter({ name: `postern_${name}`, help, labelNames, registers: [this.#registry] });
  }

  #gauge<L extends string>(name: string, help: string, labelNames: readonly L[]): Gauge<L> {
    return new Gauge({ name: `postern_${name}`, help, labelNames, registers: [this.#registry] });
  }

  #histogram<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    buckets: readonly number[],
  ): Histogram<L> {
    return new Histogram({
      name: `postern_${name}`,
      help,
      labelNames,
      buckets: [...buckets],
      registers: [this.#registry],
    });
  }
}
