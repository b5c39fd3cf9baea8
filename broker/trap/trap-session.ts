// One sandbox's trap: it receives the calls of the sandbox's listener, and serves its DNS. It ends with the sandbox. Runs in the broker, the
// only process that receives from the listener.

import type { GivenName } from '../../shared/protocol/link.js';
import { WritableOnce } from '../../shared/sys/epoll.js';
import { LastHolder } from '../../shared/sys/last-holder.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { type Notification, wakeSynchronously } from '../../shared/sys/seccomp-notify.js';
import { readableNow } from '../../shared/sys/socket.js';
import { netnsCookie } from '../../shared/sys/socket-state.js';
import { trapCall } from '../../shared/sys/trap-calls.js';
import { SandboxListeners } from '../../shared/sys/unix-sockets.js';
import { READABLE, Watch } from '../../shared/sys/uv-poll.js';
import { CallerOrigins } from '../caller/caller-origins.js';
import { CallerProcesses } from '../caller/caller-processes.js';
import { TrappedCall } from '../caller/trapped-call.js';
import { DnsServer } from '../dns/dns-server.js';
import type { Plugin } from '../request/plugin.js';
import type { Services } from '../request/services.js';
import { CarryOver } from './carry-over.js';
import { Resets } from './dissolved-connections.js';
import { handleTrap } from './handle-trap.js';
import { LateTunnels } from './late-tunnels.js';
import { LoopbackHints } from './loopback-hints.js';
import { NotifiedCalls } from './notified-calls.js';
import { SocketRefusals } from './socket-refusals.js';
import { SupervisedOrders } from './supervised-orders.js';
import type { TrapContext } from './trap-context.js';
import { connectsHere } from './unix-connects.js';
import { WaitingCalls } from './waiting-calls.js';

/** The descriptors of a sandbox's trap. The session owns them. */
export interface TrapEnds {
  readonly listener: OwnedFd;
  /** Memory of the calls in flight, which the supervisor keeps. */
  readonly calls: OwnedFd;
  readonly dnsDatagrams: OwnedFd;
  readonly dnsListener: OwnedFd;
  /** Asks about AF_UNIX sockets of the sandbox. */
  readonly unixDiag: OwnedFd;
  /** The sandbox's root folder. */
  readonly root: OwnedFd;
  /** What the sandbox gets for an AF_UNIX datagram socket; undefined: it gets none. */
  readonly notify: OwnedFd | undefined;
}

const WRITABLE_SOCKETS = new WritableOnce();
const LAST_HOLDER = LastHolder.make();

/** A trap to serve. */
export interface TrapSetup {
  readonly services: Services;
  readonly plugin: Plugin;
  /** Names the session to the supervisor. */
  readonly number: number;
  readonly landlockDeniesTcp: boolean;
  /** st_dev of each file system of the sandbox's own, as decimal text. */
  readonly scratch: readonly string[];
  /** The plugin has other ids than the broker. */
  readonly otherIds: boolean;
  /** Missing: yes. */
  readonly servesDns?: boolean;
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
  readonly #calls: NotifiedCalls;
  readonly #context: TrapContext;
  readonly #dns: DnsServer;
  readonly #supervised: SupervisedOrders;
  readonly #watch: Watch;
  readonly #onEnd: (session: TrapSession) => void;
  /** The calls in flight, by slot. */
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
    this.#dns = new DnsServer(
      services,
      plugin,
      setup.servesDns === false
        ? { datagrams: [], listeners: [] }
        : { datagrams: [ends.dnsDatagrams], listeners: [ends.dnsListener] },
    );
    this.#dns.grants.take(setup.given);
    this.#calls = new NotifiedCalls(ends.calls);
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
      tunnels: new LateTunnels(),
      settling: new Set(),
      writable: WRITABLE_SOCKETS,
      // A former broker may have let such options be set.
      // protects: G3 a later broker reads the rare options too => carryOver: new CarryOver(ends.dnsListener, false)
      carryOver: new CarryOver(ends.dnsListener, resumed),
      resets: new Resets(services, plugin, processes),
      lastHolder: LAST_HOLDER,
      connectUnix: setup.otherIds
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
      notify: ends.notify,
    };
    wakeSynchronously(ends.listener.number);
    const left = resumed
      ? /* protects: G11 a call that a dead broker had received is answered by the next => [] */ this.#calls.takeLeftOvers(
          ends.listener,
        )
      : [];
    this.#watch = new Watch(ends.listener.number, () => this.#receive());
    this.#watch.want(READABLE);
    for (const { slot, notification } of left) this.#take(slot, notification);
  }

  /** See {@link DnsServer.tellRefusals}. */
  tellRefusals(): void {
    if (this.#open) this.#dns.tellRefusals();
  }

  end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#watch.close();
    this.#context.waiting.close();
    this.#context.tunnels.close();
    this.plugin.asks.end();
    this.#supervised.close();
    for (const settling of this.#context.settling) settling.cancel();
    this.#context.refusals.flush();
    this.#context.loopback.flush();
    this.#context.resets.close();
    this.#context.processes.close();
    this.#dns.close();
    this.#ends.listener.close();
    this.#ends.dnsDatagrams.close();
    this.#ends.dnsListener.close();
    this.#ends.unixDiag.close();
    this.#ends.root.close();
    this.#ends.notify?.close();
    this.#calls.close();
    this.#ends.calls.close();
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
   * would block without a call: libuv also calls a listener readable whose sandbox is gone.
   */
  #receive(): void {
    const { listener } = this.#ends;
    while (this.#open && !this.plugin.turn.isOverFor(this)) {
      const readiness = readableNow(listener.number);
      if (readiness === 'ended') this.end();
      if (readiness !== 'readable') return;
      if (this.#calls.isFull) {
        this.#watch.want(0);
        return;
      }
      const received = this.#calls.receive(listener);
      this.plugin.turn.take();
      if (received !== undefined) this.#take(received.slot, received.notification);
    }
    if (this.#open && this.plugin.turn.isStopped) this.#watch.want(0);
  }

  #take(slot: number, notification: Notification): void {
    const name = trapCall(notification.call);
    const call = new TrappedCall(
      name ?? 'connect',
      notification,
      this.#ends.listener,
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
