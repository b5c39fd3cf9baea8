// Ends the connections of a plugin that its rules do not allow any more. Runs in the broker.
import { END_AGAIN_MS } from '../../shared/limits.js';
import { type Address, parseAddress } from '../../shared/policy/address.js';
import { decide, judgeBare, judgeRequest, pickBest } from '../../shared/policy/decide.js';
import { decideUnix } from '../../shared/policy/decide-unix.js';
import type { Decision } from '../../shared/policy/decision.js';
import type { HostContext } from '../../shared/policy/host-block.js';
import type { Policy } from '../../shared/policy/policy.js';
import { UNIX_PREFIX } from '../../shared/policy/socket-path.js';
import { socketCookie } from '../../shared/sys/socket-state.js';
import type { ConnectionDescription, NotedConnection, OpenRegister } from '../ledger/register.js';
import type { Plugin, Services } from '../request/plugin.js';
import { endConnections } from './end-connections.js';
import { pauseBeforeLook } from './quota.js';

/** A plugin's revocations, one after the other. */
export class Revocation {
  readonly #services: Services;
  readonly #plugin: Plugin;
  #running = false;
  #again = false;

  constructor(services: Services, plugin: Plugin) {
    this.#services = services;
    this.#plugin = plugin;
  }

  /** Decides again on each open connection, now and after what is under way. Does nothing if the plugin's connections may go on. */
  begin(): void {
    if (this.#plugin.revoke !== 'immediate') return;
    this.#again = true;
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    let hasEnded = true;
    while (this.#again) {
      this.#again = false;
      // What was answered is accounted for first. What is under way is decided again once it is.
      this.#services.audit.flush();
      const { connections } = this.#plugin;
      hasEnded = await this.#end(connections);
      // protects: G7 a withdrawn rule ends connections to UNIX sockets
      hasEnded = (await this.#end(connections?.hostSockets)) && hasEnded;
    }
    this.#running = false;
    // What waits is looked at meanwhile, whether it is used.
    if (!hasEnded)
      setTimeout(
        () => this.begin(),
        Math.max(END_AGAIN_MS, pauseBeforeLook(0, this.#plugin.connections?.open ?? 0)),
      ).unref();
  }

  /** The cookies of connects that the plugin waits for itself: it could use each as soon as the peer answers. */
  #placedUnderWay(): ReadonlySet<bigint> {
    const { kept, stall } = this.#plugin;
    // protects: G7 a connect under way that the plugin has ends with its rule => return new Set();
    return this.#services.guard.watch(
      stall,
      () =>
        new Set(
          [...kept]
            .filter(({ isPlaced, socket }) => isPlaced && socket.open)
            .map(({ socket }) => socketCookie(socket.number)),
        ),
    );
  }

  /** @returns whether those have ended that are not allowed any more */
  async #end(register: OpenRegister | undefined): Promise<boolean> {
    const { policy } = this.#plugin;
    if (policy === undefined || register === undefined) return true;
    const context = this.#services.host.context();
    const placed = this.#placedUnderWay();
    const isRevoked = ({ cookie, isUnderWay, description }: NotedConnection): boolean =>
      (!isUnderWay || placed.has(cookie)) &&
      (description === undefined || !isStillAllowed(policy, description, context));
    return endConnections(this.#services, this.#plugin, register, isRevoked, 'revoked');
  }
}

// Decides again on an open connection, by the rules that are in force now. Pure.

/** By the same functions that decide on a new connection to the same host and address. */
export function isStillAllowed(
  policy: Policy,
  description: ConnectionDescription,
  context: HostContext,
): boolean {
  // protects: G7 a deny rule for the file of a UNIX socket ends its connections
  if (isDeniedFile(policy, description)) return false;
  const decision = decideAgain(policy, description, context);
  if (decision === undefined || decision.decision !== 'deny') return true;
  // No rule has allowed it, so no rule was withdrawn: somebody was asked. A deny rule ends it all the same.
  const isDenied = decision.reason === 'denied_by_rule' || decision.reason === 'address_denied';
  return description.approved && !isDenied;
}

/** A deny rule also holds for the path that the links led to. */
function isDeniedFile(policy: Policy, { host, dialed }: ConnectionDescription): boolean {
  return host.startsWith(UNIX_PREFIX) && decideUnix(policy, dialed).reason === 'denied_by_rule';
}

/** @returns undefined: the name is allowed, and its address is the proxy's business */
function decideAgain(
  policy: Policy,
  { host, port, dialed, names, door, tunnelled }: ConnectionDescription,
  context: HostContext,
): Decision | undefined {
  // protects: G7 a connection through a proxy ends with the rule of its address => (tunnelled !== null)
  if (tunnelled?.length === 0) {
    const verdict = judgeRequest(policy, { host, port }, context);
    return verdict.kind === 'settled' ? verdict.decision : undefined;
  }
  const addresses = (tunnelled ?? [dialed]).flatMap((text) => parseAddress(text) ?? []);
  const [address, ...others] = addresses;
  if (address === undefined) return decide(policy, { host, port }, [], context);
  if (door !== 'trap') return decide(policy, { host, port }, addresses, context);
  const again = (one: Address): Decision => {
    const literal = decide(policy, { host: one.text, port }, [one], context);
    return judgeBare(
      policy,
      { address: one, port },
      host === one.text ? names : [host, ...names],
      literal,
      context,
    );
  };
  return pickBest([...others.map(again), again(address)]);
}
