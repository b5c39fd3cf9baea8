// Starts the broker, gives it rules and channels, and starts it again when it dies. Runs in the supervisor. Plugins and their
// connections outlive a broker, because the supervisor keeps a duplicate of each channel's ends.
import { EventEmitter } from 'node:events';
import { BoundedMap } from '../../../shared/bounded-map.js';
import type { LimitWord } from '../../../shared/config/counted-limits.js';
import { KEPT_BROKER_PIDS } from '../../../shared/limits.js';
import type {
  ApprovedDestination,
  BrokerLine,
  ExplainQuestion,
  Explanation,
} from '../../../shared/protocol/link.js';
import type { OpenConnections } from '../../../shared/protocol/open-connections.js';
import type { Answerer, AskEnd } from '../../../shared/reasons.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { askConnections, askExplanation, askMetrics, type ConnectionsQuestion } from './ask-broker.js';
import { type BrokerOptions, beginBroker } from './begin-broker.js';
import { BrokerDeaths } from './broker-deaths.js';
import type { BrokerEvents } from './broker-events.js';
import { brokerFailed } from './broker-failed.js';
import { configurePlugin, type PluginLine } from './configure-plugin.js';
import { endBroker } from './end-broker.js';
import { EventTally } from './event-tally.js';
import { Heartbeat } from './heartbeat.js';
import { inForce } from './in-force.js';
import { KeptForBrokers } from './kept-for-brokers.js';
import type { Channel } from './make-channel.js';
import { type SpawnedBroker, spawnBroker } from './spawn-broker.js';
import type { TrapFacts } from './trap-keeper.js';

export class BrokerProcess extends EventEmitter<BrokerEvents> {
  readonly #options: BrokerOptions;
  readonly #plugins = new Map<string, PluginLine>();
  readonly #approved = new Map<string, readonly ApprovedDestination[]>();
  readonly #kept = new KeptForBrokers();
  readonly #deaths = new BrokerDeaths();
  #link: SpawnedBroker | undefined;
  #heartbeat: Heartbeat | undefined;
  #dropped = 0;
  #stopping = false;
  #up = false;
  /** Of the last brokers. Each may have connected somewhere before it died. */
  readonly #pids = new BoundedMap<number, true>(KEPT_BROKER_PIDS);

  constructor(options: BrokerOptions) {
    super();
    this.#options = options;
  }

  /** A broker serves, with the rules of every plugin. */
  get isUp(): boolean {
    return this.#up;
  }

  /** The running broker's pid. */
  get pid(): number | undefined {
    return this.#link?.child.pid;
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
    for (const line of plugins) this.#keep(line);
    const { becomeIds, onWords } = this.#options;
    const spawned = await spawnBroker(
      becomeIds !== undefined,
      (packets) => this.#kept.receiveAsks(packets),
      onWords,
    );
    const { child, lines, gone } = spawned;
    if (child.pid !== undefined) this.#pids.set(child.pid, true);
    const tally = new EventTally();
    void lines.closed.then(() => this.#tellLost(tally));
    const startedAt = performance.now();
    let up = false;
    lines.on('line', (line) => {
      if (line.type !== 'audit') return;
      tally.receive(line.line.ts);
      this.emit('audit', line.line);
    });
    const onLine = (line: BrokerLine): void => {
      if (line.type === 'asked' || line.type === 'ask_ended') this.emit('ask', line);
      else this.#kept.take(line);
    };
    lines.on('line', onLine);
    child.once('exit', (_status, signal) => {
      if (!this.#stopping) {
        // Of what it wrote last, the audit events are still read. A further broker answers for the rest.
        lines.off('line', onLine);
        lines.closeSoon();
      }
      if (up && !this.#stopping) this.#findBlame(performance.now() - startedAt, signal);
      if (this.#link?.child === child) this.#unlink();
      if (up) this.#onDeath(performance.now() - startedAt);
    });
    try {
      await Promise.race([gone, beginBroker(lines, this.#options)]);
      this.#link = spawned;
      // It may have changed meanwhile.
      this.auditRoom(this.#options.auditRoom?.());
      this.#tellDropped();
      for (const line of this.#plugins.values()) await Promise.race([gone, this.#configure(line)]);
      up = true;
      this.#up = true;
      spawned.cameUp();
      this.#heartbeat = this.#watchOver(spawned);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    spawned.packets.marks(this.#deaths.marks);
    spawned.packets.tally(tally.memory);
    this.#kept.giveTo(spawned);
  }

  /**
   * Gives this broker and its successors the rules of a plugin, of a new one or in place of its former rules. While a broker dies, the next
   * one is awaited.
   *
   * @returns when the rules are in force
   * @throws PosternError `bad_rules` if the broker refuses them, and the former rules stay; `broker_failed` once the supervisor ends
   */
  async setRules(line: PluginLine): Promise<void> {
    const former = this.#plugins.get(line.plugin);
    this.#keep(line);
    try {
      await inForce(this, () => this.#configure(line));
    } catch (error) {
      if (former === undefined) this.#plugins.delete(line.plugin);
      else this.#keep(former);
      throw error;
    }
  }

  /** Every further broker gets its rules, too. */
  #keep(line: PluginLine): void {
    this.#plugins.set(line.plugin, line);
    this.#kept.keepConnections(line.plugin);
  }

  /** Forgets a plugin and ends its sessions. */
  removePlugin(plugin: string): void {
    this.#plugins.delete(plugin);
    this.#approved.delete(plugin);
    this.#deaths.forget(plugin);
    this.#link?.lines.send({ type: 'forget', plugin });
    this.#kept.drop(plugin);
  }

  /** Reports audit events that could not be written. The broker counts them with its own; without one, the next broker does. */
  auditDropped(events: number): void {
    this.#dropped += events;
    this.#tellDropped();
  }

  #tellDropped(): void {
    if (this.#link === undefined || this.#dropped === 0) return;
    this.#link.lines.send({ type: 'audit_dropped', events: this.#dropped });
    this.#dropped = 0;
  }

  /** The audit log is full, or has room again. @param room undefined: it loses events, and the broker need not know */
  auditRoom(room: boolean | undefined): void {
    if (room !== undefined) this.#link?.lines.send({ type: 'audit_room', room });
  }

  /** Answers a question of the running broker. */
  answerAsk(plugin: string, id: number, answer: AskEnd, by: Answerer): void {
    this.#link?.lines.send({ type: 'ask_answered', plugin, id, answer, by });
  }

  /** Every further broker gets it with the rules of the plugin. */
  keepApproved(plugin: string, destination: ApprovedDestination): void {
    this.#approved.set(plugin, [...(this.#approved.get(plugin) ?? []), destination]);
  }

  /** Reports refusals by a limit that is not the broker's. The broker counts them with its own. */
  limited(plugin: string, limit: LimitWord, times: number): void {
    this.#link?.lines.send({ type: 'limited', plugin, limit, times });
  }

  /** Makes a channel for a plugin. @returns the plugin's ends, owned by the caller */
  openChannel(plugin: string): Channel['plugin'] {
    return this.#kept.openChannel(plugin);
  }

  /** Gives this broker and its successors the current sandbox of a plugin. @param end called when the broker asks for its end */
  openSandbox(plugin: string, end: (() => void) | undefined, pidNamespace?: string): void {
    this.#kept.openSandbox(plugin, end, pidNamespace);
  }

  /**
   * Gives this broker and its successors the trap of a sandbox.
   *
   * @param trap as the launcher sends it (TRAP_DESCRIPTORS), owned from here on
   */
  openTrap(trap: readonly OwnedFd[], facts: TrapFacts): void {
    this.#kept.openTrap(trap, facts);
  }

  /** The broker's metrics in Prometheus' text format; undefined where no broker answers. */
  async metrics(): Promise<string | undefined> {
    if (this.#link === undefined || this.#heartbeat?.answers === false) return undefined;
    return askMetrics(this.#link.lines);
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
  async explain(plugin: string, question: ExplainQuestion): Promise<Explanation> {
    const lines = this.#link?.lines;
    if (lines === undefined) throw brokerFailed('no broker is running');
    return askExplanation(lines, plugin, question);
  }

  /** Asks the broker for open connections. @throws PosternError `broker_failed` where the broker gives no answer */
  async connections(question: ConnectionsQuestion): Promise<OpenConnections> {
    const lines = this.#link?.lines;
    if (lines === undefined) throw brokerFailed('no broker is running');
    return askConnections(lines, question, this.#plugins);
  }

  /** Ends the broker for good. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.emit('stopped');
    this.#kept.close();
    this.#deaths.close();
    const link = this.#link;
    this.#unlink();
    if (link !== undefined) await endBroker(link);
  }

  async #configure(line: PluginLine): Promise<void> {
    const lines = this.#link?.lines;
    if (lines === undefined) throw brokerFailed('no broker is running');
    const mark = this.#deaths.markOf(line.plugin);
    const approved = this.#approved.get(line.plugin);
    await configurePlugin(lines, { ...line, mark, approved }, this.#heartbeat);
  }

  #watchOver({ child, lines }: SpawnedBroker): Heartbeat | undefined {
    if (child.pid === undefined) return undefined;
    return new Heartbeat(child.pid, lines, (verdict) => {
      this.emit('late', verdict !== 'answers');
      if (verdict !== 'hung') return;
      this.emit('hung');
      child.kill('SIGKILL');
    });
  }

  #unlink(): void {
    this.#up = false;
    this.#link = undefined;
    this.#kept.unlink();
    this.#heartbeat?.close();
    this.#heartbeat = undefined;
  }

  #tellLost(tally: EventTally): void {
    const lost = tally.close();
    if (lost !== undefined) this.emit('lost', lost);
  }

  /** @param signal that ended the broker. SIGKILL from elsewhere is the operator's or the kernel's doing */
  #findBlame(lived: number, signal: NodeJS.Signals | null): void {
    const heartbeat = this.#heartbeat;
    const hung = heartbeat?.hung === true;
    if (signal === 'SIGKILL' && !hung) return;
    const blamed = this.#deaths.whomToBlame(lived, hung ? heartbeat.ageSeconds * 1_000 : 0);
    if (blamed !== undefined && this.#plugins.size > 1) this.emit('blamed', blamed);
  }

  /** @param lived in milliseconds; 0: it did not start */
  #onDeath(lived: number): void {
    if (this.#stopping) return;
    this.emit('down');
    setTimeout(() => {
      if (this.#stopping) return;
      this.start().then(
        () => this.emit('restarted'),
        (error: Error) => {
          this.emit('failed', error);
          this.#onDeath(0);
        },
      );
    }, this.#deaths.pauseAfter(lived));
  }
}
