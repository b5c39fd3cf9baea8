// What the broker keeps: for one plugin, shared by its channels and its sandbox, and for all. Runs in the broker.
import { type Limits, limitsOf } from '../../shared/config/limit-forms.js';
import type { Revoke } from '../../shared/config/plugin-config.js';
import { REMEMBERED_VERDICTS } from '../../shared/limits.js';
import type { PluginMetrics } from '../../shared/metrics/plugin-metrics.js';
import type { Address } from '../../shared/policy/address.js';
import { concludeVerdict, judgeRequest } from '../../shared/policy/decide.js';
import type { Decision, Request, RequestVerdict } from '../../shared/policy/decision.js';
import type { HostContext } from '../../shared/policy/host-block.js';
import type { Policy } from '../../shared/policy/policy.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { TokenBucket } from '../../shared/token-bucket.js';
import type { SlowAction } from '../../shared/words.js';
import { type AskEnds, PluginAsks } from '../approval/plugin-asks.js';
import { hasQuota } from '../ledger/byte-sums.js';
import type { Register } from '../ledger/register.js';
import type { DescriptorPool, DescriptorShare } from '../limit/descriptor-shares.js';
import { OpenQuestions } from '../limit/open-questions.js';
import type { PluginOrders } from '../limit/plugin-orders.js';
import { RequestQueue } from '../limit/request-queue.js';
import { TurnShare } from '../limit/turn-share.js';
import { VainSearches } from '../limit/vain-searches.js';
import type { HostAddresses } from '../names/host-addresses.js';
import type { NameResolver } from '../names/resolve.js';
import type { Audit } from '../record/audit.js';
import type { Feature, METRICS } from '../record/broker-metrics.js';
import { Failures } from '../record/failures.js';
import type { LogGate } from '../record/log-gate.js';
import type { Metrics } from '../record/metrics.js';
import type { SlowLane } from '../stall/slow-lane.js';
import { StallBudget } from '../stall/stall-budget.js';
import type { StallGuard } from '../stall/stall-guard.js';
import { STRAIGHT, type Upstream } from '../upstream/upstream.js';

// The broker's state of one plugin, shared by all of its channels and its sandbox.

/** Non-blocking connects of one sandbox whose end the broker awaits, to log and count it. */
export const SETTLING_CONNECTS = 512;
/** How many of them it checks in a second for those that their programs gave up, for a plugin at its limit of connections (5 µs each). */
const GIVEN_UP_LOOKS_PER_SECOND = 2_000;
const DEFAULT_LIMITS: Limits = limitsOf({});

/** With which of its settings series of its metrics appear. */
const SHOWN_WITH: readonly (readonly [Feature, (limits: Limits, policy: Policy) => boolean])[] = [
  ['age', ({ connectionSeconds }) => connectionSeconds !== undefined],
  ['audit', (_limits, { mode }) => mode === 'audit'],
  ['connections', ({ connections }) => connections !== undefined],
  ['deny', (_limits, { counts }) => counts.deny > 0],
  ['no_queue', ({ queuedRequests }) => queuedRequests === 0],
  ['quota', hasQuota],
];

/** Without a policy every request is refused (`policy_unavailable`). */
export class Plugin {
  readonly name: string;
  readonly metrics: PluginMetrics<typeof METRICS>;
  policy: Policy | undefined;
  /** Its hosts with a gateway, and where the gateway listens in the sandbox. */
  gateways: ReadonlyMap<string, Address> = new Map();
  /** How its connections leave this host. */
  upstream: Upstream = STRAIGHT;
  /** The resolver of its own DNS servers. Missing: that of all plugins. */
  names: NameResolver | undefined;
  readonly turn: TurnShare = new TurnShare();
  /** Its part of the broker's descriptors. */
  readonly descriptors: DescriptorShare;
  readonly stall: StallBudget;
  /** What its rules permit, and did not work. */
  readonly failures: Failures;
  readonly verdicts: RememberedVerdicts = new RememberedVerdicts();
  /** Its questions about unknown destinations, and what was approved. */
  readonly asks: PluginAsks;
  readonly #audit: Audit;
  /** Whether connections that the rules do not allow any more are ended. */
  revoke: Revoke = 'drain';
  /** Of its last sandbox, the target of ns/pid. */
  pidNamespace: string | undefined;
  /** When that began, by the host's monotonic clock, or the first run whose connections it may have inherited. 0: that was before this broker. Undefined: there was none. */
  runsSince: number | undefined;
  /** Decides again on its open connections. Called for new rules, and for a connection that was decided by former rules and is open now. */
  revokeConnections: () => void = () => {};
  /** Watches limits of age and bytes of its open connections: their number is bounded where one is claimed. Called when it gets one, and for new limits. */
  watchLimits: () => void = () => {};
  /** Does work at the end of its connections. If the broker hangs meanwhile, the plugin is to blame. */
  ending: <T>(work: () => T) => T = (work) => work();
  /** Searches for holders of its connections that found none. */
  readonly vainSearches: VainSearches = new VainSearches();
  /** Sockets of its connections that the broker itself still has. */
  readonly kept: Set<KeptSocket> = new Set();
  /** Bounds what a plugin costs that keeps asking at its limit. */
  readonly #givenUpLooks = new TokenBucket(GIVEN_UP_LOOKS_PER_SECOND);
  /** The broker could not end its sandbox. */
  unguarded = false;
  /** Channels that are served, and those that the supervisor has still to make. */
  channels = 0;
  /** Duplicates of its descriptors that wait to be closed on the slow lane. */
  closing = 0;
  readonly questions: OpenQuestions = new OpenQuestions(() =>
    this.metrics.count('limitRejections', { limit: 'dns_rate' }),
  );
  /** Where its requests wait while the audit log has no room for their events. */
  readonly gate: LogGate;
  queue: RequestQueue;
  #limits = DEFAULT_LIMITS;
  #connections: Register | undefined;

  get limits(): Limits {
    return this.#limits;
  }

  /** Its register of connections. Missing before it came, or if the kernel cannot report the end of connections. */
  get connections(): Register | undefined {
    return this.#connections;
  }

  /** @param hasNeighbours whether the broker serves other plugins @param link carries questions to the supervisor */
  constructor(
    name: string,
    metrics: Metrics,
    audit: Audit,
    descriptors: DescriptorShare,
    hasNeighbours: () => boolean,
    link: Pick<AskEnds, 'nextId' | 'send'>,
  ) {
    this.name = name;
    this.descriptors = descriptors;
    this.#audit = audit;
    this.gate = audit.gate(name);
    this.queue = new RequestQueue(DEFAULT_LIMITS, this.turn, this.gate);
    this.metrics = metrics.ofPlugin(name);
    this.failures = new Failures(audit, name, this.metrics, this.gate);
    this.asks = new PluginAsks({
      ...link,
      plugin: name,
      count: (answer) => this.metrics.count('asks', { answer }),
      limited: () => this.metrics.count('limitRejections', { limit: 'asks' }),
    });
    const onSlow = (action: SlowAction, milliseconds: number): void => {
      this.metrics.count('stalls', { action });
      if (action === 'killed') audit.slow({ plugin: name, action, milliseconds: Math.round(milliseconds) });
    };
    this.stall = new StallBudget(onSlow, descriptors, { now: () => performance.now(), hasNeighbours });
  }

  /** Puts rules, limits and the upstream in force for later requests. */
  configure(policy: Policy, limits: Limits, upstream: Upstream = STRAIGHT): void {
    this.policy = policy;
    this.upstream = upstream;
    for (const [feature, has] of SHOWN_WITH) if (has(limits, policy)) this.shows(feature);
    this.metrics.set('policyRules', { list: 'allow' }, policy.counts.allow);
    this.metrics.set('policyRules', { list: 'deny' }, policy.counts.deny);
    this.#audit.limit(this.name, limits.logLinesPerSecond, () =>
      this.metrics.count('limitRejections', { limit: 'log_rate' }),
    );
    this.#connections?.bound(limits.connections);
    if (JSON.stringify(limits) === JSON.stringify(this.#limits)) return;
    // Requests in the old queue are served from there.
    this.#limits = limits;
    this.queue = new RequestQueue(limits, this.turn, this.gate);
  }

  /** It has a feature: the series that stand for it appear in the metrics. */
  shows(feature: Feature): void {
    this.metrics.has(feature);
  }

  /** Closes the sockets of connects that its programs gave up. @returns whether there was one */
  leaveGivenUp(): boolean {
    const looked = [...this.kept].slice(0, SETTLING_CONNECTS);
    return this.#givenUpLooks.take(looked.length) && looked.filter((one) => one.leaveIfGivenUp()).length > 0;
  }

  /** @param connections where its connections are noted from now on; undefined: nowhere */
  register(connections: Register | undefined): void {
    this.#connections?.close();
    this.#connections = connections;
    connections?.bound(this.#limits.connections);
  }
}

/** A duplicate of a socket that a plugin has, or is still to get. */
export interface KeptSocket {
  readonly socket: OwnedFd;
  /** Whether the plugin has it. */
  readonly isPlaced: boolean;
  /** Its connection must end, before the plugin has used it. */
  cancel(): void;
  /** Closes it if the program has closed its own. @returns whether it has */
  leaveIfGivenUp(): boolean;
}

// The services that every request needs, whichever plugin asks.

export interface Services {
  readonly audit: Audit;
  readonly descriptors: DescriptorPool;
  readonly guard: Pick<StallGuard, 'watch'>;
  readonly host: HostAddresses;
  readonly metrics: Metrics;
  /** Of the broker, on the host. */
  readonly uid: number;
  readonly orders: PluginOrders;
  /** See {@link openSocketFile}. */
  readonly openSocketFile: (plugin: string, path: string) => OwnedFd | number | Promise<OwnedFd | number>;
  readonly names: NameResolver;
  /** All of them, by name. */
  readonly plugins: Map<string, Plugin>;
  readonly slowLane: Pick<
    SlowLane,
    'reach' | 'copyPath' | 'place' | 'install' | 'connect' | 'stillHeld' | 'close'
  >;
}

// Remembers one plugin's verdicts on requests, as they stand before any lookup. A program often asks for the same again, and a verdict is
// a pure function of rules, request and host.

export class RememberedVerdicts {
  readonly #verdicts = new Map<string, RequestVerdict>();
  #policy: Policy | undefined;
  #context: HostContext | undefined;

  /** As judgeRequest(). */
  judge(policy: Policy, { host, port }: Request, context: HostContext): RequestVerdict {
    if (
      /* protects: G7 a verdict of former rules is void */ policy !== this.#policy ||
      /* protects: G7 a verdict of former host addresses is void */ context !== this.#context ||
      this.#verdicts.size >= REMEMBERED_VERDICTS
    ) {
      this.#verdicts.clear();
      this.#policy = policy;
      this.#context = context;
    }
    const key = `${host} ${port}`;
    const known = this.#verdicts.get(key);
    if (known !== undefined) return known;
    const verdict = judgeRequest(policy, { host, port }, context);
    this.#verdicts.set(key, verdict);
    return verdict;
  }

  /** As decide(), for a literal address. */
  decide(policy: Policy, { text }: Address, port: number, context: HostContext): Decision {
    return concludeVerdict(policy, this.judge(policy, { host: text, port }, context), [], context);
  }
}
