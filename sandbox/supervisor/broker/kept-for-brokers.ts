// What outlives a broker: each plugin's channels and traps, its connections, and what ends its sandbox. Runs in the supervisor. It gives
// all of it to each new broker, and answers what a broker says about it.
import type { BrokerLine } from '../../../shared/protocol/link.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { type Link, Orders, type Permissions } from './carry-out-orders.js';
import {
  type Channel,
  ChannelKeeper,
  ConnectionsKeeper,
  EndAlarm,
  type KeptSandbox,
  type SandboxFacts,
  type TrapFacts,
  TrapKeeper,
} from './kept.js';

export class KeptForBrokers {
  readonly #channels = new ChannelKeeper();
  readonly #traps = new TrapKeeper();
  readonly #connections = new ConnectionsKeeper();
  readonly #orders: Orders;
  /** For each plugin, what ends its current sandbox. */
  readonly #sandboxes = new Map<string, KeptSandbox>();
  #link: Link | undefined;

  constructor(permissions: Permissions) {
    this.#orders = new Orders({
      permissions,
      link: () => this.#link,
      trap: (number) => this.#traps.get(number),
      hasNeighbours: () => this.#sandboxes.size > 1,
    });
  }

  /** Before a new broker gets all that is kept, and after the end of the former one. @throws SystemError if no descriptor or no memory is left */
  renew(): void {
    this.#connections.renewMemory();
    this.#traps.renewMemory();
    for (const { alarm } of this.#sandboxes.values()) alarm.renew();
  }

  /**
   * Gives a new broker all that is kept. From now on it gets what is new, too.
   *
   * @param left sessions of channels with requests that the former broker has left; undefined: perhaps all
   */
  giveTo(link: Link, left?: ReadonlySet<number>): void {
    this.#link = link;
    const { packets } = link;
    for (const kept of this.#connections.all()) packets.connections(kept);
    const renewed = this.#connections.renewReports();
    if (renewed?.former !== undefined)
      // protects: G22 accounts: reports of ends wait for the next broker
      packets.ends(renewed.former, true);
    if (renewed !== undefined) packets.ends(renewed.reports);
    this.#channels.restart();
    for (const kept of this.#channels.all()) {
      const answered = left?.has(kept.session) === false;
      const had = this.#channels.give(kept.session);
      packets.channel(kept, { resumed: had && (answered ? 'answered' : 'unanswered') });
    }
    for (const [plugin, sandbox] of this.#sandboxes) packets.sandbox(plugin, sandbox);
    for (const kept of this.#traps.all()) packets.trap(kept, true);
  }

  /** Whether a trap's sandbox runs. */
  hasTrap(trap: number): boolean {
    return this.#traps.get(trap) !== undefined;
  }

  /** The broker is gone. */
  unlink(): void {
    this.#link = undefined;
  }

  /** Keeps a plugin's register of connections. */
  keepConnections(plugin: string): void {
    const kept = this.#connections.keep(plugin);
    if (kept !== undefined) this.#link?.packets.connections(kept);
  }

  /** Makes a channel for a run. @returns the plugin's ends, owned by the caller @throws PosternError `launch_failed` */
  openChannel(plugin: string): Channel['plugin'] {
    const { kept, ends } = this.#channels.openFirst(plugin);
    if (this.#link !== undefined)
      this.#link.packets.channel(kept, { resumed: this.#channels.give(kept.session) && 'unanswered' });
    return ends;
  }

  /** @param end called when a broker asks for the end of the plugin's sandbox */
  openSandbox(plugin: string, end: () => void, facts: SandboxFacts): void {
    const sandbox = { alarm: new EndAlarm(end), facts };
    this.#sandboxes.set(plugin, sandbox);
    this.#link?.packets.sandbox(plugin, sandbox);
  }

  /** A run has ended. Its channels end for all who hold them. */
  endSandbox(plugin: string): void {
    this.#sandboxes.get(plugin)?.alarm.close();
    this.#sandboxes.delete(plugin);
    this.#channels.endRun(plugin);
    this.#link?.packets.runEnded(plugin);
  }

  /** @param trap as the launcher sends it (TRAP_DESCRIPTORS), owned from here on */
  openTrap(trap: readonly OwnedFd[], facts: TrapFacts): void {
    const kept = this.#traps.keep(trap, facts);
    this.#link?.packets.trap(kept, false);
  }

  /** A plugin is gone. @returns see ConnectionsKeeper.leave(). Undefined also if the broker has no register yet: it gets this one with the others */
  leaveConnections(plugin: string): number | undefined {
    const left = this.#connections.leave(plugin);
    return this.#link && left;
  }

  /** Ends a plugin's channels and traps. */
  drop(plugin: string): void {
    this.#orders.endPlugin(plugin);
    for (const kept of this.#channels.all()) if (kept.plugin === plugin) this.#channels.drop(kept.session);
    for (const kept of this.#traps.all()) if (kept.plugin === plugin) this.#dropTrap(kept.number);
  }

  /** Ends everything. */
  close(): void {
    for (const { session } of this.#channels.all()) this.#channels.drop(session);
    for (const { number } of this.#traps.all()) this.#dropTrap(number);
    for (const { alarm } of this.#sandboxes.values()) alarm.close();
    this.#sandboxes.clear();
    this.#connections.close();
  }

  /** Takes what the broker says about channels and traps. */
  take(line: BrokerLine): void {
    if (line.type === 'session_ended') this.#letGo(line.session);
    else if (line.type === 'trap_ended') this.#dropTrap(line.session);
    else if (line.type === 'left_ended') this.#connections.drop(line.left);
    else if (line.type === 'channel_wanted') this.#answerChannel(line.plugin, line.session, line.id);
  }

  /** See {@link Orders.receive}. */
  receiveOrders(packets: OwnedFd): () => void {
    return this.#orders.receive(packets);
  }

  #dropTrap(trap: number): void {
    this.#orders.endTrap(trap, this.#traps.drop(trap));
  }

  #letGo(session: number): void {
    // A broker that was taken over would have this process answer without end.
    if (!this.#channels.ended(session)) return;
    this.#link?.lines.send({ type: 'session_dropped', session });
  }

  #answerChannel(plugin: string, session: number, id: number): void {
    const link = this.#link;
    if (link === undefined) return;
    const made = this.#channels.mayOpen(plugin, session) ? this.#channels.tryOpen(plugin) : undefined;
    if (made === undefined) link.lines.send({ type: 'channel_refused', id });
    else {
      const resumed = this.#channels.give(made.kept.session) && 'unanswered';
      link.packets.channel(made.kept, { resumed, answers: { session, id }, handOver: made.ends });
    }
  }
}
