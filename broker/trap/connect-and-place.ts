// Dials for a trapped connect(2), and puts the connection in the place of the plugin's own socket. Runs in the broker.
// - A non-blocking socket is placed while it connects.
// - A blocking one is placed once it is connected, and after its peer was compared.
// - If the call is interrupted, the socket is placed as it is then, as the kernel would leave it.

import { constants } from 'node:os';
import { CONNECT_TIMEOUT_MS } from '../../shared/limits.js';
import { andFinally, andThen, type NowOrLater } from '../../shared/now-or-later.js';
import type { Address } from '../../shared/policy/address.js';
import { isNonBlocking, makeBlocking } from '../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { type Endpoint, isSameEndpoint } from '../../shared/sys/sockaddr.js';
import { type Dialer, peerOf, startConnect, tcpSocket, writableNow } from '../../shared/sys/socket.js';
import {
  awaitPeersEnd,
  concludeConnect,
  isV6Only,
  segmentsReceived,
  sendTimeout,
  socketCookie,
  TCP_STATE,
  tcpAccount,
  tcpState,
} from '../../shared/sys/socket-state.js';
import type { Outcome } from '../../shared/words.js';
import type { Holding } from '../caller/caller-processes.js';
import { type Placement, placeAndClose, placeSocket } from '../caller/place-socket.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import type { Claim } from '../ledger/register.js';
import type { RequestLife } from '../limit/request-life.js';
import type { Origin } from '../record/audit.js';
import { describeConnection, type Ending, unwatched } from '../request/account.js';
import { bindSource, markSocket, paceSocket } from '../request/connect-upstream.js';
import { endpointOf, outcomeOf } from '../request/dial.js';
import type { Judgement } from '../request/judgement.js';
import { type KeptSocket, SETTLING_CONNECTS } from '../request/plugin.js';
import type { TrapContext } from './trap-context.js';
import { type Interruption, interruptedResult } from './waiting-calls.js';

const { EAGAIN, ECONNABORTED, ECONNRESET, EINPROGRESS, ENETUNREACH, ETIMEDOUT } = constants.errno;

/** The call, and the socket whose place a connection takes. */
export interface Replaced {
  /** Read while the call waits: afterwards its process may be gone. */
  readonly origin: Origin;
  readonly context: TrapContext;
  readonly call: TrappedCall;
  /** A duplicate of the plugin's own socket. */
  readonly original: OwnedFd;
  /** Of that socket. */
  readonly family: 4 | 6;
  readonly life: RequestLife;
}

/**
 * Ends the call.
 *
 * @param claim the connection's slot, if the plugin's connections are noted
 * @returns how the connect ended, or the object that will say so
 */
export function connectAndPlace(
  replaced: Replaced,
  judgement: Judgement,
  address: Address,
  claim: Claim | undefined,
): NowOrLater<Ending | SettlingConnect> {
  const attempt = new Attempt(replaced, judgement, address, claim);
  const socket = tcpSocket(replaced.family);
  if (typeof socket === 'number') return attempt.fail(socket);
  const { services, plugin } = replaced.context;
  plugin.descriptors.hold(socket);
  let settling = false;
  return andFinally(
    () =>
      andThen(
        /* protects: G6 a socket is marked before it connects, in a trapped call => 0 */ markFirst(
          replaced,
          socket,
        ),
        (marked) => {
          if (marked < 0) return attempt.fail(marked);
          const begun = services.guard.watch(plugin.stall, () =>
            beginDial(replaced, socket, address, attempt),
          );
          if (begun !== 'non_blocking') return attempt.placeConnected(socket, begun);
          settling = true;
          return attempt.placeConnecting(socket);
        },
      ),
    () => {
      if (!settling) socket.close();
    },
  );
}

/** A connect that was dialled already. */
export interface DialledConnect extends Replaced {
  readonly judgement: Judgement;
  readonly address: Address;
  readonly claim: Claim;
  readonly startedAt: number;
  /** Owned from here on. */
  readonly socket: OwnedFd;
  /** Its own address. */
  readonly own: Endpoint | undefined;
  readonly blocks: boolean;
}

/** As connectAndPlace(), of a connection that is under way. */
export function awaitAndPlace(dialled: DialledConnect): NowOrLater<Ending | SettlingConnect> {
  const { judgement, address, claim, startedAt, socket, own, blocks } = dialled;
  const attempt = new Attempt(dialled, judgement, address, claim, startedAt);
  attempt.own = own;
  if (!blocks) return attempt.placeConnecting(socket);
  return andFinally(
    () => attempt.placeConnected(socket, 'under_way'),
    () => socket.close(),
  );
}

/** One dial, from its start to its account. */
class Attempt implements Dialer {
  readonly endpoint: Endpoint;
  own: Endpoint | undefined;
  readonly #replaced: Replaced;
  readonly #judgement: Judgement;
  readonly #dialed: string;
  readonly #claim: Claim | undefined;
  readonly #startedAt: number;
  #isOwed = false;

  constructor(
    replaced: Replaced,
    judgement: Judgement,
    address: Address,
    claim: Claim | undefined,
    startedAt = performance.now(),
  ) {
    this.#startedAt = startedAt;
    this.#replaced = replaced;
    this.#judgement = judgement;
    this.#dialed = address.text;
    this.#claim = claim;
    this.endpoint = endpointOf(address, judgement.decision.port, replaced.family);
  }

  fail(result: number): Ending {
    // Before the call ends, or the plugin's next one may find the slot taken.
    this.#claim?.withdraw();
    this.#owe();
    this.#replaced.call.end(result, 'brokered');
    return this.#endingOf(outcomeOf(-result));
  }

  /** The plugin gets a socket that still connects. @param socket owned from here on */
  placeConnecting(socket: OwnedFd): NowOrLater<Ending | SettlingConnect> {
    const { context, call, original, origin } = this.#replaced;
    this.#hold(socket);
    const { tid, descriptor } = call;
    const holding = { descriptor, threads: [tid, origin.pid ?? tid] };
    const settling = new SettlingConnect(context, socket, holding, (outcome) =>
      this.#endingOf(outcome, true),
    );
    this.#owe();
    return andThen(placeConnection(context, call, socket, -EINPROGRESS, original, true), (placed) => {
      if (placed) return settling;
      settling.close();
      return this.#placedOrNot(false);
    });
  }

  /** The plugin gets its socket once it is connected, or when its call is interrupted. */
  placeConnected(socket: OwnedFd, dial: Dial): NowOrLater<Ending> {
    if (dial !== 'under_way') return this.#place(socket, dial);
    const { context, call, original, life } = this.#replaced;
    const dialled = awaitDial(context, call, socket, sendTimeout(original.number), life);
    return dialled.then((end) =>
      typeof end === 'string' ? this.#placeInterrupted(socket, end) : this.#place(socket, end),
    );
  }

  #place(socket: OwnedFd, end: Endpoint | number): NowOrLater<Ending> {
    if (typeof end === 'number') return this.fail(end);
    // protects: G6 trap: the peer is compared before the hand-over
    if (!isSameEndpoint(end, this.endpoint)) return this.fail(-ECONNABORTED);
    this.#hold(socket);
    makeBlocking(socket.number);
    this.#owe();
    const { context, call, original } = this.#replaced;
    return andThen(placeConnection(context, call, socket, 0, original), (placed) =>
      this.#placedOrNot(placed),
    );
  }

  #placeInterrupted(socket: OwnedFd, why: DialInterruption): NowOrLater<Ending> {
    this.#hold(socket);
    this.#owe();
    return andThen(placeInterrupted(this.#replaced, socket, why), (placed) =>
      /* protects: G6 the audit log denies no connection that an interrupted connect leaves under way => false */ placed
        ? unwatched(this.#endingOf('canceled', true))
        : this.#placedOrNot(false),
    );
  }

  /** Before the plugin has the socket: a broker that dies in between leaves no connection that nobody knows. */
  #hold(socket: OwnedFd): void {
    const { context, origin } = this.#replaced;
    if (this.own === undefined) return;
    const description = describeConnection(context.services, this.#judgement, origin, {
      dialed: this.#dialed,
    });
    this.#claim?.hold(socket, this.own, this.endpoint, description);
  }

  #placedOrNot(placed: boolean): Ending {
    if (!placed) this.#claim?.withdraw();
    return this.#endingOf(placed ? 'connected' : 'canceled', placed);
  }

  // protects: G6 an event counts before the plugin has its connection => #owe() { this.#replaced.context.services. this.#isOwed = true; }
  #owe(): void {
    this.#replaced.context.services.audit.owe();
    this.#isOwed = true;
  }

  /** @param placed whether the plugin has the socket */
  #endingOf(outcome: Outcome, placed = false): Ending {
    const connectMs = performance.now() - this.#startedAt;
    const claim = placed ? this.#claim : undefined;
    return { outcome, dialed: this.#dialed, connectMs, isOwed: this.#isOwed, claim };
  }
}

/** @returns 0, or minus errno: ECONNABORTED if the call's time is over before */
function markFirst({ context, life }: Replaced, socket: OwnedFd): NowOrLater<number> {
  const marked = markSocket(context.services, context.plugin, socket);
  if (typeof marked === 'number') return marked;
  return life.orEnded(marked).then((result) => result ?? -ECONNABORTED);
}

/** Dials. `non_blocking`: the plugin gets the socket, whatever comes of the dial. Otherwise the call may have to wait. */
function beginDial(
  replaced: Replaced,
  socket: OwnedFd,
  address: Address,
  dialer: Dialer & { readonly endpoint: Endpoint },
): Dial | 'non_blocking' {
  const { context, original, family } = replaced;
  const { endpoint } = dialer;
  if (family === 6 && address.family === 4 && isV6Only(original.number)) return -ENETUNREACH;
  awaitPeersEnd(socket.number);
  context.carryOver.carry(original.number, socket.number);
  const paced = /* protects: G6 a connection of a program is paced => (paceSocket, 0) */ paceSocket(
    context.plugin,
    socket,
  );
  if (paced < 0) return paced;
  const bound = bindSource(context.plugin.upstream, socket, family, address);
  if (bound < 0) return bound;
  const started = /* protects: G6 an address is copied once (own code) */ startConnect(
    socket.number,
    endpoint,
    dialer,
  );
  if (started < 0 && started !== -EINPROGRESS) return started;
  if (!isNonBlocking(original.number)) return dialState(socket);
  return goesElsewhere(socket, endpoint) ? -ECONNABORTED : 'non_blocking';
}

/**
 * The caller has a signal to handle, or its own time-out is over. It gets the socket, which still connects.
 *
 * @returns whether the plugin has it
 */
function placeInterrupted(
  { context, call, original }: Replaced,
  socket: OwnedFd,
  why: DialInterruption,
): NowOrLater<boolean> {
  if (why === 'gone') {
    call.end(-ECONNABORTED, 'error');
    return false;
  }
  const limited = sendTimeout(original.number) > 0;
  makeBlocking(socket.number);
  const result = why === 'timeout' ? -EINPROGRESS : interruptedResult(why, limited);
  return placeConnection(context, call, socket, result, original);
}

// A non-blocking connect whose socket was placed while it connected. The broker keeps a duplicate until it sees how the connect ends, for
// the account alone. The kernel does not tell that the program has closed its own: the connect goes on until then. At the limit of connections
// the broker looks, and closes the duplicate.

export class SettlingConnect implements KeptSocket {
  readonly #context: TrapContext;
  readonly socket: OwnedFd;
  readonly #holding: Holding;
  readonly #endingOf: (outcome: Outcome) => Ending;
  #onReady: () => void = () => {};
  #canceled = false;
  #waits = false;
  #outcome: Outcome | undefined;

  /**
   * @param context counts such connects: past SETTLING_CONNECTS no duplicate is kept
   * @param socket owned from here on; the plugin gets its own duplicate
   * @param holding where the plugin has it once it is placed
   * @param endingOf called when the connect has ended
   */
  constructor(
    context: TrapContext,
    socket: OwnedFd,
    holding: Holding,
    endingOf: (outcome: Outcome) => Ending,
  ) {
    this.#context = context;
    this.socket = socket;
    this.#holding = holding;
    this.#endingOf = endingOf;
    context.settling.add(this);
    context.plugin.kept.add(this);
  }

  /** Waits for the end, CONNECT_TIMEOUT_MS at most, and closes the duplicate. */
  async end(): Promise<Ending> {
    const { settling } = this.#context;
    if (!writableNow(this.socket.number) && settling.size <= SETTLING_CONNECTS) await this.#ready();
    const outcome = this.#conclude();
    const ending = this.#endingOf(outcome);
    return /* protects: G9 the audit log denies no connection that the broker does not watch => false */ outcome ===
      'timeout'
      ? unwatched(ending)
      : ending;
  }

  get isPlaced(): boolean {
    return this.#waits;
  }

  /** Waits no longer: the sandbox has ended, or the connection must. */
  cancel(): void {
    this.#canceled = true;
    this.#onReady();
  }

  /** Looks no longer: the next broker does not look for it. */
  leave(): void {
    this.#onReady();
  }

  leaveIfGivenUp(): boolean {
    const { processes, services, plugin } = this.#context;
    const isHeld = (): boolean => processes.stillHas(this.#holding, socketCookie(this.socket.number));
    // Before that it may be placed still.
    if (!this.#waits || services.guard.watch(plugin.stall, isHeld)) return false;
    this.#conclude();
    this.#onReady();
    return true;
  }

  close(): void {
    // The plugin may still have the socket, and the kernel would report it under a number that another one has by then.
    // protects: G9 a connect whose end was logged wakes no later one
    this.#context.writable.forget(this.socket);
    this.socket.close();
    this.#context.settling.delete(this);
    this.#context.plugin.kept.delete(this);
  }

  /** The plugin has the socket too by now, and can hold its lock. */
  #conclude(): Outcome {
    const { services, plugin } = this.#context;
    this.#outcome ??= services.guard.watch(plugin.stall, () => {
      const found = outcomeNow(this.socket, this.#canceled ? 'canceled' : 'timeout');
      this.close();
      return found;
    });
    return this.#outcome;
  }

  #ready(): Promise<void> {
    this.#waits = true;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, CONNECT_TIMEOUT_MS);
      this.#onReady = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#context.writable.add(this.socket, () => this.#onReady());
    });
  }
}

/** A socket returns its error once, and the plugin must get it. Here only the state shows whether anything answered. */
function outcomeNow(socket: OwnedFd, unsettled: 'canceled' | 'timeout'): Outcome {
  if (!writableNow(socket.number)) return unsettled;
  if (tcpState(socket.number) !== TCP_STATE.CLOSE) return 'connected';
  // The broker itself may have ended it.
  if (unsettled === 'canceled') return unsettled;
  const segments = segmentsReceived(socket.number);
  // protects: G6 the audit log denies no connection that was made and reset at once
  if (tcpAccount(socket.number)?.established === true || segments > 1) return 'reset';
  return segments === 1 ? 'refused' : 'unreachable';
}

// The progress of a dial for a trapped call: its peer, or why it failed.

/** The state of a dial: its peer if connected, under way, or minus errno. */
type Dial = Endpoint | 'under_way' | number;

/** Why a call ends before its connection is there. `timeout`: the caller's own is over. */
type DialInterruption = Interruption | 'timeout';

/** @returns the state; an errno is returned once */
export function dialState(socket: OwnedFd): Dial {
  const peer = peerOf(socket.number);
  if (peer === undefined && !writableNow(socket.number)) return 'under_way';
  const result = concludeConnect(socket.number);
  if (result !== 0) return result;
  return peer ?? peerOf(socket.number) ?? -ECONNRESET;
}

/**
 * Whether a dial is known to go to another peer. While it is under way, getpeername(2) does not name its peer. sock_diag(7) would, but
 * not the same one: of a service that a BPF program balances (cgroup/connect4) it names the backend, and getpeername(2) the service.
 */
function goesElsewhere(socket: OwnedFd, endpoint: Endpoint): boolean {
  const peer = peerOf(socket.number);
  // protects: G6 a non-blocking dial that ended at another peer is not handed over => return false;
  return peer !== undefined && !isSameEndpoint(peer, endpoint);
}

/**
 * Waits for a dial that is under way, at most until its request's time limit.
 *
 * @param limit the caller's own time-out in milliseconds, 0 for none
 * @returns an interruption if the call must end before the connection is there
 */
function awaitDial(
  { waiting, writable }: TrapContext,
  call: TrappedCall,
  socket: OwnedFd,
  limit: number,
  life: RequestLife,
): Promise<Exclude<Dial, 'under_way'> | DialInterruption> {
  return new Promise((resolve) => {
    const finish = (end: Exclude<Dial, 'under_way'> | DialInterruption): void => {
      clearTimeout(timer);
      waiting.remove(call);
      // protects: G9 a call that was interrupted wakes no later connect
      writable.forget(socket);
      resolve(end);
    };
    const look = (): void => {
      const dial = dialState(socket);
      if (dial === 'under_way') writable.add(socket, look);
      else finish(dial);
    };
    const timer = limit > 0 ? setTimeout(() => finish('timeout'), limit) : undefined;
    writable.add(socket, look);
    waiting.add(call, finish);
    life.whenEnded(() => finish(-ETIMEDOUT));
  });
}

// Puts a connection in the place of the caller's own socket, and ends the call. The caller's thread does the placing in
// the kernel; for a slow plugin the slow lane waits for that thread.

/**
 * @param result what the call returns once the socket is in place
 * @param socket closed here once it is in place and before the call ends, unless the broker keeps it. Who closes last tears the connection down
 * @param original a duplicate of the caller's own socket. It may be closed here, if it is not connected; undefined: it is kept
 * @param keeps whether the broker keeps its own descriptor of the connection
 * @returns whether the plugin has it
 */
export function placeConnection(
  context: TrapContext,
  call: TrappedCall,
  socket: OwnedFd,
  result: number,
  original?: OwnedFd,
  keeps = false,
): NowOrLater<boolean> {
  const { services, plugin, resets } = context;
  // Its rule, its mark or its name was asked about meanwhile.
  // protects: G11 a connect whose sandbox has ended meanwhile is placed nowhere
  if (call.isGone) return placedNowhere(call);
  // protects: G11 what may not be done twice is not begun anew
  call.begin();
  const placement = call.placement(socket);
  // protects: G22 quota: a reset that a program asked for before it connected is the broker's too => const wantsReset = false;
  const wantsReset = resets.takeOver(socket);
  const end = (placed: number): boolean => {
    if (placed >= 0 && wantsReset) resets.keep(call, socket);
    if (placed >= 0 && !keeps) socket.close();
    call.end(placed < 0 ? placed : result, placed < 0 ? 'error' : 'brokered');
    if (placed >= 0) plugin.metrics.count('socketsPassed', { door: 'trap' });
    return placed >= 0;
  };
  plugin.stall.caller = call.tid;
  // Without a descriptor for the alarm nothing could end a step that waits.
  if (plugin.stall.slow)
    // protects: G9 without a descriptor for the slow lane, a connect is EAGAIN => return services.slowLane .place(plugin.stall, placement) .then(end);
    return services.slowLane
      .place(plugin.stall, placement)
      .catch(() => -EAGAIN)
      .then(end);
  return end(placeHere(context, placement, original));
}

function placedNowhere(call: TrappedCall): false {
  call.end(-ECONNABORTED, 'error');
  return false;
}

/** On this thread. @returns 0 or more, or minus errno */
export function placeHere(
  { services: { guard }, plugin: { stall }, processes, lastHolder }: TrapContext,
  placement: Placement,
  original?: OwnedFd,
): number {
  return guard.watch(stall, () =>
    original === undefined || lastHolder === undefined
      ? placeSocket(processes, placement)
      : placeAndClose(processes, placement, original, lastHolder),
  );
}
