// The table of plugins, with their channels, their traps and the ledger: does what the supervisor's lines and packets say. Runs in the broker.

import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { PosternError } from '../shared/errors.js';
import { END_AGAIN_MS } from '../shared/limits.js';
import type {
  BrokerLine,
  ChannelPacket,
  ConnectionsPacket,
  GivenName,
  SandboxPacket,
  SocketFilePacket,
  SupervisorLine,
  TrapPacket,
} from '../shared/protocol/link.js';
import type { OwnedFd } from '../shared/sys/owned-fd.js';
import { ChannelSessions } from './channel/channel-sessions.js';
import type { ChannelEnds } from './channel/session.js';
import { configurePlugin } from './configure-plugin.js';
import { Ledger } from './ledger/ledger.js';
import { NO_CONNECTIONS, type NotedConnection } from './ledger/register.js';
import { monotonicMs } from './ledger/slot-memory.js';
import type { PluginOrders } from './limit/plugin-orders.js';
import type { LineLink } from './line-link.js';
import type { ResolverSets } from './names/name-cache.js';
import { Metrics, metricsAnswers } from './record/metrics.js';
import { ConnectionLists } from './request/connection-lists.js';
import { explainDecision } from './request/explain-decision.js';
import { Plugin, type Services } from './request/plugin.js';
import { Survey, showUsedLimits, usageReports } from './request/report-usage.js';
import { RequestMarks } from './request/request-marks.js';
import { AgeLimit } from './revoke/age-limit.js';
import { endConnections } from './revoke/end-connections.js';
import { Quota } from './revoke/quota.js';
import { Revocation } from './revoke/revocation.js';
import { type TrapEnds, TrapSessions } from './trap/trap-session.js';

/** A packet about one plugin. */
export type PluginPacket = ChannelPacket | ConnectionsPacket | SandboxPacket | SocketFilePacket | TrapPacket;

/** Does what the supervisor's lines and packets say. */
export class Plugins {
  readonly #services: Services;
  readonly #link: LineLink;
  readonly #resolvers: ResolverSets;
  readonly #byName: Map<string, Plugin>;
  readonly #alone: boolean;
  readonly channels: ChannelSessions;
  readonly traps: TrapSessions;
  readonly #marks = new RequestMarks();
  readonly #ledger: Ledger;
  readonly #survey: Survey;
  /** Lists open connections for the operator. */
  readonly lists: ConnectionLists;
  /** Reports what the plugins use, for the operator. */
  readonly reportUsage: (id: number) => Promise<void>;
  readonly reportMetrics: (id: number) => Promise<void>;
  /** Plugins that were gone before this broker, by the numbers of their registers. */
  readonly #left = new Map<number, Plugin>();
  #asks = 0;
  #retiring = false;

  /** @param alone whether it serves one plugin in all, and guards no neighbour */
  constructor(services: Services, link: LineLink, resolvers: ResolverSets, alone = false) {
    this.#alone = alone;
    this.#resolvers = resolvers;
    this.#services = services;
    this.#byName = services.plugins;
    this.#link = link;
    const send = (line: BrokerLine): void => link.send(line);
    this.channels = new ChannelSessions(services, send);
    this.traps = new TrapSessions(services, send);
    this.#ledger = new Ledger(services.audit);
    this.lists = new ConnectionLists(services, this.#byName, send);
    this.#survey = new Survey(services, this.#byName);
    this.reportUsage = usageReports(this.#byName, () => this.#count(), send);
    this.reportMetrics = metricsAnswers(services.metrics, () => this.#show(), send);
  }

  /** Puts a plugin's rules in force. If one is invalid, the former rules stay, and the supervisor gets the problems. */
  configure(line: SupervisorLine & { readonly type: 'plugin' }): void {
    const plugin = this.#plugin(line.plugin);
    plugin.turn.onTake = () => this.#marks.note(line.mark);
    plugin.ending = (work) => this.#marks.ending(line.mark, work);
    this.#link.send(configurePlugin(plugin, line, this.#services, this.#resolvers));
  }

  /** Somebody has answered a question of a plugin. One that retires leaves the answer to the next broker, which serves what waits. */
  askAnswered({
    plugin,
    id,
    host,
    port,
    answer,
    by,
  }: SupervisorLine & { readonly type: 'ask_answered' }): void {
    // protects: G20 ask: an answer during a replacement is not lost => this.#byName.get(plugin)?.asks.answer(id, { host, port }, { answer, by });
    if (!this.#retiring) this.#byName.get(plugin)?.asks.answer(id, { host, port }, { answer, by });
  }

  /** Explains to the operator what would be decided. */
  async explain(line: SupervisorLine & { readonly type: 'explain' }): Promise<void> {
    const explanation = await explainDecision(this.#services, this.#plugin(line.plugin), line);
    this.#link.send({ type: 'explained', id: line.id, explanation });
  }

  /** The audit log is full, or has room again. */
  auditRoom(room: boolean): void {
    this.#services.audit.room.set(room);
  }

  /** What the supervisor does for plugins. */
  get orders(): PluginOrders {
    return this.#services.orders;
  }

  /** Counts refusals by limits that the supervisor holds. */
  limited({ plugin, limit, times }: SupervisorLine & { readonly type: 'limited' }): void {
    this.#plugin(plugin).metrics.count('limitRejections', { limit }, times);
  }

  /** Ends a plugin's channels, its trap and its connections, and removes its metrics. @param left see `forget` of the link */
  forget(name: string, left: number | undefined): void {
    const plugin = this.#byName.get(name);
    if (plugin === undefined) return;
    this.#byName.delete(name);
    this.#resolvers.use(name, undefined);
    this.#endSessions(plugin);
    this.#services.audit.flush();
    this.channels.forget(plugin);
    plugin.asks.end();
    this.orders.forget(name);
    plugin.stall.begin(undefined);
    this.#services.audit.unlimit(name);
    plugin.metrics.remove();
    plugin.pidNamespace = undefined;
    // Its mark may be another one's by now.
    plugin.ending = (work) => work();
    void this.#endLeft(plugin, left);
  }

  /** Its processes are gone. What another plugin holds of its connections ends too: nothing would bound it any more. */
  async #endLeft(plugin: Plugin, left: number | undefined): Promise<void> {
    const { connections } = plugin;
    connections?.reportLast();
    // protects: G22 a connection does not outlive the plugin that got it => void [register, endConnections, END_AGAIN_MS, sleep];
    // One that is hidden holds up no other.
    await Promise.all(
      [connections, connections?.hostSockets].map(async (register) => {
        while (
          register !== undefined &&
          !(await endConnections(this.#services, plugin, register, () => true, 'revoked'))
        )
          await sleep(END_AGAIN_MS);
      }),
    );
    plugin.register(undefined);
    // Without the register, which may still come, the broker does not know.
    if (left !== undefined && connections !== undefined) this.#link.send({ type: 'left_ended', left });
  }

  /** Ends a connection, as the operator wants it. What no process holds any more ends with its run, as for every other cause. */
  async endConnection(line: SupervisorLine & { readonly type: 'end_connection' }): Promise<void> {
    const { id, plugin: name, decisionId } = line;
    // What was answered is described first.
    this.#services.audit.flush();
    const plugin = this.#byName.get(name);
    let found = false;
    for (const register of [plugin?.connections, plugin?.connections?.hostSockets]) {
      if (plugin === undefined || register === undefined) continue;
      const mustEnd = ({ description }: NotedConnection): boolean => {
        const isMeant = description?.decision_id === decisionId;
        found ||= isMeant;
        return isMeant;
      };
      await endConnections(this.#services, plugin, register, mustEnd, 'operator');
    }
    this.#link.send({ type: 'connection_ended', id, found });
  }

  /** Ends every session, so that connects under way are accounted for. */
  end(): void {
    this.channels.end();
    this.traps.end();
    this.#services.audit.hurry();
    for (const { failures } of this.#byName.values()) failures.flush();
    this.#ledger.end(this.#byName.values());
  }

  /** Takes nothing from any plugin any more. */
  stopTaking(): void {
    this.#retiring = true;
    for (const { turn } of this.#byName.values()) turn.stop();
  }

  /** Whether something is under way that may be done soon. */
  get isBusy(): boolean {
    const asks = ({ queue, questions }: Plugin): boolean => queue.inFlight > 0 || questions.count > 0;
    return [...this.#byName.values()].some(asks) || this.traps.isBusy;
  }

  /** Sessions of channels with requests that have no answer. No further ones come once nothing is taken. */
  get unanswered(): readonly number[] {
    return this.channels.unanswered;
  }

  /** Looks at no trap any more. @returns for each trap, what its sandbox's DNS gave */
  giveUp(): ReadonlyMap<number, readonly GivenName[]> {
    return this.traps.giveUp();
  }

  /** Makes all audit events that are owed. */
  flush(): void {
    // protects: G11 what gathers in a trap is written before its broker is replaced
    this.traps.flush();
    this.#services.audit.hurry();
    for (const { failures } of this.#byName.values()) failures.flush();
  }

  /** Leaves the calls that wait to the next broker. Nothing may be done for them from now on. */
  leaveCalls(): void {
    this.traps.leaveCalls();
  }

  /** Serves a channel. */
  attach(packet: ChannelPacket, ends: ChannelEnds): void {
    this.channels.attach(this.#plugin(packet.plugin), packet, ends);
  }

  /** Serves a sandbox's trap. */
  attachTrap(packet: TrapPacket, ends: TrapEnds): void {
    this.traps.attach(this.#plugin(packet.plugin), packet, ends);
  }

  /** A packet came without some of its descriptors. What it was about is refused or ended, and nothing else. */
  cutShort(packet: PluginPacket): void {
    const plugin = this.#plugin(packet.plugin);
    process.stderr.write(
      `postern: broker: plugin ${packet.plugin}: no descriptor is left for a packet "${packet.type}"\n`,
    );
    switch (packet.type) {
      case 'channel':
        this.channels.cutShort(packet);
        return;
      case 'trap':
        this.traps.cutShort(packet);
        return;
      case 'connections':
        if (packet.left === undefined) plugin.register(NO_CONNECTIONS);
        return;
      case 'socket_file':
        this.orders.done(packet, -constants.errno.EMFILE);
        return;
      case 'sandbox':
        // A plugin that the watchdog cannot end gets no door.
        plugin.unguarded = true;
        this.#endSessions(plugin);
    }
  }

  /** @param memory see {@link Ledger.note} */
  noteConnections({ plugin, left }: ConnectionsPacket, memory: OwnedFd): void {
    if (left === undefined) {
      this.#ledger.note(this.#plugin(plugin), memory);
      return;
    }
    // It has no series, and another plugin may have its name.
    const gone = makePlugin(plugin, { ...this.#services, metrics: new Metrics() }, () => true, NO_ASKS);
    this.#ledger.note(gone, memory);
    this.#left.set(left, gone);
  }

  attachEnds(reports: OwnedFd): void {
    this.#ledger.begin(reports);
    for (const [left, plugin] of this.#left) void this.#endLeft(plugin, left);
    this.#left.clear();
  }

  /** @param memory in which the supervisor looks after this broker's death, owned from here on */
  attachMarks(memory: OwnedFd): void {
    this.#marks.attach(memory);
  }

  /** A plugin has a new sandbox, whose end the broker may ask for if it stalls on it. @param alarm what asks the supervisor for its end */
  attachSandbox({ plugin, pidNamespace, inherits }: SandboxPacket, alarm: OwnedFd): void {
    const owner = this.#plugin(plugin);
    owner.unguarded = false;
    // The kernel gives the number of a namespace that has ended to another one.
    for (const other of this.#byName.values())
      if (other.pidNamespace === pidNamespace) other.pidNamespace = undefined;
    owner.pidNamespace = pidNamespace;
    // protects: G22 a run that inherits the queue of a listener answers for the former one => owner.runsSince = (void inherits, owner.runsSince === undefined ? 0 : monotonicMs());
    if (inherits !== true) owner.runsSince = owner.runsSince === undefined ? 0 : monotonicMs();
    owner.stall.begin(alarm);
  }

  /** What the run has passed on to others is of no use to them any more. */
  endRun(name: string): void {
    const plugin = this.#byName.get(name);
    if (plugin === undefined) return;
    // protects: G7 a channel does not outlive the run that got it
    this.#endSessions(plugin);
    // The supervisor has withdrawn its questions.
    plugin.asks.end();
  }

  /** Brings the metrics up to date. */
  async #show(): Promise<void> {
    await this.#count();
    for (const plugin of this.#byName.values()) {
      const { metrics, queue, asks, connections } = plugin;
      showUsedLimits(plugin);
      metrics.set('asksOpen', {}, asks.size);
      metrics.set('connectionsOpen', {}, connections?.open ?? 0);
      const oldest = connections?.oldest();
      metrics.set('oldestConnection', {}, oldest === undefined ? 0 : (monotonicMs() - oldest) / 1_000);
      metrics.set('requestsInFlight', {}, queue.inFlight);
      metrics.set('requestsQueued', {}, queue.queued);
    }
  }

  async #count(): Promise<void> {
    this.#services.audit.flush();
    await this.#survey.take();
    // What has ended meanwhile counts whole.
    this.#ledger.update();
  }

  #endSessions(plugin: Plugin): void {
    this.channels.end(plugin);
    this.traps.end(plugin);
  }

  #nextAsk(): number {
    this.#asks += 1;
    return this.#asks;
  }

  #plugin(name: string): Plugin {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    // protects: G9 a broker without guards serves no second plugin
    if (this.#alone && this.#byName.size > 0)
      throw new PosternError('link', `A broker for one plugin got "${name}" too`);
    const link = { nextId: () => this.#nextAsk(), send: (line: BrokerLine) => this.#link.send(line) };
    const plugin = makePlugin(name, this.#services, () => this.#byName.size > 1, link);
    if (this.#retiring) plugin.turn.stop();
    this.#byName.set(name, plugin);
    return plugin;
  }
}

// A plugin of the broker, with what ends its connections.

const NO_ASKS = { nextId: () => 0, send: () => {} };

/** @param hasNeighbours whether the broker serves other plugins @param link carries questions to the supervisor */
function makePlugin(
  name: string,
  services: Services,
  hasNeighbours: () => boolean,
  link: { readonly nextId: () => number; readonly send: (line: BrokerLine) => void },
): Plugin {
  const { metrics, audit, descriptors } = services;
  const plugin = new Plugin(name, metrics, audit, descriptors.share(), hasNeighbours, link);
  const revocation = new Revocation(services, plugin);
  plugin.revokeConnections = () => revocation.begin();
  const quota = new Quota(services, plugin);
  const age = new AgeLimit(services, plugin);
  plugin.watchLimits = () => {
    quota.begin();
    age.begin();
  };
  return plugin;
}
