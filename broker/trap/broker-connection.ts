// A trapped connect(2) to the outside, in order: decide, connect, put in place, account. Runs in the broker. What is dialled is
// the decision's value, copied once, checked once.
import { constants } from 'node:os';
import { CONNECT_TIMEOUT_MS } from '../../shared/limits.js';
import type { Address } from '../../shared/policy/address.js';
import type { Outcome } from '../../shared/reasons.js';
import { isNonBlocking, makeBlocking } from '../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { type Endpoint, isSameEndpoint } from '../../shared/sys/sockaddr.js';
import { startConnect, tcpSocket } from '../../shared/sys/socket.js';
import { isV6Only, sendTimeout } from '../../shared/sys/socket-state.js';
import { placeSocket } from '../caller/place-socket.js';
import type { TrappedAddress } from '../caller/read-sockaddr.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import type { Claim } from '../limit/open-connections.js';
import { RequestLife } from '../limit/request-life.js';
import type { Origin } from '../record/origin.js';
import { account, type Ending } from '../request/account.js';
import { admitConnection } from '../request/admit-connection.js';
import { outcomeOf } from '../request/connect-outcome.js';
import type { Judgement } from '../request/judgement.js';
import { refuseQueued } from '../request/refuse-queued.js';
import { decideGranted } from './decide-granted.js';
import { awaitDial, type Dial, type DialInterruption, dialState, endpointOf, goesElsewhere } from './dial.js';
import { SettlingConnect } from './settling-connect.js';
import type { TrapContext } from './trap-context.js';
import type { TrappedSocket } from './trapped-socket.js';
import { interruptedResult } from './waiting-calls.js';

const { EACCES, EAGAIN, EINPROGRESS, ECONNABORTED, ENETUNREACH, ETIMEDOUT } = constants.errno;
const AF_INET = 2;

type InetAddress = Extract<TrappedAddress, { kind: 'inet' }>;

/** @returns true: the descriptor is closed here, when the call has ended */
export function brokerConnection(
  context: TrapContext,
  call: TrappedCall,
  socket: TrappedSocket,
  address: InetAddress,
): boolean {
  const { plugin, services } = context;
  const life = new RequestLife(CONNECT_TIMEOUT_MS);
  const work = new BrokeredConnect(context, call, socket, address, life);
  const refusal = plugin.queue.add(life, () => work.run());
  if (refusal === undefined) {
    work.awaitTurn();
    return true;
  }
  const destination = { host: address.address.text, port: address.port };
  const judgement = refuseQueued(plugin, destination, refusal);
  call.end(-EAGAIN, 'refused');
  account(services, plugin, judgement, undefined, work.origin);
  work.close();
  return true;
}

class BrokeredConnect {
  /** Read while the call waits: afterwards its process may be gone. */
  readonly origin: Origin;
  readonly #context: TrapContext;
  readonly #call: TrappedCall;
  readonly #plugins: OwnedFd;
  readonly #family: 4 | 6;
  readonly #address: InetAddress;
  readonly #life: RequestLife;
  #startedAt = 0;
  /** Where the plugin's connections are limited. */
  #claim: Claim | undefined;
  #begun = false;

  constructor(
    context: TrapContext,
    call: TrappedCall,
    { descriptor, domain }: TrappedSocket,
    address: InetAddress,
    life: RequestLife,
  ) {
    this.origin = context.origins.of(call.tid);
    this.#context = context;
    this.#call = call;
    this.#plugins = descriptor;
    this.#family = domain === AF_INET ? 4 : 6;
    this.#address = address;
    this.#life = life;
  }

  close(): void {
    this.#context.services.guard.watch(this.#context.plugin.stall, () => this.#plugins.close());
  }

  /** Where its turn has not come: a caller that is gone, or has a signal to handle, gives it up. */
  awaitTurn(): void {
    if (this.#begun) return;
    this.#context.waiting.add(this.#call, (why) => {
      const limited = sendTimeout(this.#plugins.number) > 0;
      this.#call.end(why === 'gone' ? -ECONNABORTED : interruptedResult(why, limited), 'error');
      this.#life.end('canceled');
    });
  }

  /** Never rejects. */
  async run(): Promise<void> {
    this.#begun = true;
    this.#context.waiting.remove(this.#call);
    try {
      // A turn that did not come in time, or that nobody waits for any more.
      if (this.#life.ended !== undefined) {
        this.#call.end(-ETIMEDOUT, 'error');
        return;
      }
      const decided = this.#decide();
      const judged = decided instanceof Promise ? await decided : decided;
      const { judgement, claim } = admitConnection(this.#context.plugin, judged);
      this.#claim = claim;
      const ending = await this.#carryOut(judgement);
      const { services, plugin } = this.#context;
      const { origin } = this;
      if (!(ending instanceof SettlingConnect)) account(services, plugin, judgement, ending, origin);
      // Its turn in the queue is over: how the connection ends is for the account alone.
      else void ending.end().then((end) => account(services, plugin, judgement, end, origin));
    } finally {
      this.#life.settle();
      this.#claim?.release();
      this.close();
    }
  }

  #decide(): Judgement | Promise<Judgement> {
    const { services, plugin, grants } = this.#context;
    const { address, port } = this.#address;
    return decideGranted(services, plugin, grants, { address, port }, this.#life);
  }

  async #carryOut({ decision }: Judgement): Promise<Ending | SettlingConnect | undefined> {
    const [address] = decision.dial;
    if (decision.decision === 'deny' || address === undefined) {
      this.#call.end(decision.reason === 'concurrency_limited' ? -EAGAIN : -EACCES, 'refused');
      return undefined;
    }
    this.#startedAt = performance.now();
    const socket = tcpSocket(this.#family);
    if (typeof socket === 'number') return this.#fail(socket, address);
    const endpoint = endpointOf(address, decision.port, this.#family);
    let settling: SettlingConnect | undefined;
    try {
      const begun = this.#underGuard(() => this.#begin(socket, address, endpoint));
      if (begun === 'non_blocking') {
        this.#claim?.hold(socket, endpoint);
        settling = new SettlingConnect(this.#context, socket, address, this.#startedAt);
        const placing = this.#place(socket, -EINPROGRESS);
        if (placing instanceof Promise ? await placing : placing) return settling;
        settling.close();
        return this.#ending('canceled', address);
      }
      const end = begun === 'under_way' ? await this.#wait(socket) : begun;
      if (typeof end === 'number') return this.#fail(end, address);
      this.#claim?.hold(socket, endpoint);
      if (typeof end === 'string') return await this.#placeInterrupted(socket, address, end);
      if (!isSameEndpoint(end, endpoint)) return this.#fail(-ECONNABORTED, address);
      makeBlocking(socket.number);
      const placing = this.#place(socket, 0);
      const placed = placing instanceof Promise ? await placing : placing;
      return this.#ending(placed ? 'connected' : 'canceled', address);
    } finally {
      if (settling === undefined) socket.close();
    }
  }

  #underGuard<T>(work: () => T): T {
    return this.#context.services.guard.watch(this.#context.plugin.stall, work);
  }

  /** An IPv4 address on a socket that is for IPv6 alone. */
  #refusedByFamily({ family }: Address): boolean {
    return this.#family === 6 && family === 4 && isV6Only(this.#plugins.number);
  }

  /** Dials. A non-blocking socket is the plugin's from there on, whatever comes of it; else its call may have to wait. */
  #begin(socket: OwnedFd, address: Address, endpoint: Endpoint): Dial | 'non_blocking' {
    if (this.#refusedByFamily(address)) return -ENETUNREACH;
    this.#context.carryOver.carry(this.#plugins.number, socket.number, this.#family);
    const started = startConnect(socket.number, endpoint);
    if (started < 0 && started !== -EINPROGRESS) return started;
    if (!isNonBlocking(this.#plugins.number)) return dialState(socket);
    return goesElsewhere(socket, endpoint) ? -ECONNABORTED : 'non_blocking';
  }

  #wait(socket: OwnedFd): ReturnType<typeof awaitDial> {
    return awaitDial(this.#context, this.#call, socket, sendTimeout(this.#plugins.number), this.#life);
  }

  /** The caller has a signal, or a time-out of its own: the socket that connects is its from now on, as the kernel would have it. */
  async #placeInterrupted(socket: OwnedFd, address: Address, why: DialInterruption): Promise<Ending> {
    if (why === 'gone') {
      this.#call.end(-ECONNABORTED, 'error');
      return this.#ending('canceled', address);
    }
    const limited = sendTimeout(this.#plugins.number) > 0;
    makeBlocking(socket.number);
    await this.#place(socket, why === 'timeout' ? -EINPROGRESS : interruptedResult(why, limited));
    return this.#ending('canceled', address);
  }

  /** @returns whether the plugin has it */
  #place(socket: OwnedFd, answer: number): boolean | Promise<boolean> {
    const { services, plugin, processes } = this.#context;
    const placement = this.#call.placement(socket);
    if (plugin.stall.slow)
      return services.slowLane.place(plugin.stall, placement).then((placed) => this.#answer(placed, answer));
    const placed = services.guard.watch(plugin.stall, () => placeSocket(processes, placement));
    return this.#answer(placed, answer);
  }

  #answer(placed: number, answer: number): boolean {
    this.#call.end(placed < 0 ? placed : answer, placed < 0 ? 'error' : 'brokered');
    if (placed >= 0) this.#context.plugin.metrics.socketPassed('trap');
    return placed >= 0;
  }

  #fail(result: number, address: Address): Ending {
    // Before the plugin is told, or its next call may find the place taken.
    this.#claim?.release();
    this.#call.end(result, 'brokered');
    return this.#ending(outcomeOf(-result), address);
  }

  #ending(outcome: Outcome, { text }: Address): Ending {
    return { outcome, dialed: text, connectMs: performance.now() - this.#startedAt };
  }
}
