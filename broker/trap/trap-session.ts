// One sandbox's trap: it receives the calls of the sandbox's filter, and serves its DNS. It ends with the sandbox. Runs in the broker, the
// only process that receives from the notifyFd.

import { constants } from 'node:os';
import { NOTIFIED_CALLS } from '../../shared/limits.js';
import type {
  BrokerLine,
  GivenName,
  GivenNamesLine,
  SupervisorLine,
  TrapPacket,
} from '../../shared/protocol/link.js';
import { WritableOnce } from '../../shared/sys/epoll.js';
import { LastHolder } from '../../shared/sys/last-holder.js';
import { MappedMemory } from '../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { SandboxListeners } from '../../shared/sys/sandbox-listeners.js';
import {
  answerNotification,
  isMarked,
  isValid,
  markNotification,
  NOTIFICATION_BYTES,
  type Notification,
  readNotification,
  receiveNotification,
  wakeSynchronously,
} from '../../shared/sys/seccomp-notify.js';
import { readableNow } from '../../shared/sys/socket.js';
import { netnsCookie } from '../../shared/sys/socket-state.js';
import { READABLE, Watch } from '../../shared/sys/uv-poll.js';
import { trapCall } from '../../shared/trap-calls.js';
import { CallerOrigins, CallerProcesses } from '../caller/caller-processes.js';
import { TrappedCall } from '../caller/trapped-call.js';
import { DnsServer } from '../dns/dns-server.js';
import type { Plugin, Services } from '../request/plugin.js';
import { CarryOver } from './carry-over.js';
import { Resets } from './dissolved-connections.js';
import { handleTrap } from './handle-trap.js';
import { LoopbackHints, SocketRefusals } from './refusals.js';
import { RememberedConnects } from './remembered-connects.js';
import { connectsHere, SupervisedOrders } from './send-orders.js';
import type { TrapContext } from './trap-context.js';
import { WaitingCalls } from './waiting-calls.js';

/** The descriptors of a sandbox's trap. The session owns them. */
export interface TrapEnds {
  readonly notifyFd: OwnedFd;
  /** Memory of the calls in flight, which the supervisor keeps. */
  readonly calls: OwnedFd;
  readonly dnsDatagrams: OwnedFd;
  readonly dnsListener: OwnedFd;
  /** Asks about AF_UNIX sockets of the sandbox; undefined: the supervisor connects them. */
  readonly unixDiag: OwnedFd | undefined;
  /** The sandbox's root folder. */
  readonly root: OwnedFd;
  /** What the sandbox gets for an AF_UNIX datagram socket; undefined: it gets none. */
  readonly noticeSocket: OwnedFd | undefined;
}

const WRITABLE_SOCKETS = new WritableOnce();
const LAST_HOLDER = LastHolder.make();

/** A trap to serve. */
interface TrapSetup {
  readonly services: Services;
  readonly plugin: Plugin;
  /** Names the trap to the supervisor. */
  readonly number: number;
  readonly landlockDeniesTcp: boolean;
  /** st_dev of each file system of the sandbox's own, as decimal text. */
  readonly scratch: readonly string[];
  /** Another broker has served this trap: the calls that it left are answered first. */
  readonly resumed: boolean;
  /** What that broker's DNS gave the sandbox, if it said so. */
  readonly given: readonly GivenName[];
  readonly ends: TrapEnds;
  readonly onEnd: (session: TrapSession) => void;
}

export class TrapSession {
  readonly number: number;
  readonly plugin: Plugin;
  readonly #ends: TrapEnds;
  readonly #calls: ReportedCalls;
  readonly #context: TrapContext;
  readonly #dns: DnsServer;
  readonly #supervised: SupervisedOrders;
  readonly #watch: Watch;
  readonly #onEnd: (session: TrapSession) => void;
  /** The calls in flight, by call slot. */
  readonly #inFlight = new Map<number, TrappedCall>();
  #open = true;

  constructor(setup: TrapSetup) {
    const { services, plugin, number, landlockDeniesTcp, resumed, ends, onEnd } = setup;
    this.number = number;
    this.plugin = plugin;
    this.#ends = ends;
    this.#onEnd = onEnd;
    this.#supervised = new SupervisedOrders(number);
    const netns = netnsCookie(ends.dnsDatagrams.number);
    this.#dns = new DnsServer(services, plugin, {
      datagrams: ends.dnsDatagrams,
      listener: ends.dnsListener,
    });
    this.#dns.grants.take(setup.given);
    this.#calls = new ReportedCalls(ends.calls);
    const processes = new CallerProcesses(plugin.descriptors);
    this.#context = {
      services,
      plugin,
      processes,
      origins: new CallerOrigins(),
      netns,
      grants: this.#dns.grants,
      askers: this.#dns.askers,
      loopback: new LoopbackHints(services.audit, plugin),
      refusals: new SocketRefusals(services.audit, plugin),
      waiting: new WaitingCalls(),
      settling: new Set(),
      writable: WRITABLE_SOCKETS,
      // A former broker may have let such options be set.
      // protects: G3 a later broker reads the rare options too => carryOver: new CarryOver(ends.dnsListener, false)
      carryOver: new CarryOver(ends.dnsListener, resumed),
      resets: new Resets(services, plugin, processes),
      remembered: new RememberedConnects(services, plugin, this.#dns.grants),
      lastHolder: LAST_HOLDER,
      connectUnix:
        ends.unixDiag === undefined
          ? this.#supervised.connect
          : connectsHere(
              {
                root: ends.root.number,
                listeners: new SandboxListeners(ends.unixDiag.number, setup.scratch.map(BigInt)),
              },
              plugin.stall,
              services.slowLane,
            ),
      setFolderMode: this.#supervised.setFolderMode,
      answerCaller: this.#supervised.answerCaller,
      landlockDeniesTcp,
      noticeSocket: ends.noticeSocket,
    };
    wakeSynchronously(ends.notifyFd.number);
    const left = resumed
      ? /* protects: G11 a call that a dead broker had received is answered by the next => [] */ this.#calls.takeLeftOvers(
          ends.notifyFd,
        )
      : [];
    this.#watch = new Watch(ends.notifyFd.number, () => this.#receive());
    this.#watch.want(READABLE);
    for (const { slot, notification } of left)
      this.#take(
        slot,
        notification,
        /* protects: G2 a call that a former broker left is taken as a connect, and not executed on its word => undefined */ 'connect',
      );
  }

  /** See {@link DnsServer.tellRefusals}. */
  tellRefusals(): void {
    if (this.#open) this.#dns.tellRefusals();
    this.plugin.failures.flush();
  }

  end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#watch.close();
    this.#context.waiting.close();
    this.plugin.asks.end();
    this.#supervised.close();
    for (const settling of this.#context.settling) settling.cancel();
    this.flush();
    this.#context.resets.close();
    this.#context.processes.close();
    this.#dns.close();
    this.#ends.notifyFd.close();
    this.#ends.dnsDatagrams.close();
    this.#ends.dnsListener.close();
    this.#ends.unixDiag?.close();
    this.#ends.root.close();
    this.#ends.noticeSocket?.close();
    this.#calls.close();
    this.#ends.calls.close();
    // The connects that are canceled here are accounted for first.
    setImmediate(() => this.plugin.failures.flush());
    this.#onEnd(this);
  }

  /** Whether a call waits for something other than the answer to a question. */
  get isBusy(): boolean {
    return [...this.#inFlight.values()].some((call) => !call.isAsking);
  }

  /** Looks at no connect and answers no look-up any more. @returns what the next broker has to know of the sandbox's look-ups */
  giveUp(): readonly GivenName[] {
    for (const settling of this.#context.settling) settling.leave();
    this.#dns.close();
    return this.#dns.grants.given();
  }

  /** Writes the lines that gather. */
  flush(): void {
    this.#context.refusals.flush();
    this.#context.loopback.flush();
  }

  /** Lets the next broker serve the calls that wait. This broker must do nothing more for them. */
  leaveCalls(): void {
    // protects: G11 a call that waits goes on with the broker that takes the place of another
    for (const [slot, call] of this.#inFlight) if (call.mayBeginAnew) this.#calls.note(slot, true);
  }

  /** The supervisor has carried out an order. */
  orderDone(id: number, result: number | 'host'): void {
    this.#supervised.answer(id, result);
  }

  /**
   * Takes a few calls, then gives other plugins their turn: the watch is level-triggered. Each receipt comes after another poll, since it
   * would block without a call: libuv also calls a notifyFd readable whose sandbox is gone.
   */
  #receive(): void {
    const { notifyFd } = this.#ends;
    while (this.#open && !this.plugin.turn.isOverFor(this)) {
      const readiness = readableNow(notifyFd.number);
      if (readiness === 'ended') this.end();
      if (readiness !== 'readable') return;
      if (this.#calls.isFull) {
        this.#watch.want(0);
        return;
      }
      const received = this.#calls.receive(notifyFd);
      this.plugin.turn.take();
      if (received !== undefined) this.#take(received.slot, received.notification);
    }
    if (this.#open && this.plugin.turn.isStopped) this.#watch.want(0);
  }

  #take(slot: number, notification: Notification, name = trapCall(notification.call)): void {
    const call = new TrappedCall(
      name ?? 'connect',
      notification,
      this.#ends.notifyFd,
      (ended, answer) => {
        this.#inFlight.delete(slot);
        if (!this.#open) return;
        this.#calls.release(slot);
        this.plugin.metrics.count('traps', { call: ended.call, answer });
        this.#watch.want(READABLE);
      },
      (asking) => {
        if (this.#open) this.#calls.note(slot, asking);
      },
    );
    this.#inFlight.set(slot, call);
    // The filter reports no other call. If one came, it would be refused.
    if (name === undefined) call.end(-1, 'error');
    else handleTrap(this.#context, call);
  }
}

// The calls that this broker has received and not answered, in memory that the supervisor keeps. The kernel writes each
// call into its slot. If the broker dies before it answers, the call is still there, and the next broker answers it.

const { ECONNABORTED } = constants.errno;

interface ReceivedCall {
  readonly slot: number;
  readonly notification: Notification;
}

class ReportedCalls {
  readonly #memory: MappedMemory;
  readonly #slots: readonly Uint8Array[];
  readonly #free: number[] = [];

  /** @param memory NOTIFIED_CALLS call slots of NOTIFICATION_BYTES */
  constructor(memory: OwnedFd) {
    this.#memory = new MappedMemory(memory.number, NOTIFIED_CALLS * NOTIFICATION_BYTES);
    const slot = (at: number): Uint8Array =>
      this.#memory.bytes.subarray(at * NOTIFICATION_BYTES, (at + 1) * NOTIFICATION_BYTES);
    this.#slots = Array.from({ length: NOTIFIED_CALLS }, (_, at) => slot(at));
    for (let at = NOTIFIED_CALLS - 1; at >= 0; at -= 1) this.#free.push(at);
  }

  get isFull(): boolean {
    return this.#free.length === 0;
  }

  /**
   * Ends the calls that a former broker left: their callers would wait forever.
   *
   * @returns those for which nothing was done yet: they waited for an answer to a question, or their broker was replaced on purpose. They are
   *   served anew, each as a connect(2), whatever is written there: that broker may have been taken over, and the kernel must not execute a call on
   *   its word
   */
  takeLeftOvers(notifyFd: OwnedFd): readonly ReceivedCall[] {
    const waiting: ReceivedCall[] = [];
    for (const [at, slot] of this.#slots.entries()) {
      const notification = readNotification(slot);
      if (notification.id === 0n) continue;
      if (isMarked(slot) && isValid(notifyFd.number, notification.id)) {
        markNotification(slot, false);
        this.#free.splice(this.#free.indexOf(at), 1);
        waiting.push({ slot: at, notification });
        continue;
      }
      answerNotification(notifyFd.number, notification.id, -ECONNABORTED);
      slot.fill(0);
    }
    return waiting;
  }

  /** Notes whether the next broker may serve a call anew. */
  note(slot: number, mayBeginAnew: boolean): void {
    const bytes = this.#slots[slot];
    if (bytes !== undefined) markNotification(bytes, mayBeginAnew);
  }

  /** Receives the next call. @returns undefined if it was withdrawn meanwhile */
  receive(notifyFd: OwnedFd): ReceivedCall | undefined {
    const slot = this.#free.pop();
    const bytes = slot === undefined ? undefined : this.#slots[slot];
    if (slot === undefined || bytes === undefined) return undefined;
    if (receiveNotification(notifyFd.number, bytes) < 0) {
      this.release(slot);
      return undefined;
    }
    return { slot, notification: readNotification(bytes) };
  }

  /** The call has been answered. */
  release(slot: number): void {
    this.#slots[slot]?.fill(0);
    this.#free.push(slot);
  }

  close(): void {
    this.#memory.close();
  }
}

// The traps of all sandboxes, as the supervisor names them.

export class TrapSessions {
  readonly #services: Services;
  readonly #send: (line: BrokerLine) => void;
  readonly #open = new Set<TrapSession>();
  /** Of traps that have not come yet. */
  readonly #given = new Map<number, readonly GivenName[]>();

  /** @param send a line to the supervisor */
  constructor(services: Services, send: (line: BrokerLine) => void) {
    this.#services = services;
    this.#send = send;
  }

  /** Names that the former broker's DNS gave a sandbox whose trap comes later. */
  keepNames({ session, names }: GivenNamesLine): void {
    this.#given.set(session, [...(this.#given.get(session) ?? []), ...names]);
  }

  /** Serves a sandbox's trap and its DNS, until the sandbox ends. */
  attach(plugin: Plugin, { session: number, ...details }: TrapPacket, ends: TrapEnds): void {
    plugin.shows('trap');
    for (const end of Object.values<OwnedFd | undefined>({ ...ends }))
      if (end !== undefined) plugin.descriptors.hold(end);
    const given =
      /* protects: G7 the next broker knows the names that were given */ this.#given.get(number) ?? [];
    this.#given.delete(number);
    const trap = new TrapSession({
      ...details,
      services: this.#services,
      plugin,
      number,
      given,
      ends,
      onEnd: (ended) => {
        this.#open.delete(ended);
        this.#send({ type: 'trap_ended', session: number });
      },
    });
    this.#open.add(trap);
    if (plugin.unguarded) trap.end();
  }

  /** A trap came without some of its descriptors. */
  cutShort({ session }: TrapPacket): void {
    this.#send({ type: 'trap_ended', session });
  }

  /** The supervisor has carried out an order for a sandbox. */
  orderDone({ session, id, result }: SupervisorLine & { readonly type: 'order_done' }): void {
    for (const trap of this.#open) if (trap.number === session) trap.orderDone(id, result);
  }

  /** Writes what was gathered of a plugin's refused look-ups. */
  tellRefusals(plugin: string): void {
    for (const trap of this.#open) if (trap.plugin.name === plugin) trap.tellRefusals();
  }

  /** Ends the traps of a plugin, or all. */
  end(plugin?: Plugin): void {
    for (const trap of this.#open) if (plugin === undefined || trap.plugin === plugin) trap.end();
  }

  /** Whether calls wait for something other than the answer to a question. */
  get isBusy(): boolean {
    return [...this.#open].some((trap) => trap.isBusy);
  }

  /** Looks at no connect and answers no look-up any more. @returns what each sandbox's DNS gave, for the next broker */
  giveUp(): ReadonlyMap<number, readonly GivenName[]> {
    return new Map([...this.#open].map((trap) => [trap.number, trap.giveUp()]));
  }

  /** Writes the lines that gather in the traps. */
  flush(): void {
    for (const trap of this.#open) trap.flush();
  }

  /** Lets the next broker serve the calls that wait. This broker must do nothing more for them. */
  leaveCalls(): void {
    for (const trap of this.#open) trap.leaveCalls();
  }
}
