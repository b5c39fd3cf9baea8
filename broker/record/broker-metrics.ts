// The broker's metrics, one entry each. The code that counts and the reference page are made from this table. Pure.
// Of a metric with a plugin label, the series of one plugin appear when it is configured, or with a feature of it, and go when it is forgotten.
import { LIMIT_WORDS } from '../../shared/config/limit-forms.js';
import { type LabelValues, PLUGIN_LABEL, type StartsAtZero } from '../../shared/metrics/metric-form.js';
import { TRAP_CALLS } from '../../shared/trap-calls.js';
import {
  ADDRESS_CLASSES,
  ASK_RESULTS,
  DECISIONS,
  DNS_RESULTS,
  DOORS,
  END_CAUSES,
  FAILURES,
  OUTCOMES,
  PROTOCOL_ERRORS,
  QUESTION_ANSWERS,
  REASONS,
  SLOW_ACTIONS,
  TRAP_ANSWERS,
} from '../../shared/words.js';

const FAST_BUCKETS = [5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 2.5e-2, 0.1];
const NETWORK_BUCKETS = [
  5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** Connections last from a request to days. */
const LIFE_BUCKETS = [0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400];

/** What a plugin may have, and another one may not. Series appear with it. */
export type Feature =
  | 'age'
  | 'ask'
  | 'audit'
  | 'channel'
  | 'connections'
  | 'deny'
  | 'no_queue'
  | 'quota'
  | 'trap';

/** When the series of some words appear. A word that is not here appears once it is counted. */
type Appears = Readonly<Record<string, true | Feature | undefined>>;

const DECISIONS_MADE: Readonly<Record<string, Appears>> = {
  allow: { rule: true, approved: 'ask' },
  would_deny: { no_rule: 'audit', port_not_allowed: 'audit' },
  deny: {
    ...{
      no_rule: true,
      port_not_allowed: true,
      address_special: true,
      dns_error: true,
      malformed_host: true,
      invalid_port: true,
      // A queue that is full, or a share of descriptors that is used up.
      concurrency_limited: true,
      rate_limited: true,
    },
    ...{ denied_by_rule: 'deny', address_denied: 'deny', quota_exceeded: 'quota' },
    ...{ stale_grant: 'trap', foreign_netns: 'trap', udp_refused: 'trap', record_type: 'trap' },
  },
};
const ENDS: Appears = { revoked: true, quota: 'quota', age: 'age' };
const DOORS_OPEN: Appears = { channel: 'channel', trap: 'trap' };
/** The series of a control group's limits appear once the supervisor reports one. */
const LIMITS_MET: Appears = {
  ...{ queue: true, log_rate: true, broker_descriptors: true },
  ...{ connections: 'connections', sent: 'quota', received: 'quota' },
  ...{ concurrency: 'no_queue', rate: 'no_queue', dns_rate: 'trap', asks: 'ask' },
};
/** Of the limits that count requests, those that fill up. */
const USED_LIMITS = ['connections', 'queue', 'sent', 'received'] as const;
export type UsedLimit = (typeof USED_LIMITS)[number];
/** Of every program's calls. Only a connect can be answered with a connection. */
const CALLS_MADE: Appears = { connect: 'trap', bind: 'trap', listen: 'trap' };

const isDecisionMade: StartsAtZero = ({ decision = '', reason = '' }) =>
  DECISIONS_MADE[decision]?.[reason] ?? false;
const isEndMade: StartsAtZero = ({ cause = '' }) => ENDS[cause] ?? false;
const isDoorOpen: StartsAtZero = ({ door = '' }) => DOORS_OPEN[door] ?? false;
const isLimitMet: StartsAtZero = ({ limit = '' }) => LIMITS_MET[limit] ?? false;
const isTrapAnswer: StartsAtZero = ({ call = '', answer }) =>
  call === 'connect' || answer !== 'brokered' ? (CALLS_MADE[call] ?? false) : false;
const isConnected: StartsAtZero = ({ outcome }) => outcome === 'connected';
const WITH_TRAP: StartsAtZero = () => 'trap' satisfies Feature;
const WITH_CHANNEL: StartsAtZero = () => 'channel' satisfies Feature;
const WITH_ASK: StartsAtZero = () => 'ask' satisfies Feature;
/** A series that appears once something is counted. */
const ONCE_COUNTED: StartsAtZero = () => false;

export const METRICS = {
  decisions: {
    name: 'postern_decisions_total',
    kind: 'counter',
    help: 'Requests that got a decision',
    labels: {
      plugin: PLUGIN_LABEL as LabelValues,
      decision: DECISIONS as typeof DECISIONS,
      reason: REASONS as typeof REASONS,
    },
    startsAtZero: isDecisionMade as StartsAtZero,
  },
  decisionDuration: {
    name: 'postern_decision_duration_seconds',
    kind: 'histogram',
    help: 'Time for one decision, without DNS',
    labels: {},
    buckets: FAST_BUCKETS as readonly number[],
  },
  connects: {
    name: 'postern_connects_total',
    kind: 'counter',
    help: 'Permitted connects that have ended, by outcome',
    labels: { plugin: PLUGIN_LABEL as LabelValues, outcome: OUTCOMES as typeof OUTCOMES },
  },
  connectFailures: {
    name: 'postern_connect_failures_total',
    kind: 'counter',
    help: 'Permitted connections and look-ups that failed, as the audit log tells them',
    labels: { plugin: PLUGIN_LABEL as LabelValues, reason: FAILURES as typeof FAILURES },
  },
  socketsPassed: {
    name: 'postern_sockets_passed_total',
    kind: 'counter',
    help: 'Connected sockets that plugins got from the broker',
    labels: { plugin: PLUGIN_LABEL as LabelValues, door: DOORS as typeof DOORS },
    startsAtZero: isDoorOpen as StartsAtZero,
  },
  connectionsOpen: {
    name: 'postern_connections_open',
    kind: 'gauge',
    help: 'Connections to the outside that are open',
    labels: { plugin: PLUGIN_LABEL as LabelValues },
  },
  oldestConnection: {
    name: 'postern_oldest_connection_seconds',
    kind: 'gauge',
    help: 'How long the oldest open connection has been open. 0 without one',
    labels: { plugin: PLUGIN_LABEL as LabelValues },
  },
  connectionDuration: {
    name: 'postern_connection_duration_seconds',
    kind: 'histogram',
    help: 'How long a connection was open that has ended',
    labels: { plugin: PLUGIN_LABEL as LabelValues },
    buckets: LIFE_BUCKETS as readonly number[],
    startsAtZero: ONCE_COUNTED as StartsAtZero,
  },
  connectionsEnded: {
    name: 'postern_connections_ended_total',
    kind: 'counter',
    help: 'Connections that postern has ended',
    labels: { plugin: PLUGIN_LABEL as LabelValues, cause: END_CAUSES as typeof END_CAUSES },
    startsAtZero: isEndMade as StartsAtZero,
  },
  sentBytes: {
    name: 'postern_sent_bytes_total',
    kind: 'counter',
    help: 'Bytes that peers have acknowledged, without headers and repetitions',
    labels: { plugin: PLUGIN_LABEL as LabelValues },
  },
  receivedBytes: {
    name: 'postern_received_bytes_total',
    kind: 'counter',
    help: 'Bytes that this host has received, without headers and repetitions',
    labels: { plugin: PLUGIN_LABEL as LabelValues },
  },
  retransmits: {
    name: 'postern_retransmits_total',
    kind: 'counter',
    help: 'Segments that were sent again',
    labels: { plugin: PLUGIN_LABEL as LabelValues },
  },
  stalls: {
    name: 'postern_slow_touches_total',
    kind: 'counter',
    help: 'Stalls of a broker thread that the plugin caused',
    labels: { plugin: PLUGIN_LABEL as LabelValues, action: SLOW_ACTIONS as typeof SLOW_ACTIONS },
  },
  traps: {
    name: 'postern_traps_total',
    kind: 'counter',
    help: "Trapped calls, by the broker's answer",
    labels: {
      plugin: PLUGIN_LABEL as LabelValues,
      call: TRAP_CALLS as typeof TRAP_CALLS,
      answer: TRAP_ANSWERS as typeof TRAP_ANSWERS,
    },
    startsAtZero: isTrapAnswer as StartsAtZero,
  },
  requestsInFlight: {
    name: 'postern_requests_in_flight',
    kind: 'gauge',
    help: 'Requests that the broker works on',
    labels: { plugin: PLUGIN_LABEL as LabelValues },
  },
  requestsQueued: {
    name: 'postern_requests_queued',
    kind: 'gauge',
    help: 'Requests that wait in the queue',
    labels: { plugin: PLUGIN_LABEL as LabelValues },
  },
  limitRejections: {
    name: 'postern_limit_rejections_total',
    kind: 'counter',
    help: 'Requests that a limit refused',
    labels: { plugin: PLUGIN_LABEL as LabelValues, limit: LIMIT_WORDS as typeof LIMIT_WORDS },
    startsAtZero: isLimitMet as StartsAtZero,
  },
  limitUsed: {
    name: 'postern_limit_used_ratio',
    kind: 'gauge',
    help: 'Part of a limit that is in use: open connections, waiting requests, bytes that were sent and received. 1 is all of it. Only of limits that the plugin has',
    labels: { plugin: PLUGIN_LABEL as LabelValues, limit: USED_LIMITS as typeof USED_LIMITS },
    startsAtZero: ONCE_COUNTED as StartsAtZero,
  },
  protocolErrors: {
    name: 'postern_protocol_errors_total',
    kind: 'counter',
    help: 'Sessions that a protocol error ended',
    labels: { plugin: PLUGIN_LABEL as LabelValues, kind: PROTOCOL_ERRORS as typeof PROTOCOL_ERRORS },
    startsAtZero: WITH_CHANNEL as StartsAtZero,
  },
  dnsQuestions: {
    name: 'postern_dns_questions_total',
    kind: 'counter',
    help: "Questions to the sandbox's DNS server",
    labels: { plugin: PLUGIN_LABEL as LabelValues, answer: QUESTION_ANSWERS as typeof QUESTION_ANSWERS },
    startsAtZero: WITH_TRAP as StartsAtZero,
  },
  asks: {
    name: 'postern_asks_total',
    kind: 'counter',
    help: 'Questions about unknown destinations that have an answer',
    labels: { plugin: PLUGIN_LABEL as LabelValues, answer: ASK_RESULTS as typeof ASK_RESULTS },
    startsAtZero: WITH_ASK as StartsAtZero,
  },
  asksOpen: {
    name: 'postern_asks_open',
    kind: 'gauge',
    help: 'Questions about unknown destinations that wait for an answer',
    labels: { plugin: PLUGIN_LABEL as LabelValues },
  },
  policyRules: {
    name: 'postern_policy_rules',
    kind: 'gauge',
    help: 'Rules that are in force',
    labels: { plugin: PLUGIN_LABEL as LabelValues, list: ['allow', 'deny'] },
  },
  auditEventsDropped: {
    name: 'postern_audit_events_dropped_total',
    kind: 'counter',
    help: 'Audit events that are missing in the log: a backlog was full, a plugin had used up its share, or a broker was killed',
    labels: {},
  },
  dnsLookups: {
    name: 'postern_dns_lookups_total',
    kind: 'counter',
    help: 'Look-ups of names, by result',
    labels: { result: DNS_RESULTS as typeof DNS_RESULTS },
  },
  dnsDuration: {
    name: 'postern_dns_lookup_duration_seconds',
    kind: 'histogram',
    help: 'Time to resolve a name',
    labels: {},
    buckets: NETWORK_BUCKETS as readonly number[],
  },
  addressesDropped: {
    name: 'postern_dns_addresses_dropped_total',
    kind: 'counter',
    help: 'Addresses in DNS answers that the broker refused',
    labels: { class: ADDRESS_CLASSES as typeof ADDRESS_CLASSES },
    startsAtZero: ONCE_COUNTED as StartsAtZero,
  },
  connectDuration: {
    name: 'postern_connect_duration_seconds',
    kind: 'histogram',
    help: 'Time for one connect',
    labels: { outcome: OUTCOMES as typeof OUTCOMES },
    buckets: NETWORK_BUCKETS as readonly number[],
    startsAtZero: isConnected as StartsAtZero,
  },
} as const;
