// The supervisor's own metrics. The broker has a table of the same form, and both are served on one page.
import { EXPORT_SIGNALS } from '../../../shared/config/export-config.js';
import { KINDS } from '../../../shared/config/plugin-config.js';
import { type LabelValues, PLUGIN_LABEL, type StartsAtZero } from '../../../shared/metrics/metric-form.js';
import {
  EXIT_CAUSES,
  HTTP_OUTCOMES,
  PLUGIN_STATES,
  POLICY_RESULTS,
  START_CAUSES,
} from '../../../shared/words.js';
import { OWN_PROCESSES } from '../usage/own-use.js';

/** The series appear once there is a value. */
const NEVER: StartsAtZero = () => false;

const HTTP_BUCKETS = [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600];

export const SUPERVISOR_METRICS = {
  buildInfo: {
    name: 'postern_build_info',
    kind: 'gauge',
    help: 'The version of postern. The value is always 1',
    labels: { version: { any: 'the version in package.json' } },
  },
  up: {
    name: 'postern_plugin_up',
    kind: 'gauge',
    help: '1 while the plugin runs, otherwise 0',
    labels: { plugin: PLUGIN_LABEL as LabelValues },
  },
  state: {
    name: 'postern_plugin_state',
    kind: 'gauge',
    help: '1 for the state in which the plugin is, 0 for the others',
    labels: { plugin: PLUGIN_LABEL as LabelValues, state: PLUGIN_STATES as typeof PLUGIN_STATES },
  },
  kind: {
    name: 'postern_plugin_info',
    kind: 'gauge',
    help: 'What the plugin is. The value is always 1',
    labels: { plugin: PLUGIN_LABEL as LabelValues, kind: KINDS as typeof KINDS },
    startsAtZero: NEVER as StartsAtZero,
  },
  lastExit: {
    name: 'postern_plugin_last_exit_status',
    kind: 'gauge',
    help: 'Exit status of the last run that has ended, or 128 and the number of the signal that ended it. Before, there is no value',
    labels: { plugin: PLUGIN_LABEL as LabelValues },
    startsAtZero: NEVER as StartsAtZero,
  },
  startTime: {
    name: 'postern_plugin_start_time_seconds',
    kind: 'gauge',
    help: 'Unix time of the last start of the plugin. Before, there is no value',
    labels: { plugin: PLUGIN_LABEL as LabelValues },
    startsAtZero: NEVER as StartsAtZero,
  },
  starts: {
    name: 'postern_plugin_starts_total',
    kind: 'counter',
    help: 'Starts of the plugin',
    labels: { plugin: PLUGIN_LABEL as LabelValues, cause: START_CAUSES as typeof START_CAUSES },
  },
  exits: {
    name: 'postern_plugin_exits_total',
    kind: 'counter',
    help: 'Ends of the plugin',
    labels: { plugin: PLUGIN_LABEL as LabelValues, cause: EXIT_CAUSES as typeof EXIT_CAUSES },
  },
  sandboxMemory: {
    name: 'postern_sandbox_memory_bytes',
    kind: 'gauge',
    help: 'Memory of all processes of the sandbox, with the pages of files that they have read. Only of a plugin whose limits give it a control group',
    labels: { plugin: PLUGIN_LABEL as LabelValues },
    startsAtZero: NEVER as StartsAtZero,
  },
  sandboxCpu: {
    name: 'postern_sandbox_cpu_seconds_total',
    kind: 'counter',
    help: 'Processor time of all processes of the sandboxes of the plugin. Only of a plugin whose limits give it a control group',
    labels: { plugin: PLUGIN_LABEL as LabelValues },
    startsAtZero: NEVER as StartsAtZero,
  },
  processCpu: {
    name: 'postern_process_cpu_seconds_total',
    kind: 'counter',
    help: "Processor time of postern's own processes",
    labels: { process: OWN_PROCESSES as typeof OWN_PROCESSES },
  },
  processMemory: {
    name: 'postern_process_resident_memory_bytes',
    kind: 'gauge',
    help: "Memory of postern's own processes",
    labels: { process: OWN_PROCESSES as typeof OWN_PROCESSES },
  },
  httpRequests: {
    name: 'postern_http_requests_total',
    kind: 'counter',
    help: 'Requests through the gateway of the plugin',
    labels: { plugin: PLUGIN_LABEL as LabelValues, outcome: HTTP_OUTCOMES as typeof HTTP_OUTCOMES },
    startsAtZero: NEVER as StartsAtZero,
  },
  httpDuration: {
    name: 'postern_http_request_duration_seconds',
    kind: 'histogram',
    help: 'Time of a request through the gateway of the plugin, until its answer has ended',
    labels: { plugin: PLUGIN_LABEL as LabelValues },
    buckets: HTTP_BUCKETS as readonly number[],
    startsAtZero: NEVER as StartsAtZero,
  },
  secretsInjected: {
    name: 'postern_secrets_injected_total',
    kind: 'counter',
    help: 'Headers with a secret that the gateway of the plugin has sent',
    labels: { plugin: PLUGIN_LABEL as LabelValues },
    startsAtZero: NEVER as StartsAtZero,
  },
  secretsMasked: {
    name: 'postern_secrets_masked_total',
    kind: 'counter',
    help: 'Secrets in answers that the gateway of the plugin has masked',
    labels: { plugin: PLUGIN_LABEL as LabelValues },
    startsAtZero: NEVER as StartsAtZero,
  },
  brokerUp: {
    name: 'postern_broker_up',
    kind: 'gauge',
    help: '1 while a broker runs and answers, otherwise 0',
    labels: {},
  },
  heartbeatAge: {
    name: 'postern_broker_heartbeat_age_seconds',
    kind: 'gauge',
    help: 'Time since the broker last answered the supervisor. 0 while no broker runs',
    labels: {},
  },
  brokerRestarts: {
    name: 'postern_broker_restarts_total',
    kind: 'counter',
    help: 'Brokers that were started because the one before had died',
    labels: {},
  },
  auditUp: {
    name: 'postern_audit_up',
    kind: 'gauge',
    help: '1 while audit events are written, 0 while they wait or are left out, or connections wait for them. Without an audit log, there is no value',
    labels: {},
    startsAtZero: NEVER as StartsAtZero,
  },
  reloads: {
    name: 'postern_policy_reloads_total',
    kind: 'counter',
    help: 'Attempts to load the rules',
    labels: { result: ['ok', 'error'] },
  },
  lastReload: {
    name: 'postern_policy_last_reload_successful',
    kind: 'gauge',
    help: '1 if the last attempt to load the rules succeeded, otherwise 0',
    labels: {},
  },
  lastSuccess: {
    name: 'postern_policy_last_reload_success_timestamp_seconds',
    kind: 'gauge',
    help: 'Unix time of the last successful load of the rules',
    labels: {},
  },
  policySerial: {
    name: 'postern_signed_policy_serial',
    kind: 'gauge',
    help: 'The serial of the signed policy that is in force. Without one there is no value',
    labels: {},
    startsAtZero: NEVER as StartsAtZero,
  },
  policyFetches: {
    name: 'postern_signed_policy_fetches_total',
    kind: 'counter',
    help: 'Looks for the signed policy',
    labels: { result: POLICY_RESULTS as typeof POLICY_RESULTS },
    startsAtZero: NEVER as StartsAtZero,
  },
  policyChecked: {
    name: 'postern_signed_policy_checked_timestamp_seconds',
    kind: 'gauge',
    help: 'Unix time at which the server last had the signed policy that is in force. Before, there is no value',
    labels: {},
    startsAtZero: NEVER as StartsAtZero,
  },
  policyBeyond: {
    name: 'postern_signed_policy_rules_beyond',
    kind: 'gauge',
    help: 'Rules of plugins that are not in force, since they go beyond the signed policy. Without one there is no value',
    labels: {},
    startsAtZero: NEVER as StartsAtZero,
  },
  exportUp: {
    name: 'postern_export_up',
    kind: 'gauge',
    help: '1 while the collector takes what is exported, 0 while it does not. Without an export, or before its first batch, there is no value',
    labels: {},
    startsAtZero: NEVER as StartsAtZero,
  },
  exportEvents: {
    name: 'postern_export_events_total',
    kind: 'counter',
    help: 'Audit events that the collector has taken or rejected, and events that were left out: there was no room, or it refused their batch',
    labels: { result: ['exported', 'rejected', 'dropped'] },
    startsAtZero: NEVER as StartsAtZero,
  },
  exportBatches: {
    name: 'postern_export_batches_total',
    kind: 'counter',
    help: 'Requests to the collector',
    labels: { signal: EXPORT_SIGNALS as typeof EXPORT_SIGNALS, result: ['ok', 'failed'] },
    startsAtZero: NEVER as StartsAtZero,
  },
  exportSuccess: {
    name: 'postern_export_last_success_timestamp_seconds',
    kind: 'gauge',
    help: 'Unix time at which the collector last took a batch. Before, there is no value',
    labels: { signal: EXPORT_SIGNALS as typeof EXPORT_SIGNALS },
    startsAtZero: NEVER as StartsAtZero,
  },
} as const;
