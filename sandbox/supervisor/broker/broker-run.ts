// One broker, from its start to its exit: what it was told, and what it says. Runs in the supervisor.
import { RETIRE_TIMEOUT_MS } from '../../../shared/limits.js';
import type { AuditEvent } from '../../../shared/protocol/audit-events.js';
import type { ApprovedDestination, BrokerLine } from '../../../shared/protocol/link.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { type BrokerOptions, beginBroker } from './begin-broker.js';
import type { BrokerDeaths } from './broker-deaths.js';
import type { BrokerPlugins } from './broker-plugins.js';
import { configurePlugin, type PluginLine } from './configure-plugin.js';
import { EventTally, type LostEvents } from './event-tally.js';
import { GivenNames } from './given-names.js';
import type { Heartbeat } from './heartbeat.js';
import type { LastWill } from './last-will.js';
import { type SpawnedBroker, spawnBroker } from './spawn-broker.js';

/** What a broker says and does. */
export interface BrokerRunEvents {
  readonly spawned: (pid: number) => void;
  readonly audit: (event: AuditEvent) => void;
  /** Any other line. After its exit none is taken: a further broker answers for the rest. */
  readonly line: (line: BrokerLine) => void;
  /** Its last event was read, and some are missing. */
  readonly lost: (lost: LostEvents) => void;
  readonly exit: (run: BrokerRun, signal: NodeJS.Signals | null) => void;
}

/** What a broker knows of a plugin. */
interface Told {
  readonly line: PluginLine;
  readonly approved: readonly ApprovedDestination[];
}

export class BrokerRun {
  readonly spawned: SpawnedBroker;
  readonly #tally = new EventTally();
  readonly #startedAt = performance.now();
  readonly #exited: Promise<void>;
  readonly #told = new Map<string, Told>();
  #version = '';
  #retiring = false;

  private constructor(spawned: SpawnedBroker, events: BrokerRunEvents) {
    this.spawned = spawned;
    const { child, lines } = spawned;
    void lines.closed.then(() => {
      const lost = this.#tally.close();
      if (lost !== undefined) events.lost(lost);
    });
    lines.on('line', (line) => {
      if (line.type !== 'audit') return;
      this.#tally.receive(line.line.ts);
      events.audit(line.line);
    });
    lines.on('line', events.line);
    this.#exited = new Promise((resolve) => {
      child.once('exit', (_status, signal) => {
        lines.off('line', events.line);
        events.exit(this, signal);
        resolve();
      });
    });
  }

  /**
   * Starts a broker, which serves no plugin yet.
   *
   * @param watch receives what the broker sends on the packet socket, and returns what ends that
   * @throws PosternError `broker_failed`, `launch_failed`
   */
  static async begin(
    options: BrokerOptions,
    watch: (packets: OwnedFd) => () => void,
    events: BrokerRunEvents,
  ): Promise<BrokerRun> {
    const spawned = await spawnBroker(options.becomeIds !== undefined, watch, options.onWords);
    if (spawned.child.pid !== undefined) events.spawned(spawned.child.pid);
    const run = new BrokerRun(spawned, events);
    try {
      run.#version = await Promise.race([spawned.gone, beginBroker(spawned.lines, options)]);
    } catch (error) {
      await run.abandon();
      throw error;
    }
    return run;
  }

  get pid(): number | undefined {
    return this.spawned.child.pid;
  }

  /** postern's version, as the broker says. */
  get version(): string {
    return this.#version;
  }

  /** Whether its exit is wanted. */
  get isRetiring(): boolean {
    return this.#retiring;
  }

  /** In milliseconds. */
  get age(): number {
    return performance.now() - this.#startedAt;
  }

  /** In which it counts its events. */
  get tally(): OwnedFd {
    return this.#tally.memory;
  }

  /** Tells it what it does not know yet of the plugins. @throws PosternError `bad_rules`, `broker_failed` */
  async tell(plugins: BrokerPlugins, deaths: BrokerDeaths): Promise<void> {
    for (const plugin of this.#told.keys())
      if (!plugins.has(plugin)) {
        this.spawned.lines.send({ type: 'forget', plugin });
        this.#told.delete(plugin);
      }
    for (const line of plugins.all()) {
      const told = this.#told.get(line.plugin);
      const approved = plugins.approvedOf(line.plugin);
      if (told?.line === line && told.approved === approved) continue;
      await this.configure(line, approved, deaths.markOf(line.plugin));
    }
  }

  /** @param heartbeat excuses the broker meanwhile @throws PosternError `bad_rules`, `broker_failed` */
  async configure(
    line: PluginLine,
    approved: readonly ApprovedDestination[],
    mark: number | undefined,
    heartbeat?: Heartbeat,
  ): Promise<void> {
    const { gone, lines } = this.spawned;
    await Promise.race([gone, configurePlugin(lines, { ...line, mark, approved }, heartbeat)]);
    this.#told.set(line.plugin, { line, approved });
  }

  /**
   * Has it end its work and exit, within RETIRE_TIMEOUT_MS.
   *
   * @param runs whether a trap's sandbox runs
   * @returns what the next broker has to know; undefined if it did not end in order
   */
  async retire(runs: (session: number) => boolean): Promise<LastWill | undefined> {
    this.#retiring = true;
    const { lines } = this.spawned;
    const names = new GivenNames();
    let unanswered: ReadonlySet<number> | undefined;
    lines.on('line', (line) => {
      if (line.type === 'given_names' && runs(line.session)) names.take(line);
      else if (line.type === 'retired') unanswered = new Set(line.unanswered);
    });
    const late = /* protects: G11 a broker that does not retire is killed => undefined */ setTimeout(
      () => this.kill(),
      RETIRE_TIMEOUT_MS,
    );
    lines.send({ type: 'retire' });
    await this.#exited;
    clearTimeout(late);
    await lines.closed;
    return unanswered && { names, unanswered };
  }

  /** Ends it without its work. Resolves when it is gone, and its last lines have been read. */
  async abandon(): Promise<void> {
    const { gone, lines } = this.spawned;
    this.kill();
    lines.closeSoon();
    await gone.catch(() => {});
    await lines.closed;
  }

  kill(): void {
    this.spawned.child.kill('SIGKILL');
  }
}
