// The supervisor's own metrics. The broker has a table of the same form, and both are served on one page.
import { type LabelValues, PLUGIN_LABEL, type StartsAtZero } from '../../../shared/metrics/metric-form.js';
import { EXIT_CAUSES, START_CAUSES } from '../../../shared/words.js';

/** The series appear once there is a control group. */
const NEVER: StartsAtZero = () => false;

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
  startTime: {
    name: 'postern_plugin_start_time_seconds',
    kind: 'gauge',
    help: 'Unix time of the last start of the plugin',
    labels: { plugin: PLUGIN_LABEL as LabelValues },
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
} as const;
