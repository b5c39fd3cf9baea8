// Gathers from the audit events of a run which rules the program was missing. Bounded, whatever the plugin does.
// The events come from the broker, which is not trusted: each host is parsed again before it becomes a rule.
import { LEARNT_ENDPOINTS, LEARNT_NAMES, LEARNT_REFUSALS } from '../../../shared/limits.js';
import { compilePolicy } from '../../../shared/policy/compile-policy.js';
import { judgeRequest } from '../../../shared/policy/decide.js';
import { OwnAddresses } from '../../../shared/policy/host-block.js';
import { parseHost } from '../../../shared/policy/parse-host.js';
import { isPort } from '../../../shared/policy/parse-ports.js';
import type { Policy } from '../../../shared/policy/policy.js';
import { UNIX_PREFIX } from '../../../shared/policy/socket-path.js';
import type { AuditEvent } from '../../../shared/protocol/audit-events.js';
import { type Learnt, type LearntRefusal, learntRules } from './learnt.js';

const ELSEWHERE = { own: OwnAddresses.of(), listeners: [] };
const SHARED_KEPT = 64;

type Refusal = Pick<AuditEvent<'decision' | 'question'>, 'message' | 'suggestion' | 'reason'>;

/** Takes audit events, and turns them into rules. */
export class Learner {
  readonly #policy: Policy | undefined;
  /** Ports by host, each with whether a connection was made. */
  readonly #endpoints = new Map<string, Map<number, boolean>>();
  #endpointCount = 0;
  readonly #lookedUp = new Set<string>();
  /** Names that share an address. */
  readonly #sharing = new Map<string, readonly string[]>();
  readonly #refusals = new Map<string, LearntRefusal>();
  #missed = 0;

  /** @param rules those of the run; with a wrong one the run does not begin */
  constructor(rules: { readonly allow: readonly string[]; readonly deny: readonly string[] }) {
    const compiled = compilePolicy({ allow: rules.allow, deny: rules.deny });
    this.#policy = compiled.ok ? compiled.policy : undefined;
  }

  take(event: AuditEvent): void {
    if (event.event === 'question') this.#takeQuestion(event);
    else if (event.event === 'decision') this.#takeDecision(event);
  }

  get learnt(): Learnt {
    const connected = (host: string): boolean => this.#endpoints.has(host);
    return {
      rules: learntRules(this.#endpoints),
      looked_up: [...this.#lookedUp].filter((name) => !connected(name)).sort(),
      shared: withoutParts([...this.#sharing.values()]),
      refused: [...this.#refusals.values()],
      missed: this.#missed,
    };
  }

  #takeQuestion({ name, decision, questions, repeated, ...event }: AuditEvent<'question'>): void {
    if (repeated) return;
    if (name === null) this.#missed += questions;
    else if (decision === 'would_deny') this.#lookUp(name);
    else this.#refuse(event);
  }

  #takeDecision(event: AuditEvent<'decision'>): void {
    const { host, port, decision, reason, outcome, names } = event;
    // A socket has no port.
    if (!isPort(port) && !host.startsWith(UNIX_PREFIX)) return;
    // The name itself has no address: no rule would change that.
    if (decision === 'deny' && reason === 'dns_error') {
      if (this.#misses(host, port)) this.#lookUp(host);
      return;
    }
    if (decision === 'deny') {
      this.#refuse(event);
      return;
    }
    const came = outcome === 'connected';
    // Nobody knows which of the address's names the program meant. Each must resolve at the next run.
    const told = names.filter((name) => this.#isOpenOrMissed(name, port));
    const missed = told.filter((name) => this.#misses(name, port));
    if (told.length > 1 && missed.length > 0) this.#share(told.toSorted());
    for (const name of missed) this.#connect(name, port, came);
    if (decision === 'would_deny' && !told.includes(host)) this.#connect(host, port, came);
  }

  /** Whether no given rule allows or denies a name on a port. */
  #misses(host: string, port: number): boolean {
    const verdict = this.#judge(host, port);
    return verdict === 'no_rule' || verdict === 'port_not_allowed';
  }

  #isOpenOrMissed(host: string, port: number): boolean {
    return this.#judge(host, port) === 'rule' || this.#misses(host, port);
  }

  #judge(host: string, port: number): string {
    if (this.#policy === undefined) return 'policy_unavailable';
    const verdict = judgeRequest(this.#policy, { host, port }, ELSEWHERE);
    return verdict.kind === 'resolve' ? verdict.reason : verdict.decision.reason;
  }

  #connect(host: string, port: number, came: boolean): void {
    const ports = this.#endpoints.get(host);
    const before = ports?.get(port);
    if (before === undefined && (this.#endpointCount >= LEARNT_ENDPOINTS || parseHost(host) === undefined)) {
      this.#missed += 1;
      return;
    }
    if (before === undefined) this.#endpointCount += 1;
    if (ports === undefined) this.#endpoints.set(host, new Map([[port, came]]));
    else ports.set(port, before === true || came);
  }

  #lookUp(name: string): void {
    if (this.#lookedUp.has(name)) return;
    if (this.#lookedUp.size < LEARNT_NAMES && parseHost(name) !== undefined) this.#lookedUp.add(name);
    else this.#missed += 1;
  }

  #share(names: readonly string[]): void {
    if (this.#sharing.size < SHARED_KEPT) this.#sharing.set(names.join(' '), names);
  }

  #refuse({ message, suggestion, reason }: Refusal): void {
    const word = String(reason);
    const refusal = { message: message ?? word, reason: word, suggestion: suggestion ?? null };
    if (this.#refusals.has(refusal.message) || this.#refusals.size < LEARNT_REFUSALS)
      this.#refusals.set(refusal.message, refusal);
    else this.#missed += 1;
  }
}

/** The lists of names that no longer list contains. */
function withoutParts(lists: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return lists.filter(
    (names) =>
      !lists.some((other) => other.length > names.length && names.every((name) => other.includes(name))),
  );
}
