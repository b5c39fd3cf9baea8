// The trusted parent of broker and plugins, with audit log and metrics. It runs in the host's network namespace. It speaks no
// protocol with a plugin, and parses none of its bytes.
import type { Server } from 'node:http';
import { constants } from 'node:os';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import { STOP_TIMEOUT_MS } from '../../shared/limits.js';
import { MetricSet } from '../../shared/metrics/metric-set.js';
import { PluginMetrics } from '../../shared/metrics/plugin-metrics.js';
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import type { ExplainQuestion, Explanation } from '../../shared/protocol/link.js';
import type { StartCause } from '../../shared/reasons.js';
import { dropInheritableCapabilities } from '../../shared/sys/capabilities.js';
import { becomeSubreaper, setDumpable } from '../../shared/sys/process-control.js';
import { VERSION } from '../../shared/version.js';
import { claimIdRange, type IdRange } from '../host/id-range.js';
import { ownProgramFiles } from '../host/own-files.js';
import { ownPrivileges, type Privileges } from '../host/privileges.js';
import { requireLinux } from '../host/require-linux.js';
import { BrokerProcess } from './broker/broker-process.js';
import { requireCounting } from './broker/connections-keeper.js';
import { Cgroups } from './cgroup/cgroups.js';
import { exitCause, limitThatEnded } from './exit-cause.js';
import { hostFiles } from './files/host-files.js';
import { requireApart } from './files/require-apart.js';
import { readyHomes } from './home/kept-home.js';
import { Listeners } from './listeners/listeners.js';
import { AuditSink } from './record/audit-sink.js';
import { endpointPorts } from './record/endpoint-ports.js';
import { SUPERVISOR_METRICS } from './record/metric-table.js';
import { serveMetrics } from './record/metrics-endpoint.js';
import { requireRules } from './require-rules.js';
import { startedFiles } from './root/started-files.js';
import type { Sandbox } from './start/sandbox.js';
import type { StandardStreams } from './start/standard-streams.js';
import { startPlugin } from './start/start-plugin.js';
import type { Unseen } from './unseen/unseen-files.js';
import { UnseenReports } from './unseen/unseen-reports.js';

const { SIGTERM } = constants.signals;

export interface SupervisorOptions {
  readonly plugins: readonly PluginConfig[];
  /** HOST:PORT; without it, no listener. */
  readonly metrics?: string | undefined;
  /** `stderr`, `stdout` or a path; without it, no audit log. */
  readonly audit?: string | undefined;
  readonly dnsServers?: readonly string[] | undefined;
  /** Takes each audit event. */
  readonly onEvent?: ((event: AuditEvent) => void) | undefined;
  /** Takes messages for the operator, as that a broker died. */
  readonly onNotice?: ((text: string) => void) | undefined;
  /** Takes the files of the host that a failed plugin may have missed; once for each plugin. */
  readonly onUnseen?: ((plugin: string, unseen: Unseen) => void) | undefined;
  /** Files that postern has read, as its configuration: no plugin writes them. */
  readonly ownFiles?: readonly string[] | undefined;
}

function ownFilesOf({ ownFiles = [], audit }: SupervisorOptions): readonly string[] {
  const log = audit === undefined || audit === 'stderr' || audit === 'stdout' ? [] : [audit];
  return [...ownProgramFiles(), ...ownFiles, ...log];
}

/** By paths without links. */
function writtenBy(plugins: readonly PluginConfig[]): readonly string[] {
  return plugins.flatMap(({ writable }) => writable.map((path) => hostFiles.real(path) ?? path));
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #metrics = new MetricSet(SUPERVISOR_METRICS);
  readonly #pluginMetrics = new Map<string, PluginMetrics<typeof SUPERVISOR_METRICS>>();
  readonly #listeners = new Listeners((text) => this.#options.onNotice?.(text));
  readonly #cgroups = new Cgroups((plugin, limit, times) => this.#broker?.limited(plugin, limit, times));
  #broker: BrokerProcess | undefined;
  #sink: AuditSink | undefined;
  #server: Server | undefined;
  #owner: IdRange | undefined;
  #privileges: Privileges = 'user';
  #healthy = false;
  #keptHomes: readonly string[] = [];
  #written: readonly string[] = [];
  #ownFiles: readonly string[] = [];
  #closed: Promise<void> | undefined;
  readonly #running = new Map<string, Sandbox>();
  readonly #launching = new Set<Promise<Sandbox>>();
  readonly #stopped = new Set<string>();
  readonly #unseen: UnseenReports;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#unseen = new UnseenReports(options.onUnseen);
    this.#metrics.set('buildInfo', { version: VERSION }, 1);
  }

  /** The address of the metrics listener, after the start. */
  get metricsPort(): number | undefined {
    const address = this.#server?.address();
    return typeof address === 'object' ? address?.port : undefined;
  }

  get brokerPid(): number | undefined {
    return this.#broker?.pid;
  }

  /**
   * Starts everything except the plugins. Their listeners are bound from here on: an early client waits in the queue.
   *
   * @throws PosternError `bad_rules`, `listen_address`, `metrics_address`, `audit_destination`, `broker_failed`,
   *   `old_kernel`, `missing_capabilities`, `bad_home`, `path_not_apart`, `no_sock_diag`, `no_cgroup`, `no_id_range`. Nothing is left running or
   *   bound.
   */
  async start(): Promise<void> {
    const { plugins, audit, metrics, onNotice } = this.#options;
    requireLinux();
    this.#privileges = ownPrivileges();
    for (const plugin of plugins) requireRules(plugin);
    requireCounting(plugins);
    this.#keptHomes = readyHomes(plugins);
    this.#written = [...writtenBy(plugins), ...this.#keptHomes];
    this.#ownFiles = ownFilesOf(this.#options);
    requireApart(plugins, this.#ownFiles, startedFiles);
    this.#cgroups.claim(plugins);
    becomeSubreaper();
    // As a user the broker has the same uid. A broker that was taken over must not read or steer this process, proc(5).
    setDumpable(false);
    dropInheritableCapabilities();
    try {
      for (const plugin of plugins) this.#listeners.ready(plugin);
      if (audit !== undefined) this.#sink = new AuditSink(audit, () => this.#broker?.auditDropped(1));
      if (metrics !== undefined) {
        this.#server = await serveMetrics(metrics, {
          metrics: async () => {
            this.#cgroups.tell();
            return `${await this.#metrics.text()}\n${(await this.#broker?.metrics()) ?? ''}`;
          },
          healthy: () => this.#healthy,
        });
      }
      if (this.#privileges === 'root') this.#owner = claimIdRange();
      const broker = new BrokerProcess({
        becomeIds: this.#owner === undefined ? undefined : { uid: this.#owner.base, gid: this.#owner.base },
        dnsServers: this.#options.dnsServers,
        listeners: endpointPorts(this.#server, metrics ?? ''),
      });
      this.#broker = broker;
      broker.on('audit', (event) => {
        this.#sink?.write(event);
        this.#options.onEvent?.(event);
      });
      broker.on('down', () => this.#setHealth(false));
      broker.on('restarted', () => {
        this.#metrics.count('brokerRestarts', {});
        this.#setHealth(true);
        onNotice?.('the broker died; a new one serves in its place, and connections and plugins go on');
      });
      broker.on('failed', (error) => onNotice?.(`${error.message}; trying again`));
      await broker.start();
      this.#setHealth(true);
      for (const plugin of plugins) {
        this.#pluginMetrics.set(plugin.name, new PluginMetrics(this.#metrics, plugin.name));
        await broker.addPlugin({ type: 'plugin', plugin: plugin.name, ...pick(plugin) });
      }
      this.#metrics.count('reloads', { result: 'ok' });
      this.#metrics.set('lastReload', {}, 1);
      this.#metrics.set('lastSuccess', {}, Date.now() / 1000);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /**
   * Starts a configured plugin, for the first time or again. It finds the same listeners, with the clients in their queues.
   *
   * @returns its sandbox; {@link Sandbox.ended} resolves with the plugin's end
   */
  async startPlugin(config: PluginConfig, streams: StandardStreams, cause: StartCause): Promise<Sandbox> {
    const broker = this.#broker;
    if (broker === undefined || this.#closed !== undefined)
      throw new PosternError('broker_failed', 'The supervisor has not been started');
    this.#stopped.delete(config.name);
    const host = {
      broker,
      privileges: this.#privileges,
      owner: this.#owner?.base ?? process.geteuid?.() ?? 0,
      onNotice: (text: string) => this.#options.onNotice?.(text),
      listeners: this.#listeners.ready(config),
      socketFiles: this.#listeners.paths(),
      keptHomes: this.#keptHomes,
      written: this.#written,
      ownFiles: this.#ownFiles,
      onFailure: (find: () => readonly Unseen[]) => {
        if (!this.#stopped.has(config.name)) this.#unseen.tell(config.name, find);
      },
      cgroup: this.#cgroups.make(config),
    };
    const launching = startPlugin(host, config, streams);
    this.#launching.add(launching);
    launching.catch(() => this.#cgroups.end(config.name));
    const sandbox = await launching.finally(() => this.#launching.delete(launching));
    if (this.#closed !== undefined) sandbox.kill();
    this.#running.set(config.name, sandbox);
    const metrics = this.#pluginMetrics.get(config.name);
    metrics?.set('up', {}, 1);
    metrics?.set('startTime', {}, Date.now() / 1000);
    metrics?.count('starts', { cause });
    sandbox.ended.then((end) => {
      this.#running.delete(config.name);
      const outOfMemory = this.#cgroups.end(config.name);
      const stopped = this.#stopped.has(config.name);
      metrics?.set('up', {}, 0);
      metrics?.count('exits', { cause: exitCause(end, config.limits, { stopped, outOfMemory }) });
      const limit = stopped ? undefined : limitThatEnded(end, config.limits, outOfMemory);
      if (limit !== undefined) this.#options.onNotice?.(`"${config.name}" was ended by its limit ${limit}`);
    });
    return sandbox;
  }

  /** Asks the broker for its decision, DNS included. */
  async explain(plugin: string, question: ExplainQuestion): Promise<Explanation> {
    if (this.#broker === undefined)
      throw new PosternError('broker_failed', 'The supervisor has not been started');
    return this.#broker.explain(plugin, question);
  }

  /** Sends SIGTERM, and SIGKILL after a time. Resolves when every process of the plugin is gone. */
  async stopPlugin(
    name: string,
    signal: number = SIGTERM,
    timeoutMs: number = STOP_TIMEOUT_MS,
  ): Promise<void> {
    const sandbox = this.#running.get(name);
    if (sandbox === undefined) return;
    this.#stopped.add(name);
    sandbox.signal(signal);
    const timer = setTimeout(() => sandbox.kill(), timeoutMs);
    await sandbox.ended;
    clearTimeout(timer);
  }

  /** Counts lines of a plugin's output that its limit dropped. */
  linesDropped(name: string, lines: number): void {
    this.#broker?.limited(name, 'log_rate', lines);
  }

  /** For a plugin that is not started again: its clients are refused from now on, instead of waiting. */
  closeListeners(name: string): void {
    this.#listeners.close(name);
  }

  /** Ends the plugins, their listeners, the broker and the metrics, in that order, and writes out the audit log. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.stopPlugin(name)));
    // A plugin that is still starting is killed once it runs. Its start and its end are awaited.
    await Promise.allSettled(this.#launching);
    await Promise.all([...this.#running.values()].map((sandbox) => sandbox.ended));
    await this.#cgroups.removed();
    this.#listeners.closeAll();
    await this.#broker?.stop();
    await this.#sink?.close();
    this.#server?.closeAllConnections();
    this.#server?.close();
    this.#owner?.release();
  }

  #setHealth(up: boolean): void {
    this.#healthy = up;
    this.#metrics.set('brokerUp', {}, up ? 1 : 0);
  }
}

function pick({
  allow,
  deny,
  mode,
  limits,
}: PluginConfig): Pick<PluginConfig, 'allow' | 'deny' | 'mode' | 'limits'> {
  return { allow, deny, mode, limits };
}
