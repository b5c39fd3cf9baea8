// The plugins, their channels and their traps, as the supervisor names them. Runs in the broker.

import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { PosternError } from '../shared/errors.js';
import { gatewayAddress } from '../shared/gateway.js';
import { END_AGAIN_MS, GIVEN_NAMES_A_LINE, KEPT_TEXT, TOLD_PROBLEMS } from '../shared/limits.js';
import { compilePolicy } from '../shared/policy/compile-policy.js';
import { judgeRequest } from '../shared/policy/decide.js';
import { mayBeAsked } from '../shared/policy/may-be-asked.js';
import type { Policy, RuleProblem } from '../shared/policy/policy.js';
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
import type { Asked } from './approval/plugin-approvals.js';
import { ChannelSessions } from './channel/channel-sessions.js';
import type { ChannelEnds } from './channel/session.js';
import { NO_CONNECTIONS, type NotedConnection } from './ledger/connection-slots.js';
import { Ledger } from './ledger/ledger.js';
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
import { upstreamOf } from './upstream/upstream.js';

/** How long a broker that is replaced on purpose may finish what it does. New requests wait meanwhile. */
const RETIRE_MS = 500;

/** A packet about one plugin. */
export type PluginPacket = ChannelPacket | ConnectionsPacket | SandboxPacket | SocketFilePacket | TrapPacket;

/** Does what the supervisor's lines and packets say. */
export class Sessions {
  readonly #services: Services;
  readonly #link: LineLink;
  readonly #resolvers: ResolverSets;
  readonly #plugins: Map<string, Plugin>;
  readonly #alone: boolean;
  readonly channels: ChannelSessions;
  readonly traps: TrapSessions;
  readonly #marks = new RequestMarks();
  readonly #accounts: Ledger;
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
    this.#plugins = services.plugins;
    this.#link = link;
    const send = (line: BrokerLine): void => link.send(line);
    this.channels = new ChannelSessions(services, send);
    this.traps = new TrapSessions(services, send);
    this.#accounts = new Ledger(services.audit);
    this.lists = new ConnectionLists(services, this.#plugins, send);
    this.#survey = new Survey(services, this.#plugins);
    this.reportUsage = usageReports(this.#plugins, () => this.#count(), send);
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
    // protects: G20 ask: an answer during a replacement is not lost => this.#plugins.get(plugin)?.asks.answer(id, { host, port }, { answer, by });
    if (!this.#retiring) this.#plugins.get(plugin)?.asks.answer(id, { host, port }, { answer, by });
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
    const plugin = this.#plugins.get(name);
    if (plugin === undefined) return;
    this.#plugins.delete(name);
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
    for (const register of [connections, connections?.hostSockets])
      while (
        register !== undefined &&
        !(await endConnections(this.#services, plugin, register, () => true, 'revoked'))
      )
        await sleep(END_AGAIN_MS);
    plugin.register(undefined);
    // Without the register, which may still come, the broker does not know.
    if (left !== undefined && connections !== undefined) this.#link.send({ type: 'left_ended', left });
  }

  /** Ends a connection, as the operator wants it. What no process holds any more ends with its run, as for every other cause. */
  async endConnection(line: SupervisorLine & { readonly type: 'end_connection' }): Promise<void> {
    const { id, plugin: name, decisionId } = line;
    // What was answered is described first.
    this.#services.audit.flush();
    const plugin = this.#plugins.get(name);
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
    for (const { failures } of this.#plugins.values()) failures.flush();
    this.#accounts.end(this.#plugins.values());
  }

  /** Takes nothing from any plugin any more. */
  stopTaking(): void {
    this.#retiring = true;
    for (const { turn } of this.#plugins.values()) turn.stop();
  }

  /** Whether something is under way that may be done soon. */
  get isBusy(): boolean {
    const asks = ({ queue, questions }: Plugin): boolean => queue.inFlight > 0 || questions.count > 0;
    return [...this.#plugins.values()].some(asks) || this.traps.isBusy;
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
    for (const { failures } of this.#plugins.values()) failures.flush();
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
        // A plugin that the watchdog cannot end gets no way out.
        plugin.unguarded = true;
        this.#endSessions(plugin);
    }
  }

  /** @param memory see {@link Ledger.note} */
  noteConnections({ plugin, left }: ConnectionsPacket, memory: OwnedFd): void {
    if (left === undefined) {
      this.#accounts.note(this.#plugin(plugin), memory);
      return;
    }
    // It has no series, and another plugin may have its name.
    const gone = makePlugin(plugin, { ...this.#services, metrics: new Metrics() }, () => true, NO_ASKS);
    this.#accounts.note(gone, memory);
    this.#left.set(left, gone);
  }

  attachEnds(reports: OwnedFd): void {
    this.#accounts.begin(reports);
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
    for (const other of this.#plugins.values())
      if (other.pidNamespace === pidNamespace) other.pidNamespace = undefined;
    owner.pidNamespace = pidNamespace;
    // protects: G22 a run that inherits the queue of a listener answers for the former one => owner.runsSince = (void inherits, owner.runsSince === undefined ? 0 : monotonicMs());
    if (inherits !== true) owner.runsSince = owner.runsSince === undefined ? 0 : monotonicMs();
    owner.stall.begin(alarm);
  }

  /** What the run has passed on to others is of no use to them any more. */
  endRun(name: string): void {
    const plugin = this.#plugins.get(name);
    // protects: G7 a channel does not outlive the run that got it
    if (plugin !== undefined) this.#endSessions(plugin);
  }

  /** Brings the metrics up to date. */
  async #show(): Promise<void> {
    await this.#count();
    for (const plugin of this.#plugins.values()) {
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
    this.#accounts.update();
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
    const known = this.#plugins.get(name);
    if (known !== undefined) return known;
    // protects: G9 a broker without guards serves no second plugin
    if (this.#alone && this.#plugins.size > 0)
      throw new PosternError('link', `A broker for one plugin got "${name}" too`);
    const link = { nextId: () => this.#nextAsk(), send: (line: BrokerLine) => this.#link.send(line) };
    const plugin = makePlugin(name, this.#services, () => this.#plugins.size > 1, link);
    if (this.#retiring) plugin.turn.stop();
    this.#plugins.set(name, plugin);
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
  plugin.boundConnections = () => {
    quota.begin();
    age.begin();
  };
  return plugin;
}

// Puts a plugin's rules in force, with what else the supervisor says of it.

type PluginLine = SupervisorLine & { readonly type: 'plugin' };

/** @returns the answer. If a rule is invalid, the former rules stay, and the answer has the problems */
function configurePlugin(
  plugin: Plugin,
  line: PluginLine,
  services: Services,
  resolvers: ResolverSets,
): BrokerLine {
  const { allow, deny, mode } = line;
  const compiled = compilePolicy({ allow, deny, mode });
  const direct = compilePolicy({ allow: [], deny: line.via?.direct ?? [] });
  if (compiled.ok && direct.ok) {
    putInForce(plugin, compiled.policy, direct.policy, line, services, resolvers);
    return { type: 'plugin_ready', plugin: plugin.name, policyHash: compiled.policy.hash };
  }
  const problems = [
    ...(compiled.ok ? [] : compiled.problems.map((problem) => textOf(problem.list, problem))),
    ...(direct.ok ? [] : direct.problems.map((problem) => textOf('via.direct', problem))),
  ];
  const told = problems.slice(0, TOLD_PROBLEMS).map((problem) => problem.slice(0, KEPT_TEXT));
  return { type: 'plugin_refused', plugin: plugin.name, problems: told };
}

function textOf(list: string, { text, message, suggestion }: RuleProblem): string {
  const fix = suggestion === undefined ? '' : ` (write "${suggestion}")`;
  return `${list} "${text}": ${message}${fix}`;
}

function putInForce(
  plugin: Plugin,
  policy: Policy,
  direct: Policy,
  { limits, via, unknown, approved = [], revoke = 'drain', gateways = [] }: PluginLine,
  services: Services,
  resolvers: ResolverSets,
): void {
  plugin.configure(policy, limits, via && upstreamOf(via, via.direct && direct));
  plugin.gateways = new Map(
    gateways.flatMap((names, index) => names.map((name) => [name, gatewayAddress(index)] as const)),
  );
  const { resolvers: servers, source = [] } = via ?? {};
  plugin.names = resolvers.use(plugin.name, servers && { servers, from: source });
  const isOpen = (asked: Asked): boolean => {
    const host = services.host.context();
    const verdict = judgeRequest(policy, asked, host);
    return verdict.kind === 'settled' && mayBeAsked(policy, verdict.decision, host);
  };
  plugin.asks.configure(unknown === 'ask', approved, isOpen);
  if (unknown === 'ask') plugin.shows('ask');
  plugin.revoke = revoke;
  // protects: G7 new rules decide again on open connections
  plugin.revokeConnections();
  plugin.boundConnections();
}

// The end of a broker that is replaced on purpose. It takes nothing new, finishes what is soon done, tells what the next broker has to know, and
// exits. The next broker serves what still waits.

/** Between two looks whether work is done. */
const LOOK_MS = 5;

/** @param page of the question for metrics that is answered last @param exit ends this process at once */
export async function retire(
  sessions: Sessions,
  link: LineLink,
  page: number,
  exit: () => never,
): Promise<void> {
  sessions.stopTaking();
  const until = performance.now() + RETIRE_MS;
  while (sessions.isBusy && performance.now() < until) await sleep(LOOK_MS);
  for (const [session, names] of sessions.giveUp())
    for (let at = 0; at < names.length; at += GIVEN_NAMES_A_LINE)
      link.send({ type: 'given_names', session, names: names.slice(at, at + GIVEN_NAMES_A_LINE) });
  // What was looked at until now has its end in this turn of the event loop.
  await sleep(0);
  sessions.flush();
  // protects: G11 metrics: what a broker has counted stays when it is replaced
  await sessions.reportMetrics(page);
  link.send({ type: 'retired', unanswered: sessions.unanswered });
  const leave = (): void => {
    sessions.flush();
    if (link.backlogBytes > 0) {
      link.drain(leave);
      return;
    }
    // Both in one step: in between, this process could answer a call that the next broker serves again.
    sessions.leaveCalls();
    exit();
  };
  leave();
}
