// Starts the broker, gives it rules and channels, and starts it again when it dies. Runs in the supervisor. Plugins and their
// connections outlive a broker, because the supervisor keeps a duplicate of each channel's ends.
import { BoundedMap } from '../../../shared/bounded-map.js';
import { KEPT_BROKER_PIDS } from '../../../shared/limits.js';
import type { OpenConnections, PluginUsage } from '../../../shared/protocol/link.js';
import { askConnections, askUsage, type ConnectionsQuestion } from './ask-broker.js';
import type { BrokerOptions } from './begin-broker.js';
import type { Replaced } from './broker-events.js';
import { brokerFailed } from './broker-failed.js';
import { BrokerKeeping } from './broker-keeping.js';
import { BrokerRun } from './broker-run.js';

import type { PluginLine } from './configure-plugin.js';
import { endBroker } from './end-broker.js';
import { Heartbeat } from './heartbeat.js';
import { happened, inForce } from './in-force.js';
import type { LastWill } from './last-will.js';
import { SharedLock } from './shared-lock.js';
import type { SpawnedBroker } from './spawn-broker.js';

export class BrokerProcess extends BrokerKeeping {
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
    for (const line of plugins) this.keep(line);
    await this.#serveWith(await this.#begin(this.#options.servesLong));
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
      const former = this.plugins.get(line.plugin);
      this.keep(line);
      try {
        await inForce(this, () => this.#configure(line));
      } catch (error) {
        this.plugins.put(line.plugin, former);
        throw error;
      }
    });
  }

  /** Asks the broker for open connections. @throws PosternError `broker_failed` where the broker gives no answer */
  async connections(question: ConnectionsQuestion): Promise<OpenConnections> {
    // Until then it has no register.
    if (this.#run === undefined) throw brokerFailed('it has just been started');
    return askConnections(this.lines, question, this.plugins);
  }

  /** Asks the broker what the plugins use. @throws PosternError `broker_failed` where the broker gives no answer */
  async usage(): Promise<readonly PluginUsage[]> {
    if (this.#run === undefined) throw brokerFailed('it has just been started');
    return askUsage(this.lines, this.plugins);
  }

  /** Ends the broker for good. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.emit('stopped');
    this.kept.close();
    this.deaths.close();
    this.#next?.kill();
    const { link } = this;
    this.#unlink();
    if (link !== undefined) await endBroker(link);
  }

  /**
   * @param servesLong whether it may prepare itself for that. A broker that calls wait for may not
   * @throws PosternError `broker_failed`, `launch_failed`
   */
  #begin(servesLong: boolean | undefined = false): Promise<BrokerRun> {
    const options = { ...this.#options, servesLong };
    return BrokerRun.begin(options, (packets) => this.kept.receiveAsks(packets), {
      spawned: (pid) => void this.#pids.set(pid, true),
      audit: (event) => this.emit('audit', event),
      line: (line) => {
        if (line.type === 'asked' || line.type === 'ask_ended') this.emit('ask', line);
        else this.kept.take(line);
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
    if (this.#stopping) throw brokerFailed('the supervisor ends');
    try {
      this.talkTo(spawned);
      // It may have changed meanwhile.
      this.auditRoom(this.#options.auditRoom?.());
      await run.tell(this.plugins, this.deaths);
      await will?.names.giveTo(spawned.lines);
    } catch (error) {
      await run.abandon();
      throw error;
    }
    this.#run = run;
    spawned.cameUp();
    this.watchedBy(this.#watchOver(spawned));
    spawned.packets.marks(this.deaths.marks);
    spawned.packets.tally(run.tally);
    this.kept.giveTo(spawned, will?.unanswered);
  }

  async #replace(): Promise<Replaced> {
    if (!this.isUp) await happened(this, 'restarted');
    this.#replacing = true;
    try {
      const next = await this.#begin();
      this.#next = next;
      await next.tell(this.plugins, this.deaths);
      const will = await this.#run?.retire((session) => this.kept.hasTrap(session));
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
    const approved = this.plugins.approvedOf(line.plugin);
    await this.#run.configure(line, approved, this.deaths.markOf(line.plugin), this.heartbeat);
  }

  #watchOver({ child, lines }: SpawnedBroker): Heartbeat | undefined {
    if (child.pid === undefined) return undefined;
    return new Heartbeat(child.pid, lines, (verdict) => {
      this.emit('late', verdict !== 'answers');
      if (/* protects: G11 a broker that hangs is replaced => true */ verdict !== 'hung') return;
      this.emit('hung');
      child.kill('SIGKILL');
    });
  }

  async #startAgain(): Promise<void> {
    await this.#serveWith(await this.#begin());
  }

  #onExit(run: BrokerRun, signal: NodeJS.Signals | null): void {
    const served = this.#run === run;
    // Of what it wrote last, the audit events are still read.
    if (!this.#stopping) run.spawned.lines.closeSoon();
    const died = served && !this.#stopping && !run.isRetiring;
    if (died) this.#findBlame(run.age, signal);
    if (this.link === run.spawned) this.#unlink();
    if (died) this.#onDeath(run.age);
  }

  #unlink(): void {
    this.#run = undefined;
    this.talkToNobody();
    this.kept.unlink();
  }

  /** @param signal that ended the broker. SIGKILL from elsewhere is the operator's or the kernel's doing */
  #findBlame(lived: number, signal: NodeJS.Signals | null): void {
    const { heartbeat } = this;
    const hung = heartbeat?.hung === true;
    if (signal === 'SIGKILL' && !hung) return;
    const blamed = this.deaths.whomToBlame(lived, hung ? heartbeat.ageSeconds * 1_000 : 0);
    // protects: G11 a plugin whose requests kill the broker is ended
    if (blamed !== undefined && this.plugins.count > 1) this.emit('blamed', blamed);
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
    }, this.deaths.pauseAfter(lived));
  }
}
