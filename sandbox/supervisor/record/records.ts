// The audit log and the metrics of a supervisor: opens both, counts what the supervisor does, and serves the broker's metrics too.
import type { Server } from 'node:http';
import { VERSION } from '../../../shared/bundles.js';
import type { AuditFormat, WhenFull } from '../../../shared/config/config-file.js';
import type { ExportSignal } from '../../../shared/config/export-config.js';
import { KINDS, type PluginKind } from '../../../shared/config/plugin-config.js';
import { ownerOfGateway } from '../../../shared/gateway.js';
import { OUTPUT_TIMEOUT_MS } from '../../../shared/limits.js';
import { MetricSet } from '../../../shared/metrics/metric-set.js';
import { PluginMetrics } from '../../../shared/metrics/plugin-metrics.js';
import type { AuditEvent, AuditFields, SupervisorEvent } from '../../../shared/protocol/audit-events.js';
import type { ListenerAddress } from '../../../shared/protocol/link.js';
import {
  type ExitCause,
  PLUGIN_STATES,
  type PluginStateWord,
  type StartCause,
} from '../../../shared/words.js';
import type { HttpEvent } from '../../gateway/serve-host.js';
import { OwnUses } from '../usage/own-use.js';
import type { Written } from './audit-formats.js';
import { AuditSink } from './audit-sink.js';
import { KeptCounters } from './kept-counters.js';
import { endpointPorts, serveMetrics } from './metrics-endpoint.js';
import { SUPERVISOR_METRICS } from './supervisor-metrics.js';

export interface AuditLog {
  /** `stderr`, `stdout` or a path. */
  readonly to: string;
  readonly whenFull: WhenFull;
  readonly format: AuditFormat;
}

export interface RecordSources {
  /** Returns the broker's metrics in the text format; undefined while no broker answers. */
  readonly brokerMetrics: () => Promise<string | undefined>;
  /** The pid of the broker; undefined while there is none. */
  readonly brokerPid: () => number | undefined;
  /** Seconds since the broker last answered; undefined while there is no broker. */
  readonly heartbeatAge: () => number | undefined;
  /** Brings up to date what is counted elsewhere, before each page. */
  readonly update: () => void;
  /** What each plugin is and does now. */
  readonly states: () => readonly PluginFacts[];
  /** Called with how many events are missing in the audit log since the last call. */
  readonly onDropped: (events: number) => void;
  /** The audit log is full, or has room again. Only with when_full: block. */
  readonly onRoom: (room: boolean) => void;
  /** Takes lines for the operator. */
  readonly onNotice: (text: string) => void;
}

export interface PluginFacts {
  readonly name: string;
  readonly kind: PluginKind;
  /** Undefined: nobody keeps it. */
  readonly state: PluginStateWord | undefined;
}

/** Takes what the audit log gets. */
export interface EventTaker {
  readonly take: (event: Written) => void;
  readonly lost: (events: number, since: string) => void;
}

export class Records {
  readonly #metrics = new MetricSet(SUPERVISOR_METRICS);
  readonly #plugins = new Map<string, PluginMetrics<typeof SUPERVISOR_METRICS>>();
  readonly #own = new OwnUses();
  readonly #kept = new KeptCounters();
  #sink: AuditSink | undefined;
  #sources: RecordSources | undefined;
  /** Undefined: nothing is exported. */
  exporter: EventTaker | undefined;
  #server: Server | undefined;
  #healthy = false;

  constructor() {
    this.#metrics.set('buildInfo', { version: VERSION }, 1);
  }

  /** The port of the metrics listener, once it is open. */
  get port(): number | undefined {
    const address = this.#server?.address();
    return typeof address === 'object' ? address?.port : undefined;
  }

  /**
   * @param audit where the audit log goes; without it, no audit log
   * @param metrics HOST:PORT; without it, no listener
   * @returns where the metrics are served
   * @throws PosternError `audit_destination`, `metrics_address`
   */
  async open(
    audit: AuditLog | undefined,
    metrics: string | undefined,
    sources: RecordSources,
  ): Promise<readonly ListenerAddress[]> {
    this.#sources = sources;
    const { onDropped, onRoom, onNotice } = sources;
    if (audit !== undefined) {
      const onUp = (up: boolean): void => this.#metrics.set('auditUp', {}, up ? 1 : 0);
      this.#sink = new AuditSink(
        audit.to,
        { onDropped, onUp, onRoom, onNotice },
        audit.whenFull,
        audit.format,
      );
    }
    if (metrics === undefined) return [];
    this.#server = await serveMetrics(metrics, {
      metrics: () => this.page(),
      healthy: () => this.#healthy,
    });
    return endpointPorts(this.#server, metrics);
  }

  /** All metrics, in Prometheus' text format. Empty before {@link open}. */
  async page(): Promise<string> {
    if (this.#sources === undefined) return '';
    const { update, states, heartbeatAge, brokerPid, brokerMetrics } = this.#sources;
    update();
    for (const facts of states()) this.#show(facts);
    const broker = brokerPid();
    for (const { process: name, memoryBytes, cpuSeconds } of this.#own.take(broker)) {
      this.#metrics.set('processMemory', { process: name }, memoryBytes);
      this.#metrics.count('processCpu', { process: name }, cpuSeconds);
    }
    this.#metrics.set('heartbeatAge', {}, heartbeatAge() ?? 0);
    const text = await brokerMetrics();
    const kept = text === undefined ? '' : this.#kept.page(broker, text);
    return `${await this.#metrics.text()}\n${kept}`;
  }

  #show({ name, kind, state }: PluginFacts): void {
    const metrics = this.#plugins.get(name);
    for (const one of PLUGIN_STATES) metrics?.set('state', { state: one }, one === state ? 1 : 0);
    // It may have been the other kind before a reload.
    for (const one of KINDS) metrics?.set('kind', { kind: one }, one === kind ? 1 : 0);
  }

  event(event: AuditEvent): void {
    this.#write(event);
  }

  /** Counts a request through a gateway. @returns its event */
  http(plugin: string, request: HttpEvent): AuditEvent<'http'> {
    const { method, host, port, path, status, sentBytes, receivedBytes, durationMs } = request;
    const { rule, decision, reason, suggestion, injected, masked } = request;
    const metrics = this.#plugins.get(plugin);
    const outcome = status > 0 && (reason === undefined || decision === 'would_deny') ? 'passed' : 'failed';
    metrics?.count('httpRequests', { outcome: decision === 'deny' ? 'refused' : outcome });
    metrics?.observe('httpDuration', {}, durationMs / 1000);
    if (injected > 0) metrics?.count('secretsInjected', {}, injected);
    if (masked > 0) metrics?.count('secretsMasked', {}, masked);
    const what = method === '' ? 'a connection' : `${method} ${path}`;
    const did = decision === 'deny' ? 'refused' : decision === 'allow' ? 'could not pass' : 'would refuse';
    return {
      ...{ event: 'http', ts: new Date().toISOString(), plugin, method, host, port, path, status },
      ...{ sent_bytes: sentBytes, received_bytes: receivedBytes, duration_ms: durationMs },
      ...{ rule: rule ?? null, decision, reason: reason ?? null },
      ...(reason !== undefined && { message: `The gateway ${did} ${what} of ${host}: ${reason}` }),
      ...(suggestion !== undefined && { suggestion }),
    };
  }

  /** How many requests its gateway has refused so far. */
  requestsRefused(plugin: string): number {
    const isRefused = ({ outcome }: Readonly<Record<string, string>>): boolean => outcome === 'refused';
    return this.#plugins.get(plugin)?.total('httpRequests', isRefused) ?? 0;
  }

  /** A look for the signed policy. @param isLogged whether it says something new */
  policy({ serial, result, message }: AuditFields<'policy'>, isLogged: boolean): void {
    this.#metrics.count('policyFetches', { result });
    if (result === 'new' || result === 'same') this.#metrics.set('policyChecked', {}, Date.now() / 1000);
    const ts = new Date().toISOString();
    if (isLogged) this.#write({ event: 'policy', ts, serial, result, message });
  }

  #write(event: AuditEvent | SupervisorEvent): void {
    this.#sink?.write(event);
    this.exporter?.take(event);
  }

  /** Makes the series of an export, at 0. */
  exportBegins(signals: readonly ExportSignal[]): void {
    for (const result of ['exported', 'rejected', 'dropped'] as const) this.exported(result, 0);
    for (const signal of signals)
      for (const result of ['ok', 'failed'] as const)
        this.#metrics.count('exportBatches', { signal, result }, 0);
  }

  exported(result: 'exported' | 'rejected' | 'dropped', events: number): void {
    this.#metrics.count('exportEvents', { result }, events);
  }

  /** A request to the collector. */
  exportSent(signal: ExportSignal, isTaken: boolean): void {
    this.#metrics.count('exportBatches', { signal, result: isTaken ? 'ok' : 'failed' });
    if (isTaken) this.#metrics.set('exportSuccess', { signal }, Date.now() / 1000);
  }

  exportIsUp(up: boolean): void {
    this.#metrics.set('exportUp', {}, up ? 1 : 0);
  }

  /** @param serial of the signed policy that is in force @param beyond how many rules are not, because of it */
  policyInForce(serial: number | undefined, beyond: number): void {
    if (serial !== undefined) this.#metrics.set('policySerial', {}, serial);
    this.#metrics.set('policyBeyond', {}, beyond);
  }

  /** A broker or a gateway that died took events along. @param since the time of its last event that came */
  lost({ events, since }: { readonly events: number; readonly since: string }): void {
    this.#sink?.lost(events, since);
    this.exporter?.lost(events, since);
  }

  /** A broker has ended in order. @param page its last one @param pid its own */
  counted(page: string, pid: number): void {
    this.#kept.page(pid, page);
  }

  /** Whether the audit log has room; undefined if it loses events, or if there is none. */
  get auditRoom(): boolean | undefined {
    return this.#sink?.hasRoom;
  }

  /** Undefined if events may come, otherwise resolves when the audit log has room for them. */
  get logRoom(): Promise<void> | undefined {
    return this.#sink?.room;
  }

  /** Undefined if a plugin may start now, otherwise resolves when the audit log has room for its events. */
  get startRoom(): Promise<void> | undefined {
    return this.#sink?.startRoom;
  }

  /** Opens the audit file anew: it may have been renamed. */
  reopen(): void {
    this.#sink?.reopen();
  }

  brokerIsUp(up: boolean): void {
    this.#healthy = up;
    this.#metrics.set('brokerUp', {}, up ? 1 : 0);
  }

  brokerRestarted(): void {
    this.#metrics.count('brokerRestarts', {});
    this.brokerIsUp(true);
  }

  /** Counters of a program of postern's own are kept too. */
  addOwn(name: string): void {
    this.#kept.add(name);
  }

  /** Makes the plugin's series, at 0. A gateway has none: it is neither started nor ended by itself. */
  addPlugin(plugin: string): void {
    this.#kept.add(plugin);
    if (ownerOfGateway(plugin) !== plugin) return;
    this.#plugins.set(plugin, new PluginMetrics(this.#metrics, plugin));
  }

  /** Removes the series of a plugin that is gone for good. */
  removePlugin(plugin: string): void {
    this.#plugins.get(plugin)?.remove();
    this.#plugins.delete(plugin);
    this.#kept.forget(plugin);
  }

  /** @param problem why the former rules stay in force */
  rulesLoaded(problem?: string): void {
    const good = problem === undefined;
    this.#metrics.count('reloads', { result: good ? 'ok' : 'error' });
    this.#metrics.set('lastReload', {}, good ? 1 : 0);
    if (good) this.#metrics.set('lastSuccess', {}, Date.now() / 1000);
    else this.#write({ event: 'reload_failed', ts: new Date().toISOString(), message: problem });
  }

  pluginStarted(plugin: string, cause: StartCause): void {
    const metrics = this.#plugins.get(plugin);
    metrics?.set('up', {}, 1);
    metrics?.set('startTime', {}, Date.now() / 1000);
    metrics?.count('starts', { cause });
  }

  /** @param cpuSeconds since the last call */
  sandboxUsed(plugin: string, memoryBytes: number, cpuSeconds: number): void {
    const metrics = this.#plugins.get(plugin);
    metrics?.set('sandboxMemory', {}, memoryBytes);
    metrics?.count('sandboxCpu', {}, cpuSeconds);
  }

  /** @param status as a shell reports it */
  pluginEnded(plugin: string, cause: ExitCause, status: number): void {
    const metrics = this.#plugins.get(plugin);
    metrics?.set('up', {}, 0);
    metrics?.set('lastExit', {}, status);
    metrics?.count('exits', { cause });
  }

  /** Writes out the audit log, and ends the metrics listener. */
  async close(): Promise<void> {
    await this.#sink?.close(OUTPUT_TIMEOUT_MS);
    this.#sink = undefined;
    this.#server?.closeAllConnections();
    this.#server?.close();
  }
}
