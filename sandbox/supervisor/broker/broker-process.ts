// Starts the broker, gives it rules and channels, and starts it again when it dies. Runs in the supervisor. Plugins and their
// connections outlive a broker, because the supervisor keeps a duplicate of each channel's ends.
import { BoundedMap } from '../../../shared/bounded-map.js';
import { KEPT_BROKER_PIDS } from '../../../shared/limits.js';
import type { ApprovedDestination, BrokerLine } from '../../../shared/protocol/link.js';
import type { OpenConnections } from '../../../shared/protocol/open-connections.js';
import type { PluginUsage } from '../../../shared/protocol/plugin-usage.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { askConnections, askUsage, type ConnectionsQuestion } from './ask-broker.js';
import { type BrokerOptions, beginBroker } from './begin-broker.js';
import { BrokerDeaths } from './broker-deaths.js';
import { brokerFailed } from './broker-failed.js';
import { BrokerPlugins } from './broker-plugins.js';
import { BrokerTalk } from './broker-talk.js';
import { configurePlugin, type PluginLine } from './configure-plugin.js';
import { endBroker } from './end-broker.js';
import { EventTally } from './event-tally.js';
import { Heartbeat } from './heartbeat.js';
import { inForce } from './in-force.js';
import { KeptForBrokers } from './kept-for-brokers.js';
import type { Channel } from './make-channel.js';
import { type SpawnedBroker, spawnBroker } from './spawn-broker.js';
import type { TrapFacts } from './trap-keeper.js';

export class BrokerProcess extends BrokerTalk {
  readonly #options: BrokerOptions;
  readonly #plugins = new BrokerPlugins();
  readonly #kept = new KeptForBrokers();
  readonly #deaths = new BrokerDeaths();
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
      if (this.link?.child === child) this.#unlink();
      if (up) this.#onDeath(performance.now() - startedAt);
    });
    try {
      await Promise.race([gone, beginBroker(lines, this.#options)]);
      this.talkTo(spawned);
      // It may have changed meanwhile.
      this.auditRoom(this.#options.auditRoom?.());
      for (const line of this.#plugins.all()) await Promise.race([gone, this.#configure(line)]);
      up = true;
      this.#up = true;
      spawned.cameUp();
      this.watchedBy(this.#watchOver(spawned));
    } catch (error) {
      child.kill('SIGKILL');
      lines.closeSoon();
      await gone.catch(() => {});
      await lines.closed;
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
      this.#plugins.put(line.plugin, former);
      throw error;
    }
  }

  /** Every further broker gets its rules, too. */
  #keep(line: PluginLine): void {
    this.#plugins.put(line.plugin, line);
    this.#kept.keepConnections(line.plugin);
  }

  /** Forgets a plugin and ends its sessions. */
  removePlugin(plugin: string): void {
    this.#plugins.drop(plugin);
    this.#deaths.forget(plugin);
    this.link?.lines.send({ type: 'forget', plugin });
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

  /** Asks the broker for open connections. @throws PosternError `broker_failed` where the broker gives no answer */
  async connections(question: ConnectionsQuestion): Promise<OpenConnections> {
    // Until then it has no register.
    if (!this.#up) throw brokerFailed('it has just been started');
    return askConnections(this.lines, question, this.#plugins);
  }

  /** Asks the broker what the plugins use. @throws PosternError `broker_failed` where the broker gives no answer */
  async usage(): Promise<readonly PluginUsage[]> {
    if (!this.#up) throw brokerFailed('it has just been started');
    return askUsage(this.lines, this.#plugins);
  }

  /** Ends the broker for good. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.emit('stopped');
    this.#kept.close();
    this.#deaths.close();
    const { link } = this;
    this.#unlink();
    if (link !== undefined) await endBroker(link);
  }

  async #configure(line: PluginLine): Promise<void> {
    const { lines } = this;
    const mark = this.#deaths.markOf(line.plugin);
    const approved = this.#plugins.approvedOf(line.plugin);
    await configurePlugin(lines, { ...line, mark, approved }, this.heartbeat);
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
    this.talkToNobody();
    this.#kept.unlink();
  }

  #tellLost(tally: EventTally): void {
    const lost = tally.close();
    if (lost !== undefined) this.emit('lost', lost);
  }

  /** @param signal that ended the broker. SIGKILL from elsewhere is the operator's or the kernel's doing */
  #findBlame(lived: number, signal: NodeJS.Signals | null): void {
    const { heartbeat } = this;
    const hung = heartbeat?.hung === true;
    if (signal === 'SIGKILL' && !hung) return;
    const blamed = this.#deaths.whomToBlame(lived, hung ? heartbeat.ageSeconds * 1_000 : 0);
    if (blamed !== undefined && this.#plugins.count > 1) this.emit('blamed', blamed);
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
