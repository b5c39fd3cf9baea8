// One broker, from its start to its exit: what it was told, and what it says. Runs in the supervisor.

import { readlinkSync } from 'node:fs';
import { VERSION } from '../../../shared/bundles.js';
import { BROKER_START_TIMEOUT_MS, GIVEN_NAMES_A_LINE, GRANTS, STAND_INS } from '../../../shared/limits.js';
import { printable } from '../../../shared/printable.js';
import type { AuditEvent } from '../../../shared/protocol/audit-events.js';
import {
  type ApprovedDestination,
  type BrokerLine,
  type GivenName,
  type GivenNamesLine,
  LINK_VERSION,
  type ListenerAddress,
} from '../../../shared/protocol/link.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import type { Privileges } from '../../host/privileges.js';
import type { BrokerDeaths } from './blame.js';
import { type LostEvents, TallyReader } from './broker-events.js';
import { type BrokerLines, brokerFailed } from './broker-lines.js';
import { type BrokerPlugins, configurePlugin, type PluginLine } from './configure-plugin.js';
import type { Heartbeat } from './heartbeat.js';
import { receiveMetrics } from './query-broker.js';
import { type SpawnedBroker, spawnBroker } from './spawn-broker.js';

/** From the order to retire to its exit. Past it the supervisor kills the broker. */
const RETIRE_TIMEOUT_MS = 5_000;

/** What a broker says and does. */
interface BrokerRunEvents {
  readonly spawned: (pid: number) => void;
  readonly audit: (event: AuditEvent) => void;
  /** It has acted on an answer. Taken after its exit too: the answer is used up. */
  readonly taken: (line: Extract<BrokerLine, { type: 'ask_taken' }>) => void;
  /** Any other line. After its exit none is taken: a further broker answers for the rest. */
  readonly line: (run: BrokerRun, line: BrokerLine) => void;
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
  readonly #tally = new TallyReader();
  readonly #startedAt = performance.now();
  readonly #exited: Promise<void>;
  readonly #told = new Map<string, Told>();
  #version = '';
  #retiring = false;
  #ended = false;

  private constructor(spawned: SpawnedBroker, events: BrokerRunEvents) {
    this.spawned = spawned;
    const { ends, lines } = spawned;
    void lines.closed.then(() => {
      const lost = this.#tally.close();
      if (lost !== undefined) events.lost(lost);
    });
    lines.on('line', (line) => {
      if (line.type === 'ask_taken') events.taken(line);
      if (line.type !== 'audit') return;
      this.#tally.receive(line.line.ts);
      events.audit(line.line);
    });
    const take = (line: BrokerLine): void => events.line(this, line);
    lines.on('line', take);
    this.#exited = new Promise((resolve) => {
      ends.once('end', (_status, signal) => {
        lines.off('line', take);
        this.#ended = true;
        events.exit(this, signal);
        resolve();
      });
    });
  }

  /**
   * Starts a broker, which serves no plugin yet.
   *
   * @param watch see {@link spawnBroker}
   * @throws PosternError `broker_failed`, `launch_failed`
   */
  static async begin(
    options: BrokerOptions,
    watch: (packets: OwnedFd) => () => void,
    events: BrokerRunEvents,
  ): Promise<BrokerRun> {
    const spawned = await spawnBroker(options.privileges, watch, options.onWords);
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

  /** From then on its `gone` rejects, which may take a moment. */
  get hasEnded(): boolean {
    return this.#ended;
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
    const id = lines.nextId();
    const page = receiveMetrics(lines, id);
    lines.send({ type: 'retire', id });
    await this.#exited;
    clearTimeout(late);
    await lines.closed;
    const metrics = await Promise.race([page, undefined]);
    return unanswered && { names, unanswered, metrics };
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
    this.spawned.kill();
  }
}

// The first line to a broker, and the answer to it.

export interface BrokerOptions {
  readonly privileges: Privileges;
  /** As root. */
  readonly becomeIds?: { readonly uid: number; readonly gid: number } | undefined;
  /** It serves one plugin in all. */
  readonly alone?: boolean | undefined;
  readonly dnsServers?: readonly string[] | undefined;
  /** Of postern itself. The broker loads before they are known. */
  readonly listeners: readonly ListenerAddress[] | Promise<readonly ListenerAddress[]>;
  /** Takes what a broker writes on stderr. Missing: it goes to this process's stderr. */
  readonly onWords?: ((text: string) => void) | undefined;
  /** Whether the audit log has room now; undefined if it loses events. Missing: it does. */
  readonly auditRoom?: (() => boolean | undefined) | undefined;
  /** Whether somebody reads all audit events. Missing: somebody does. */
  readonly readsAll?: boolean | undefined;
}

/**
 * Resolves when the broker serves.
 *
 * @returns its version of postern
 * @throws PosternError `broker_failed` where it cannot, does not say so in time, or speaks another version of the link
 */
async function beginBroker(lines: BrokerLines, options: BrokerOptions): Promise<string> {
  const listeners = await options.listeners;
  const auditRoom = options.auditRoom?.();
  const supervisorMounts = readlinkSync('/proc/self/ns/mnt');
  const { becomeIds, dnsServers, readsAll = true, alone } = options;
  const user = options.privileges === 'user' ? process.geteuid?.() : undefined;
  const records = { auditRoom, readsAll };
  lines.send({ type: 'start', becomeIds, dnsServers, listeners, ...records, supervisorMounts, user, alone });
  return lines.expect((line) => readyOf(line), BROKER_START_TIMEOUT_MS);
}

function readyOf(line: BrokerLine): string | undefined {
  if (line.type === 'failed')
    throw brokerFailed(printable(line.message), line.fix === undefined ? undefined : printable(line.fix));
  if (line.type !== 'ready') return undefined;
  const version = printable(line.version);
  if (/* protects: G11 a broker of another link serves nobody => true */ line.link === LINK_VERSION)
    return version;
  throw brokerFailed(
    `postern was installed anew: version ${version} of the broker does not fit the supervisor, which is of version ${VERSION}`,
    'start postern again',
  );
}

// What a broker that was replaced in order leaves to the next one.

export interface LastWill {
  /** What its DNS gave each sandbox. */
  readonly names: GivenNames;
  /** Sessions of channels with requests that have no answer. */
  readonly unanswered: ReadonlySet<number>;
  /** Its last page of metrics, if that came whole. */
  readonly metrics: string | undefined;
}

// What the DNS of a retiring broker gave each sandbox, for the next broker. The number of names has a bound.

/** Of one sandbox. */
const MOST_NAMES = GRANTS + STAND_INS;

export class GivenNames {
  readonly #names = new Map<number, GivenName[]>();

  /** @param line of the retiring broker, about a sandbox that runs. Names past the bound are left out */
  take({ session, names }: GivenNamesLine): void {
    const known = this.#names.get(session) ?? [];
    this.#names.set(session, known);
    known.push(
      .../* protects: G13 names of a retiring broker are bounded => names */ names.slice(
        0,
        MOST_NAMES - known.length,
      ),
    );
  }

  /** Resolves when the next broker has all of them. @throws PosternError `broker_failed` where it does not answer */
  async giveTo(lines: BrokerLines): Promise<void> {
    for (const [session, names] of this.#names)
      for (let at = 0; at < names.length; at += GIVEN_NAMES_A_LINE) {
        lines.send({ type: 'given_names', session, names: names.slice(at, at + GIVEN_NAMES_A_LINE) });
        const id = lines.nextId();
        lines.send({ type: 'ping', id });
        await lines.expect(
          (line) => (line.type === 'pong' && line.id === id ? true : undefined),
          BROKER_START_TIMEOUT_MS,
        );
      }
  }
}

// Ends a broker for good.

const BROKER_STOP_TIMEOUT_MS = 5_000;

/** Resolves when it has ended and its last lines have been read. */
export async function endBroker({ kill, gone, lines }: SpawnedBroker): Promise<void> {
  // The end of the line stream tells the broker to end. Its last lines are still read.
  const { closed } = lines;
  lines.end();
  const timer = setTimeout(kill, BROKER_STOP_TIMEOUT_MS);
  await gone.catch(() => {});
  lines.closeSoon();
  await closed;
  clearTimeout(timer);
}
