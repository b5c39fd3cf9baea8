// The audit log and the metrics of a supervisor: opens both, counts what the supervisor does, and serves the broker's metrics too.
import type { Server } from 'node:http';
import { VERSION } from '../../../shared/bundles.js';
import type { WhenFull } from '../../../shared/config/config-file.js';
import { OUTPUT_TIMEOUT_MS } from '../../../shared/limits.js';
import { MetricSet } from '../../../shared/metrics/metric-set.js';
import { PluginMetrics } from '../../../shared/metrics/plugin-metrics.js';
import type { AuditEvent } from '../../../shared/protocol/audit-events.js';
import type { ListenerAddress } from '../../../shared/protocol/link.js';
import type { ExitCause, StartCause } from '../../../shared/words.js';
import { AuditSink } from './audit-sink.js';
import { endpointPorts, serveMetrics } from './metrics-endpoint.js';
import { SUPERVISOR_METRICS } from './supervisor-metrics.js';

export interface AuditLog {
  /** `stderr`, `stdout` or a path. */
  readonly to: string;
  readonly whenFull: WhenFull;
}

export interface RecordSources {
  /** Returns the broker's metrics in the text format; empty while there is no broker. */
  readonly brokerMetrics: () => Promise<string>;
  /** Seconds since the broker last answered; undefined while there is no broker. */
  readonly heartbeatAge: () => number | undefined;
  /** Brings up to date what is counted elsewhere, before each page. */
  readonly update: () => void;
  /** Called with how many events are missing in the audit log since the last call. */
  readonly onDropped: (events: number) => void;
  /** The audit log is full, or has room again. Only with when_full: block. */
  readonly onRoom: (room: boolean) => void;
  /** Takes lines for the operator. */
  readonly onNotice: (text: string) => void;
}

export class Records {
  readonly #metrics = new MetricSet(SUPERVISOR_METRICS);
  readonly #plugins = new Map<string, PluginMetrics<typeof SUPERVISOR_METRICS>>();
  #sink: AuditSink | undefined;
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
    { brokerMetrics, heartbeatAge, update, onDropped, onRoom, onNotice }: RecordSources,
  ): Promise<readonly ListenerAddress[]> {
    if (audit !== undefined) {
      const onUp = (up: boolean): void => this.#metrics.set('auditUp', {}, up ? 1 : 0);
      this.#sink = new AuditSink(audit.to, { onDropped, onUp, onRoom, onNotice }, audit.whenFull);
    }
    if (metrics === undefined) return [];
    this.#server = await serveMetrics(metrics, {
      metrics: async () => {
        update();
        this.#metrics.set('heartbeatAge', {}, heartbeatAge() ?? 0);
        return `${await this.#metrics.text()}\n${await brokerMetrics()}`;
      },
      healthy: () => this.#healthy,
    });
    return endpointPorts(this.#server, metrics);
  }

  event(event: AuditEvent): void {
    this.#sink?.write(event);
  }

  /** A broker that died took events along. @param since the time of its last event that came */
  lost({ events, since }: { readonly events: number; readonly since: string }): void {
    this.#sink?.lost(events, since);
  }

  /** Whether the audit log has room; undefined if it loses events, or if there is none. */
  get auditRoom(): boolean | undefined {
    return this.#sink?.hasRoom;
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

  /** Makes the plugin's series, at 0. */
  addPlugin(plugin: string): void {
    this.#plugins.set(plugin, new PluginMetrics(this.#metrics, plugin));
  }

  /** Removes the series of a plugin that is gone for good. */
  removePlugin(plugin: string): void {
    this.#plugins.get(plugin)?.remove();
    this.#plugins.delete(plugin);
  }

  /** @param good false: the former rules stay in force */
  rulesLoaded(good: boolean): void {
    this.#metrics.count('reloads', { result: good ? 'ok' : 'error' });
    this.#metrics.set('lastReload', {}, good ? 1 : 0);
    if (good) this.#metrics.set('lastSuccess', {}, Date.now() / 1000);
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

  pluginEnded(plugin: string, cause: ExitCause): void {
    const metrics = this.#plugins.get(plugin);
    metrics?.set('up', {}, 0);
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
