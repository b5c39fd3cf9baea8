// Starts the broker, gives it rules and channels, says and asks what it is told, and starts it again when it dies. Runs in the supervisor. Plugins and
// their connections outlive a broker, because the supervisor keeps what each one needs. Without a broker, words are lost and queries fail.

import { EventEmitter } from 'node:events';
import { BoundedMap } from '../../../shared/bounded-map.js';
import type { LimitWord } from '../../../shared/config/limit-forms.js';

import type {
  ApprovedDestination,
  ExplainQuestion,
  Explanation,
  SupervisorLine,
} from '../../../shared/protocol/link.js';
import type { OpenConnections, PluginUsage } from '../../../shared/protocol/open-connections.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { BrokerDeaths } from './blame.js';
import { type BrokerEvents, DroppedEvents, type Replaced } from './broker-events.js';
import { type BrokerLines, brokerFailed } from './broker-lines.js';
import { type BrokerOptions, BrokerRun, endBroker, type LastWill } from './broker-run.js';
import { BrokerPlugins, type PluginLine } from './configure-plugin.js';
import { Heartbeat } from './heartbeat.js';
import type { Channel, SandboxFacts, TrapFacts } from './kept.js';
import { KeptForBrokers } from './kept-for-brokers.js';
import {
  type ConnectionsQuery,
  endConnection,
  queryConnections,
  queryExplanation,
  queryMetrics,
  queryUsage,
} from './query-broker.js';
import type { SpawnedBroker } from './spawn-broker.js';

/** Pids of ended brokers that no client of the control socket may have. */
const KEPT_BROKER_PIDS = 64;

export class BrokerProcess extends EventEmitter<BrokerEvents> {
  readonly #options: BrokerOptions;
  #stopping = false;
  /** The broker that serves. */
  #run: BrokerRun | undefined;
  #replacing = false;
  /** The broker that is about to take its place. */
  #next: BrokerRun | undefined;
  /** Rules change, or the broker is replaced. */
  readonly #changes = new SharedLock();
  /** Of the last brokers. Each may have connected somewhere before it died. */
  readonly #pids = new BoundedMap<number, true>(KEPT_BROKER_PIDS);
  readonly #plugins: BrokerPlugins = new BrokerPlugins();
  readonly #kept: KeptForBrokers = new KeptForBrokers(this.#plugins);
  readonly #deaths: BrokerDeaths = new BrokerDeaths();
  readonly #dropped = new DroppedEvents();
  #link: SpawnedBroker | undefined;
  #heartbeat: Heartbeat | undefined;

  constructor(options: BrokerOptions) {
    super();
    this.#options = options;
  }

  /** A broker serves, with the rules of every plugin. */
  get isUp(): boolean {
    return this.#run !== undefined;
  }

  /** postern's, of the broker that serves. It may have been installed after this supervisor's. */
  get version(): string | undefined {
    return this.#run?.version;
  }

  /** Whether a broker of this supervisor had that pid. */
  hadPid(pid: number): boolean {
    return this.#pids.get(pid) === true;
  }

  /**
   * @param plugins whose rules are in force when this resolves
   * @throws PosternError `broker_failed` where the broker does not start, `bad_rules` where it refuses rules
   */
  async start(plugins: readonly PluginLine[] = []): Promise<void> {
    for (const line of plugins) {
      this.#plugins.put(line.plugin, line);
      this.#kept.keepConnections(line.plugin);
    }
    await this.#serveWith(await this.#begin());
  }

  /**
   * Starts another broker from what is installed now, and has it take the place of this one. Nobody is refused because of that: calls and requests
   * wait meanwhile, for RETIRE_MS and a little more.
   *
   * @throws PosternError `broker_failed` where the other one does not start. Then the former one goes on
   */
  replace(): Promise<Replaced> {
    return this.#changes.alone(() => this.#replace());
  }

  /**
   * Gives this broker and its successors the rules of a plugin, of a new one or in place of its former rules. While a broker dies, the next
   * one is awaited.
   *
   * @returns when the rules are in force
   * @throws PosternError `bad_rules` if the broker refuses them, and the former rules stay; `broker_failed` once the supervisor ends
   */
  async setRules(line: PluginLine): Promise<void> {
    await this.#changes.shared(async () => {
      const former = this.#plugins.get(line.plugin);
      this.#plugins.put(line.plugin, line);
      try {
        await inForce(this, () => this.#configure(line));
        // A broker that has these rules has forgotten a former plugin of the name, and the register is not taken for the former one's.
        if (!this.#stopping && this.#plugins.has(line.plugin)) this.#kept.keepConnections(line.plugin);
      } catch (error) {
        this.#plugins.put(line.plugin, former);
        throw error;
      }
    });
  }

  /** Asks the broker for open connections. @throws PosternError `broker_failed` where the broker gives no answer */
  async connections(query: ConnectionsQuery): Promise<OpenConnections> {
    // Until then it has no register.
    if (this.#run === undefined) throw brokerFailed('it has just been started');
    return queryConnections(this.#lines, query, this.#plugins);
  }

  /** Ends a connection. @throws PosternError `broker_failed`, `no_such_connection` */
  async endConnection(plugin: string, decisionId: string): Promise<void> {
    return endConnection(this.#lines, plugin, decisionId);
  }

  /** Asks the broker what the plugins use. @throws PosternError `broker_failed` where the broker gives no answer */
  async usage(): Promise<readonly PluginUsage[]> {
    if (this.#run === undefined) throw brokerFailed('it has just been started');
    return queryUsage(this.#lines, this.#plugins);
  }

  /** Ends the broker for good. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.emit('stopped');
    this.#kept.close();
    this.#deaths.close();
    this.#next?.kill();
    const link = this.#link;
    this.#unlink();
    if (link !== undefined) await endBroker(link);
  }

  /** Forgets a plugin and ends its sessions. */
  removePlugin(plugin: string): void {
    this.#plugins.drop(plugin);
    this.#deaths.forget(plugin);
    // While there is no broker, the next one ends them.
    const left = this.#kept.leaveConnections(plugin);
    this.#link?.lines.send({ type: 'forget', plugin, left });
    this.#kept.drop(plugin);
  }

  /** Every further broker gets it with the rules of the plugin. */
  keepApproved(plugin: string, destination: ApprovedDestination): void {
    this.#plugins.approve(plugin, destination);
  }

  /** Makes a channel for a plugin. @returns the plugin's ends, owned by the caller */
  openChannel(plugin: string): Channel['plugin'] {
    return this.#kept.openChannel(plugin);
  }

  /** Gives this broker and its successors the current sandbox of a plugin. @param end called when the broker asks for its end */
  openSandbox(plugin: string, end: () => void, facts: SandboxFacts): void {
    const endAndWatch = (): void => {
      end();
      this.#heartbeat?.askedToEnd(plugin);
    };
    this.#kept.openSandbox(plugin, endAndWatch, facts);
  }

  /** The current sandbox of a plugin has ended, and so do its channels. */
  endSandbox(plugin: string): void {
    this.#kept.endSandbox(plugin);
  }

  /**
   * Gives this broker and its successors the trap of a sandbox.
   *
   * @param trap as the launcher sends it (TRAP_DESCRIPTORS), owned from here on
   */
  openTrap(trap: readonly OwnedFd[], facts: TrapFacts): void {
    this.#kept.openTrap(trap, facts);
  }

  /** The running broker's pid. */
  get pid(): number | undefined {
    return this.#link?.child.pid;
  }

  /** Its way to the broker. @throws PosternError `broker_failed` */
  get #lines(): BrokerLines {
    if (this.#link === undefined) throw brokerFailed('no broker is running');
    return this.#link.lines;
  }

  /** A broker runs, and takes what earlier ones could not be told. */
  #talkTo(link: SpawnedBroker): void {
    this.#link = link;
    this.#dropped.tell(link.lines);
  }

  /** Reports audit events that could not be written. The broker counts them with its own; without one, the next broker does. */
  auditDropped(events: number): void {
    this.#dropped.add(events);
    this.#dropped.tell(this.#link?.lines);
  }

  /** The audit log is full, or has room again. @param room undefined: it loses events, and the broker need not know */
  auditRoom(room: boolean | undefined): void {
    if (room !== undefined) this.#link?.lines.send({ type: 'audit_room', room });
  }

  /** Answers a question of the running broker. */
  answerAsk(line: SupervisorLine & { readonly type: 'ask_answered' }): void {
    this.#link?.lines.send(line);
  }

  /** Has the broker write the refused look-ups of a plugin that it gathers. */
  tellRefusals(plugin: string): void {
    this.#link?.lines.send({ type: 'tell_refusals', plugin });
  }

  /** Reports refusals by a limit that is not the broker's. The broker counts them with its own. */
  limited(plugin: string, limit: LimitWord, times: number): void {
    this.#link?.lines.send({ type: 'limited', plugin, limit, times });
  }

  /** The broker's metrics in Prometheus' text format; undefined where no broker answers. */
  async metrics(): Promise<string | undefined> {
    if (this.#link === undefined || this.#heartbeat?.answers === false) return undefined;
    return queryMetrics(this.#link.lines);
  }

  /** Whether a broker runs, and answered in time when it was last looked at. */
  get answers(): boolean {
    return this.#heartbeat?.answers === true;
  }

  /** Seconds since the broker last answered; undefined where no broker runs. */
  get heartbeatAge(): number | undefined {
    return this.#heartbeat?.ageSeconds;
  }

  /**
   * Asks the broker for its decision.
   *
   * @throws PosternError `broker_failed` where the broker gives no answer
   */
  async explain(plugin: string, query: ExplainQuestion): Promise<Explanation> {
    return queryExplanation(this.#lines, plugin, query);
  }

  /**
   * @throws PosternError `broker_failed`, `launch_failed`
   */
  #begin(): Promise<BrokerRun> {
    return BrokerRun.begin(this.#options, (packets) => this.#kept.receiveOrders(packets), {
      spawned: (pid) => void this.#pids.set(pid, true),
      audit: (event) => this.emit('audit', event),
      taken: (line) => this.emit('taken', line),
      line: (run, line) => {
        if (line.type !== 'asked' && line.type !== 'ask_ended') this.#kept.take(line);
        else if (this.#link === run.spawned) this.emit('ask', line);
      },
      lost: (lost) =>
        /* protects: G11 what a killed broker took along is told => this */ this.emit('lost', lost),
      exit: (run, signal) => this.#onExit(run, signal),
    });
  }

  /**
   * Has a broker serve.
   *
   * @param will of the former broker, if it ended in order
   * @throws PosternError `broker_failed`, `bad_rules`
   */
  async #serveWith(run: BrokerRun, will?: LastWill): Promise<void> {
    const { spawned } = run;
    try {
      if (this.#stopping) throw brokerFailed('the supervisor ends');
      this.#talkTo(spawned);
      // It may have changed meanwhile.
      this.auditRoom(this.#options.auditRoom?.());
      await run.tell(this.#plugins, this.#deaths);
      if (will !== undefined) await Promise.race([spawned.gone, will.names.giveTo(spawned.lines)]);
      // protects: G11 a broker that died while the former one ended its work serves nobody
      if (run.hasEnded) await spawned.gone;
      this.#kept.renew();
      this.#deaths.renewMarks();
    } catch (error) {
      await run.abandon();
      throw error;
    }
    this.#run = run;
    spawned.cameUp();
    this.#heartbeat = this.#watchOver(run);
    spawned.packets.marks(this.#deaths.marks);
    spawned.packets.tally(run.tally);
    this.#kept.giveTo(spawned, will?.unanswered);
  }

  async #replace(): Promise<Replaced> {
    if (!this.isUp) await happened(this, 'restarted');
    this.#replacing = true;
    try {
      const next = await this.#begin();
      this.#next = next;
      await next.tell(this.#plugins, this.#deaths);
      const former = this.pid ?? 0;
      const will = await this.#run?.retire((session) => this.#kept.hasTrap(session));
      if (will?.metrics !== undefined) this.emit('counted', will.metrics, former);
      await this.#serveWith(next, will);
      const replaced = { pid: next.pid ?? 0, version: next.version, inOrder: will !== undefined };
      this.emit('replaced', replaced);
      return replaced;
    } catch (error) {
      await this.#next?.abandon();
      this.#replacing = false;
      if (this.#run === undefined) this.#onDeath(0);
      throw error;
    } finally {
      this.#replacing = false;
      this.#next = undefined;
    }
  }

  async #configure(line: PluginLine): Promise<void> {
    if (this.#run === undefined) throw brokerFailed('no broker is running');
    const approved = this.#plugins.approvedOf(line.plugin);
    await this.#run.configure(line, approved, this.#deaths.markOf(line.plugin), this.#heartbeat);
  }

  #watchOver(run: BrokerRun): Heartbeat | undefined {
    const { child, lines } = run.spawned;
    if (child.pid === undefined) return undefined;
    return new Heartbeat(
      child.pid,
      lines,
      (verdict) => {
        this.emit('late', verdict !== 'answers');
        if (/* protects: G11 a broker that hangs is replaced => true */ verdict !== 'hung') return;
        this.emit('hung');
        run.kill();
      },
      (plugin) => this.#blameForStall(plugin),
    );
  }

  async #startAgain(): Promise<void> {
    await this.#serveWith(await this.#begin());
  }

  #onExit(run: BrokerRun, signal: NodeJS.Signals | null): void {
    const served = this.#run === run;
    // Of what it wrote last, the audit events are still read.
    if (!this.#stopping) run.spawned.lines.closeSoon();
    const died = served && !this.#stopping && !run.isRetiring;
    if (died) this.#findBlame(run, signal);
    if (this.#link === run.spawned) this.#unlink();
    if (died) this.#onDeath(run.age);
  }

  #unlink(): void {
    this.#run = undefined;
    this.#link = undefined;
    this.#heartbeat?.close();
    this.#heartbeat = undefined;
    this.#kept.unlink();
    this.emit('gone');
  }

  /** @param signal that ended the broker. SIGKILL from elsewhere is the operator's or the kernel's doing */
  #findBlame(run: BrokerRun, signal: NodeJS.Signals | null): void {
    const heartbeat = this.#heartbeat;
    const hung = heartbeat?.hung === true;
    if (signal === 'SIGKILL' && !hung) return;
    // protects: G9 a plugin for which the kernel works past its end is not started again => const stalledBy = undefined;
    const stalledBy = hung ? heartbeat.stalledBy : undefined;
    const deadly = this.#deaths.whomToBlame(run.age, hung ? heartbeat.ageSeconds * 1_000 : 0);
    if (this.#plugins.count < 2) return;
    // protects: G11 a plugin whose requests kill the broker is ended
    if (deadly !== undefined) this.emit('blamed', deadly, 'deadly');
    if (stalledBy !== undefined) this.#blameForStall(stalledBy);
  }

  /** The end of its sandbox did not let the broker go on. A plugin without neighbours holds up nobody. */
  #blameForStall(plugin: string): void {
    if (this.#plugins.count >= 2) this.emit('blamed', plugin, 'stalls');
  }

  /** @param lived in milliseconds; 0: it did not start */
  #onDeath(lived: number): void {
    if (this.#stopping) return;
    this.emit('down');
    // Otherwise the next one is under way.
    if (this.#replacing) return;
    setTimeout(() => {
      if (this.#stopping) return;
      this.#startAgain().then(
        () => this.emit('restarted'),
        (error: Error) => {
          this.emit('failed', error);
          this.#onDeath(0);
        },
      );
    }, this.#deaths.pauseAfter(lived));
  }
}

// Puts something in force in the broker, whichever broker runs: while one dies, the next one is awaited.

/** What tells about the brokers. */
interface Brokers extends EventEmitter<BrokerEvents> {
  /** A broker serves, with the rules of every plugin. */
  readonly isUp: boolean;
}

/**
 * @param put tells the running broker
 * @throws what `put` throws while its broker lives; PosternError `broker_failed` once no further broker is started
 */
async function inForce(brokers: Brokers, put: () => Promise<void>): Promise<void> {
  for (;;) {
    if (!brokers.isUp) await happened(brokers, 'restarted');
    const down = new AbortController();
    const died = happened(brokers, 'down', down.signal).then(() => 'died' as const);
    try {
      if ((await Promise.race([put().then(() => 'put' as const), died])) === 'put') return;
    } finally {
      down.abort();
    }
  }
}

/** Resolves when something happens to the brokers. @throws PosternError `broker_failed` once no further broker is started */
function happened(brokers: Brokers, event: 'restarted' | 'down', over?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (finish: () => void) => (): void => {
      brokers.off(event, onEvent).off('stopped', onStop);
      finish();
    };
    const onEvent = end(resolve);
    const onStop = end(() => reject(brokerFailed('the supervisor ends')));
    brokers.on(event, onEvent).on('stopped', onStop);
    over?.addEventListener('abort', end(resolve), { once: true });
  });
}

// Work that may run beside other work of its kind, and work that must run alone.

export class SharedLock {
  readonly #shared = new Set<Promise<unknown>>();
  #alone: Promise<unknown> = Promise.resolve();

  /** Runs beside other shared work, and after work that asked earlier to run alone. @throws what the work throws */
  async shared<T>(work: () => Promise<T>): Promise<T> {
    for (let last: unknown; last !== this.#alone; await this.#alone) last = this.#alone;
    const running = work();
    const over = running.catch(() => {}).finally(() => this.#shared.delete(over));
    this.#shared.add(over);
    return running;
  }

  /** Runs once all earlier work is over. @throws what the work throws */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const running = this.#alone.then(() => Promise.all(this.#shared)).then(work);
    this.#alone = running.catch(() => {});
    return running;
  }
}
