// The trusted parent of broker and plugins. It runs in the host's network namespace, speaks no protocol with a plugin, and of its bytes
// parses only its notices (sd_notify(3)). All queries to the broker go through it.

import { constants } from 'node:os';
import { resolve } from 'node:path';
import { DEFAULT_AUDIT_FORMAT, DEFAULT_WHEN_FULL } from '../../shared/config/config-file.js';
import type { ExportConfig } from '../../shared/config/export-config.js';
import { DEFAULT_STOP, type PluginConfig, type StopConfig } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import { ownerOfGateway } from '../../shared/gateway.js';
import { LISTED_CONNECTIONS, STOP_TIMEOUT_MS } from '../../shared/limits.js';
import type { ExplainQuestion, Explanation } from '../../shared/protocol/link.js';
import type { OpenConnections } from '../../shared/protocol/open-connections.js';
import type { StartCause } from '../../shared/words.js';
import type { HttpEvent } from '../gateway/serve-host.js';
import { claimIdRange, type IdRange } from '../host/id-range.js';
import { shortageOf } from '../host/shortage.js';
import type { Asks } from './approval/asks.js';
import type { Blame, Replaced } from './broker/broker-events.js';
import type { BrokerProcess } from './broker/broker-process.js';
import { Cgroups } from './cgroup/cgroups.js';
import type { SandboxCgroup } from './cgroup/sandbox-cgroup.js';
import type { PluginRules } from './control/recent-events.js';
import type { ExportFacts } from './export/exporter.js';
import { SupervisorExport } from './export/supervisor-export.js';
import { type PluginState, stateWord } from './fleet/plugin-keeper.js';
import type { PluginChange } from './fleet/reload.js';
import { prepareOwnProcess } from './fork-early.js';
import { AllHeld, type Held } from './gateway/read-secrets.js';
import { type GatewayContext, type GatewayRun, prepareGateway } from './gateway-runs.js';
import { Listeners } from './listeners/listeners.js';
import { makeAsks, type PutRule, putRule, takeQuestions } from './make-asks.js';
import { lineOf } from './plugin-line.js';
import { PluginList } from './plugin-list.js';
import { pluginReady } from './plugin-ready.js';
import { PluginRuns } from './plugin-runs.js';
import type { Beyond } from './policy/boundary.js';
import type { PolicyNews } from './policy/policy-keeper.js';
import { type PluginFacts, Records } from './record/records.js';
import type { Startable } from './require-startable.js';
import { outsideEnvironment } from './start/plugin-environment.js';
import type { Sandbox } from './start/sandbox.js';
import type { StandardStreams } from './start/standard-streams.js';
import { type PluginHost, startPlugin } from './start/start-plugin.js';
import { makeBroker, recordSources, startBroker } from './start-broker.js';
import { requireHookApart } from './start-problems.js';
import { StartQueue } from './start-queue.js';
import type { SupervisorOptions } from './supervisor-options.js';
import { UnseenReports } from './unseen/unseen-files.js';
import { UsageReports } from './usage-reports.js';

/** How long the last events may take on their way to the collector. */
const EXPORT_FLUSH_MS = 5000;

/** What each start of a sandbox needs to know. */
type OwnHost = Omit<PluginHost, 'listeners' | 'onPlan'>;

export class Supervisor {
  /** From the start on. */
  #broker: BrokerProcess | undefined;
  /** Resolves when the broker has the rules of every plugin. */
  #serving: Promise<void> | undefined;
  readonly #options: SupervisorOptions;
  readonly #records = new Records();
  readonly #listeners: Listeners;
  readonly #cgroups = new Cgroups(
    (plugin, limit, times) => this.#broker?.limited(plugin, limit, times),
    (plugin, memory, cpu) => this.#records.sandboxUsed(plugin, memory, cpu),
  );
  readonly #runs = new PluginRuns({
    records: this.#records,
    cgroups: this.#cgroups,
    onEnd: (plugin, end, cause) => this.#options.onEnd?.(plugin, end, cause),
    onNotice: (text) => this.#notice(text),
  });
  /** What the plugins use now. */
  readonly usage: UsageReports = new UsageReports(
    () => this.#broker,
    this.#runs,
    this.#cgroups,
    this.#records,
  );
  /** Of the last run of each plugin. */
  readonly #gateways = new Map<string, GatewayRun>();
  readonly #over = new AbortController();
  readonly #allHeld = new AllHeld((plugin) => ({
    plugin,
    written: this.#plugins.written,
    environment: outsideEnvironment(),
    refuse: (command) => requireHookApart(command, this.#plugins.writers),
    signal: this.#over.signal,
  }));
  readonly #starts = new StartQueue();
  /** Programs of postern's own that run confined. */
  readonly #own = new Set<Promise<Sandbox>>();
  readonly #export: SupervisorExport;
  /** Nothing starts any more. */
  #isOver = false;
  readonly #unseen: UnseenReports;
  /** Undefined: there is no file to write a rule to. */
  readonly putRule: PutRule | undefined;
  /** The questions about unknown destinations. */
  readonly asks: Asks;
  #owner: IdRange | undefined;
  readonly #plugins: PluginList;
  #states: () => readonly Pick<PluginState, 'name' | 'state' | 'isReady'>[] = () => [];
  #closed: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#listeners = new Listeners(
      (text) => this.#notice(text),
      () => this.#plugins.written,
      options.heldListeners,
    );
    this.#plugins = new PluginList(options, this.#cgroups, () => this.#runs.live);
    this.#unseen = new UnseenReports(options.onUnseen);
    this.#export = new SupervisorExport(resolve(options.ruleFile ?? ''), {
      records: this.#records,
      start: (...own) => this.startOwn(...own),
      written: () => this.#plugins.written,
      onNotice: (text) => this.#notice(text),
    });
    this.putRule = putRule(
      () => this.#plugins.writers,
      (plugin, rule) => this.#plugins.requireRule(plugin, rule),
      (plugin, rule) => this.#plugins.allow(this.#requireBroker(), plugin, rule),
      options,
    );
    this.asks = makeAsks(
      () => this.#broker,
      () => this.#plugins.writers,
      this.putRule,
      options,
    );
  }

  /** The port of the metrics listener, after the start. */
  get metricsPort(): number | undefined {
    return this.#records.port;
  }

  /** Opens the audit file anew: it may have been renamed. */
  reopenAudit(): void {
    this.#records.reopen();
  }

  /**
   * Starts everything except the plugins. Their listeners are bound from here on: an early client waits in the queue. A plugin may be
   * started before this resolves: its sandbox is made meanwhile, and its program begins afterwards.
   *
   * @throws PosternError `bad_rules`, `listen_address`, `metrics_address`, `audit_destination`, `broker_failed`,
   *   `old_kernel`, `missing_capabilities`, `bad_home`, `path_not_apart`, `no_sock_diag`, `no_cgroup`, `no_id_range`, `shortage`. Nothing is left
   *   running or bound.
   */
  async start(): Promise<void> {
    this.#serving = this.#serve();
    try {
      await this.#serving;
    } catch (error) {
      await this.close();
      throw shortageOf(error, 'postern') ?? error;
    }
  }

  async #serve(): Promise<void> {
    const { audit, auditWhenFull = DEFAULT_WHEN_FULL, auditFormat = DEFAULT_AUDIT_FORMAT } = this.#options;
    const { metrics } = this.#options;
    const { privileges } = this.#plugins.check();
    const beginExport = this.#export.prepare(this.#options.export);
    prepareOwnProcess();
    this.#listeners.prepare(this.#plugins.all).putInForce();
    if (privileges === 'root') this.#owner = claimIdRange();
    const log = audit === undefined ? undefined : { to: audit, whenFull: auditWhenFull, format: auditFormat };
    const sources = recordSources(
      () => this.#broker,
      () => this.#cgroups.tell(),
      () => this.#facts(),
      (text) => this.#notice(text),
    );
    // No plugin may reach these listeners of postern itself.
    const opened = this.#records.open(log, metrics, sources);
    // Nothing is awaited before the broker is known: a plugin may start meanwhile.
    const exporting = beginExport();
    const broker = makeBroker(this.#options, { privileges, owner: this.#owner }, opened, this.#records);
    this.#broker = broker;
    takeQuestions(broker, this.asks);
    broker.on('blamed', (plugin, blame) => this.#park(ownerOfGateway(plugin), blame));
    await startBroker(broker, this.#plugins, this.#records);
    await exporting;
  }

  /**
   * Starts a configured plugin, for the first time or again. It finds the same listeners, with the clients in their queues.
   * While {@link STARTS_AT_ONCE} others start, it waits. With when_full: block it also waits while far too many audit events do.
   *
   * @param streams called when its turn has come: the streams of a plugin that waits need no descriptors
   * @returns its sandbox; {@link Sandbox.ended} resolves with the plugin's end
   * @throws PosternError as {@link startPlugin} of start/ does, and `shortage`
   */
  async startPlugin(
    config: PluginConfig,
    streams: () => StandardStreams,
    cause: StartCause,
  ): Promise<Sandbox> {
    try {
      return await this.#starts.add(
        config.name,
        () => this.#startNow(config, streams, cause),
        this.#mayStart(config),
      );
    } catch (error) {
      // What a supervisor that does not start takes out of the queue, fails for its reason.
      if (this.#closed !== undefined) await this.#serving;
      throw shortageOf(error, `"${config.name}"`) ?? error;
    }
  }

  /** A secret's command takes its time, and is no reason for others to wait for their turn. */
  #mayStart(config: PluginConfig): Promise<void> | undefined {
    const room = this.#records.startRoom;
    // The first check knows what plugins may write.
    if (this.#serving === undefined || config.gateway === undefined) return room;
    return Promise.all([this.#held(config), room]).then(() => {});
  }

  /** What the gateway of a plugin holds by the configuration in force. */
  async #held(config: PluginConfig): Promise<Held> {
    for (;;) {
      const now = this.#plugins.inForce(config);
      const held = await this.#allHeld.read(now);
      if (this.#plugins.inForce(config) === now) return held;
    }
  }

  /** What plugins do is known to who keeps them. @param states returns it */
  showStates(states: () => readonly Pick<PluginState, 'name' | 'state' | 'isReady'>[]): void {
    this.#states = states;
  }

  #facts(): readonly PluginFacts[] {
    const states = new Map(this.#states().map((one) => [one.name, stateWord(one)]));
    return this.#plugins.all.map(({ name, kind }) => ({ name, kind, state: states.get(name) }));
  }

  async #startNow(config: PluginConfig, streams: () => StandardStreams, cause: StartCause): Promise<Sandbox> {
    // The broker knows both gateways by one name.
    const former = this.#gateways.get(config.name);
    if (former !== undefined) await former.close();
    // protects: G23 gateway: a start takes the secrets that are in force after its last wait => let held = this.#allHeld.known(config);
    let held = this.#allHeld.known(this.#plugins.inForce(config));
    for (; held === undefined; held = this.#allHeld.known(this.#plugins.inForce(config)))
      await this.#held(config);
    // No await from here on to the plan of the start: what is read here must still be in force then.
    const [broker, startable] = [this.#broker, this.#plugins.startable];
    const serving = this.#serving;
    if (
      serving === undefined ||
      broker === undefined ||
      startable === undefined ||
      this.#closed !== undefined
    ) {
      await serving;
      throw new PosternError('broker_failed', 'The supervisor has not been started');
    }
    this.#plugins.parked.refuse(config.name);
    const common = this.#commonOf(startable, broker, serving);
    let cgroup: SandboxCgroup | undefined;
    const gatewayContext: GatewayContext = {
      start: (own, { listeners }, streams) =>
        startPlugin(
          {
            ...common,
            onPlan: () => {},
            listeners,
            cgroup: cgroup?.forGateway,
          },
          own,
          streams(),
        ),
      held: () => this.#held(config),
      onEvent: (...event) => this.#http(...event),
      room: () => this.#records.logRoom,
      keepsAll: this.#records.auditRoom !== undefined,
      onLost: (events, limit) => {
        this.#broker?.auditDropped(events);
        if (limit !== undefined) this.#broker?.limited(config.name, limit, events);
      },
      onTaken: (events, since) => this.#records.lost({ events, since }),
      onNotice: common.onNotice,
    };
    const sandbox = await this.#runs.start(config, cause, async (onPlan) => {
      this.#plugins.requireHome(config);
      cgroup = this.#cgroups.make(config);
      const gateway = prepareGateway(config, held, gatewayContext);
      if (gateway !== undefined) this.#gateways.set(config.name, gateway);
      const host: PluginHost = {
        ...common,
        onPlan,
        listeners: this.#listeners.ready(config),
        gateway: gateway && { view: gateway.gateway, serve: (listeners) => gateway.serve(listeners) },
        onFailure: (find) => {
          if (!this.#runs.wasStopped(config.name)) this.#unseen.tell(config.name, find);
        },
        cgroup,
      };
      try {
        const started = await startPlugin(host, config, streams());
        void started.ended.then(() => this.#endGateway(config.name, gateway));
        return started;
      } catch (error) {
        await this.#endGateway(config.name, gateway);
        throw error;
      }
    });
    void sandbox.ended.then(() => this.asks.pluginEnded(config.name));
    return sandbox;
  }

  #commonOf(startable: Startable, broker: BrokerProcess, serving: Promise<void>): OwnHost {
    return {
      ...startable,
      broker,
      serving,
      owner: this.#owner?.base ?? process.geteuid?.() ?? 0,
      onNotice: (text) => this.#notice(text),
    };
  }

  /**
   * Runs a program of postern's own, confined as a plugin that nobody has configured, and known to the broker as one.
   *
   * @throws PosternError as {@link startPlugin} of start/ does
   */
  async startOwn(config: PluginConfig, streams: () => StandardStreams): Promise<Sandbox> {
    const broker = this.#requireBroker();
    const serving = this.#serving ?? Promise.resolve();
    await serving;
    const { startable } = this.#plugins;
    if (startable === undefined || this.#isOver)
      throw new PosternError('broker_failed', 'The supervisor ends');
    await broker.setRules(lineOf(config, this.#plugins.written));
    this.#records.addOwn(config.name);
    this.#plugins.parked.refuse(config.name);
    const host = { ...this.#commonOf(startable, broker, serving), listeners: [], onPlan: () => {} };
    const starting = startPlugin(host, config, streams());
    this.#own.add(starting);
    void starting.then(
      ({ ended }) => ended.then(() => this.#own.delete(starting)),
      () => this.#own.delete(starting),
    );
    return starting;
  }

  /**
   * Reads what another export needs, and changes nothing.
   *
   * @returns what puts it in force
   * @throws PosternError `bad_secret`, `path_not_apart`
   */
  prepareExport(config: ExportConfig | undefined): () => Promise<void> {
    return this.#export.prepare(config);
  }

  /** Null: there is no export. */
  get exportFacts(): ExportFacts | null {
    return this.#export.facts;
  }

  /** A look for the signed policy. */
  policyLooked({ isNews, ...facts }: PolicyNews): void {
    this.#records.policy(facts, isNews);
  }

  /** @param serial of the signed policy in force @param beyond what is not in force because of it */
  policyInForce(serial: number | undefined, beyond: readonly Beyond[]): void {
    this.#records.policyInForce(serial, beyond.length);
  }

  /**
   * Keeps these plugins from now on. Their rules are in force, and their listeners bound, when this resolves. It starts and restarts none.
   *
   * @param plugins all of them. Those that are left out are forgotten
   * @throws PosternError as {@link start} does, with the former plugins, rules and listeners in force
   */
  async setPlugins(plugins: readonly PluginConfig[], change: PluginChange = {}): Promise<void> {
    const broker = this.#requireBroker();
    await this.#serving;
    const parts = { broker, listeners: this.#listeners, records: this.#records };
    await this.#plugins.change(parts, plugins, change);
    await Promise.all([...this.#gateways.values()].map((gateway) => gateway.renew()));
  }

  /** Counts an attempt to load the rules. @param problem why it failed: an event of the audit log */
  rulesLoaded(problem?: string): void {
    this.#records.rulesLoaded(problem);
  }

  /** Cancels a start that waits. Sends the signal, and SIGKILL after a time. Resolves when every process of the plugin is gone. */
  stopPlugin(name: string, { signal, graceMs }: StopConfig = DEFAULT_STOP): Promise<void> {
    this.#starts.cancel(name);
    return this.#runs.stop(name, constants.signals[signal], graceMs);
  }

  /** Sends a signal to the plugin's first process. @returns false where it does not run */
  signalPlugin(name: string, signal: number): boolean {
    return this.#runs.signal(name, signal);
  }

  /** Resolves when the plugin is ready, as its configuration says, and never if it ends before. One that is late is ended. */
  pluginReady(config: PluginConfig, sandbox: Sandbox): Promise<void> {
    const { name } = config;
    return pluginReady(
      config,
      sandbox,
      (listener) => this.#listeners.named(name, listener),
      (seconds) => {
        this.#notice(`"${name}" was not ready within ${seconds} s (ready.timeout_s): it is ended`);
        sandbox.kill();
      },
    );
  }

  get brokerPid(): number | undefined {
    return this.#broker?.pid;
  }

  /** Whether the broker answered in time when it was last looked at. */
  get brokerAnswers(): boolean {
    return this.#broker?.answers === true;
  }

  /** The version of postern of the broker that serves. */
  get brokerVersion(): string | undefined {
    return this.#broker?.version;
  }

  /** Whether a process is this one, or has been a broker of it: nobody asks on behalf of a plugin. */
  isOwn(pid: number): boolean {
    return pid === process.pid || this.#broker?.hadPid(pid) === true;
  }

  /**
   * Has a broker of the code that is installed now take the place of the one that serves. Nobody is refused because of that.
   *
   * @throws PosternError `broker_failed` where the other one does not start. Then the former one goes on
   */
  async replaceBroker(): Promise<Replaced> {
    await this.#serving;
    return this.#requireBroker().replace();
  }

  /** Asks the broker for its decision, DNS included. @throws PosternError `broker_failed` */
  async explain(plugin: string, query: ExplainQuestion): Promise<Explanation> {
    return this.#requireBroker().explain(plugin, query);
  }

  /** Has the broker write the refused look-ups that it gathers: the next one of each name is an event at once again. */
  tellRefusals(plugin: string): void {
    this.#broker?.tellRefusals(plugin);
  }

  /** The open connections of a plugin, or of all. @param most how many are listed @throws PosternError `broker_failed` */
  async connections(plugin?: string, most: number = LISTED_CONNECTIONS): Promise<OpenConnections> {
    return this.#requireBroker().connections({ plugin, most });
  }

  /** Ends an open connection of a plugin. @throws PosternError `broker_failed`, `no_such_connection` */
  async endConnection(plugin: string, decisionId: string): Promise<void> {
    return this.#requireBroker().endConnection(plugin, decisionId);
  }

  /** The rules that are in force, with those that were approved. */
  get rules(): readonly PluginRules[] {
    return this.#plugins.all;
  }

  /** Counts lines of a plugin's output that its limit dropped. */
  linesDropped(name: string, lines: number): void {
    this.#broker?.limited(name, 'log_rate', lines);
  }

  /** For a plugin that is not started again: its clients are refused from now on, instead of waiting. */
  closeListeners(name: string): void {
    this.#listeners.close(name);
  }

  /**
   * Ends the plugins, their listeners, the broker and the metrics, in that order, and writes out the audit log.
   *
   * @param graceMs from SIGTERM to SIGKILL
   */
  close(graceMs: number = STOP_TIMEOUT_MS): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  async #close(graceMs: number): Promise<void> {
    this.#over.abort();
    this.#starts.cancelAll();
    await this.#serving?.catch(() => {});
    await this.#runs.close(constants.signals.SIGTERM, graceMs);
    await Promise.all([...this.#gateways.values()].map((gateway) => gateway.close()));
    // The broker answers after the events of what has ended by now.
    if (this.#export.facts !== null) await this.#broker?.usage().catch(() => {});
    await this.#export.close(EXPORT_FLUSH_MS);
    this.#isOver = true;
    for (const started of await Promise.allSettled(this.#own))
      if (started.status === 'fulfilled') {
        started.value.kill();
        await started.value.ended;
      }
    await this.#cgroups.removed();
    this.#listeners.closeAll();
    this.asks.close();
    await this.#broker?.stop();
    await this.#records.close();
    this.#owner?.release();
  }

  /** @throws PosternError `broker_failed` before the start */
  #requireBroker(): BrokerProcess {
    if (this.#broker !== undefined) return this.#broker;
    throw new PosternError('broker_failed', 'The supervisor has not been started');
  }

  /** Ends a plugin for good. */
  #park(plugin: string, blame: Blame): void {
    this.#plugins.parked.add(plugin);
    const why =
      blame === 'deadly'
        ? `the broker died again and again right after requests of "${plugin}"`
        : `the broker was held up by "${plugin}", also after the end of its sandbox`;
    this.#notice(`${why}: it is ended, and not started again`);
    this.#runs.kill(plugin);
  }

  /** It holds secrets as long as it is kept. */
  async #endGateway(plugin: string, gateway: GatewayRun | undefined): Promise<void> {
    await gateway?.close();
    if (gateway !== undefined && this.#gateways.get(plugin) === gateway) this.#gateways.delete(plugin);
  }

  #http(plugin: string, request: HttpEvent, isLogged: boolean): void {
    const event = this.#records.http(plugin, request);
    if (!isLogged) return;
    this.#records.event(event);
    this.#options.onEvent?.(event);
  }

  #notice(text: string): void {
    this.#options.onNotice?.(text);
  }
}
