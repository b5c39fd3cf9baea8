// Gathers which rules would open what a plugin was refused: for `learn`, of a run in audit mode; for `learn NAME`, of a plugin that runs, and on request what
// it is allowed already. It opens nothing. Bounded, whatever the plugin does. The events come from the broker, which is not trusted: each destination is read
// again before it becomes a rule.
import { networkInterfaces } from 'node:os';
import { LEARNT_REFUSALS, LIVE_ENDPOINTS } from '../../../shared/limits.js';
import { formatRules } from '../../../shared/policy/format-rule.js';
import { readHttpRule } from '../../../shared/policy/http-rules.js';
import { suggestionFor } from '../../../shared/policy/may-be-asked.js';
import { type Host, parseHost } from '../../../shared/policy/parse-host.js';
import type { AuditEvent } from '../../../shared/protocol/audit-events.js';

/** From one report of what was learnt from a running plugin to the next. */
const LEARN_PAUSE_MS = 1_000;
/** Methods with paths, of all hosts with a gateway. */
const LEARNT_REQUESTS = 256;
/** Names of one plugin that were looked up. */
const LEARNT_NAMES = 1024;

interface LearntRule {
  readonly rule: string;
  readonly host: string;
  readonly ports: readonly number[];
  /** Whether a connection was made, on any of the ports. */
  readonly connected: boolean;
}

/** A refusal that audit mode keeps: by a deny rule, of a special address, or of a socket of the host. */
export interface LearntRefusal {
  readonly message: string;
  readonly reason: string;
  /** The rule that would open it, and that for its name if it is missing too. */
  readonly suggestion: string | null;
  readonly name_suggestion: string | null;
}

export interface Learnt {
  readonly rules: readonly LearntRule[];
  /** Names that were asked for, with no connect to them. */
  readonly looked_up: readonly string[];
  /** Names that share an address: a connect to it may have meant any of them. */
  readonly shared: readonly (readonly string[])[];
  readonly refused: readonly LearntRefusal[];
  /** How many connects and questions were left out, because there were too many. */
  readonly missed: number;
  /** Names that were refused at the look-up, which has no port. Their rules are for port 443. */
  readonly assumed: readonly string[];
  /** Of each host with a gateway: the rules for methods and paths that were missing. */
  readonly requests: readonly { readonly host: string; readonly allow: readonly string[] }[];
}

const HTTPS = 443;

interface LearnScope {
  readonly plugin: string;
  /** Whether what rules allowed is learnt too. */
  readonly allowed: boolean;
  /**
   * Whether a refusal for want of a rule becomes one. In a run of audit mode it does not: what a rule may open was reached there, and what
   * was refused all the same stays closed.
   */
  readonly ofRefusals: boolean;
  /** Addresses of this host, which no rule is suggested for. */
  readonly own: ReadonlySet<string>;
  /** So many hosts with their ports are kept. */
  readonly mostEndpoints: number;
}

export class Learner {
  readonly #scope: LearnScope;
  readonly #endpoints = new Map<string, Map<number, boolean>>();
  #endpointCount = 0;
  readonly #assumed = new Set<string>();
  readonly #lookedUp = new Set<string>();
  /** Names with a connect that was refused. */
  readonly #closed = new Set<string>();
  readonly #sharing = new Map<string, readonly string[]>();
  readonly #refusals = new Map<string, LearntRefusal>();
  readonly #requests = new Map<string, Set<string>>();
  #requestCount = 0;
  #missed = 0;

  constructor(scope: LearnScope) {
    this.#scope = scope;
  }

  /** @returns whether there may be something new */
  take(event: AuditEvent): boolean {
    if (event.plugin !== this.#scope.plugin) return false;
    if (event.event === 'question') return this.#takeQuestion(event);
    if (event.event === 'http') return this.#takeRequest(event);
    return event.event === 'decision' && this.#takeDecision(event);
  }

  get learnt(): Learnt {
    return {
      rules: learntRules(this.#endpoints),
      looked_up: [...this.#lookedUp]
        .filter((name) => !this.#endpoints.has(name) && !this.#closed.has(name))
        .sort(),
      shared: [...this.#sharing.values()],
      refused: [...this.#refusals.values()],
      missed: this.#missed,
      assumed: [...this.#assumed].sort(),
      requests: [...this.#requests].map(([host, allow]) => ({ host, allow: [...allow].sort() })),
    };
  }

  #takeQuestion(event: AuditEvent<'question'>): boolean {
    const { name, decision, reason, message, questions, repeated } = event;
    // It may be from before. The first one of each name since the beginning has a line of its own.
    if (repeated) return false;
    if (name === null) this.#missed += questions;
    else if (decision === 'deny' && !this.#opens(reason)) this.#refuse(message, String(reason), event);
    // In mode audit it was answered, and a connect follows.
    else if (decision === 'would_deny') this.#keep(this.#lookedUp, name);
    else if (this.#note(name, HTTPS, false, message)) this.#keep(this.#assumed, name);
    return true;
  }

  /** The gateway names the rule, and may have been taken over. */
  #takeRequest({ host, decision, suggestion }: AuditEvent<'http'>): boolean {
    if (decision === 'allow' || suggestion === undefined || parseHost(host)?.kind !== 'name') return false;
    const known = this.#requests.get(host) ?? new Set<string>();
    // protects: G23 gateway: what is learnt of requests is a rule => if (known.has(suggestion)) return false;
    if (known.has(suggestion) || !readHttpRule(suggestion).ok) return false;
    if (this.#requestCount >= LEARNT_REQUESTS) {
      this.#missed += 1;
      return true;
    }
    this.#requestCount += 1;
    this.#requests.set(host, known.add(suggestion));
    return true;
  }

  #takeDecision(event: AuditEvent<'decision'>): boolean {
    const {
      host,
      port,
      decision,
      reason,
      outcome,
      names,
      message = `"${host}" is refused: ${reason}`,
    } = event;
    // A rule for the address permitted it. The name, which a rule must open for the look-up, has none.
    if (decision === 'allow' && !this.#scope.allowed) {
      const unopened = names.filter((name) => this.#lookedUp.has(name));
      for (const name of unopened) this.#note(name, port, outcome === 'connected', message);
      return unopened.length > 0;
    }
    if (decision === 'deny' && !this.#opens(reason)) {
      this.#refuse(message, reason, event);
      for (const name of [host, ...names]) if (this.#lookedUp.has(name)) this.#closed.add(name);
    } else {
      // Nobody knows which of the names of an address the program meant.
      const meant = names.length > 0 ? names : [host];
      if (meant.length > 1) this.#share(meant.toSorted());
      for (const one of meant) this.#note(one, port, outcome === 'connected', message);
    }
    return true;
  }

  /** @returns whether it has a rule: no special address and no address of this host has one */
  #note(host: string, port: number, connected: boolean, message: string): boolean {
    const parsed = parseHost(host);
    const isOwn = parsed?.kind === 'address' && this.#scope.own.has(parsed.address.text);
    // protects: G7 no special address of a running plugin becomes a rule
    if (isOwn || suggestionFor(host, port) === undefined) {
      this.#refuse(message, 'address_special');
      return false;
    }
    const ports = this.#endpoints.get(host) ?? new Map<number, boolean>();
    const before = ports.get(port);
    // protects: G8 a plugin that makes up destinations costs little
    if (before === undefined && this.#endpointCount >= this.#scope.mostEndpoints) {
      this.#missed += 1;
      return false;
    }
    if (before === undefined) this.#endpointCount += 1;
    ports.set(port, before === true || connected);
    this.#endpoints.set(host, ports);
    return true;
  }

  #keep(names: Set<string>, name: string): void {
    if (names.has(name) || (names.size < LEARNT_NAMES && parseHost(name) !== undefined)) names.add(name);
    else this.#missed += 1;
  }

  #share(names: readonly string[]): void {
    if (this.#sharing.size < LEARNT_REFUSALS) this.#sharing.set(names.join(' '), names);
  }

  /** Whether a rule for what was refused is learnt. */
  #opens(reason: string | null): boolean {
    return this.#scope.ofRefusals && (reason === 'no_rule' || reason === 'port_not_allowed');
  }

  /** @param rules of a run that its operator started. Nothing is suggested of a plugin that runs */
  #refuse(message = '', reason = '', rules: { suggestion?: string; name_suggestion?: string } = {}): void {
    const { suggestion = null, name_suggestion = null } = this.#scope.ofRefusals ? {} : rules;
    if (this.#refusals.has(message) || this.#refusals.size < LEARNT_REFUSALS)
      this.#refusals.set(message, { message, reason, suggestion, name_suggestion });
    else this.#missed += 1;
  }
}

// Clients of the control socket that learn which rules a plugin needs. Each one learns from its own beginning on.

export class Learners {
  readonly #listeners = new Set<(event: AuditEvent) => void>();

  take(event: AuditEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** @param send takes all that was learnt so far, once a second at most @returns ends it, after a last report */
  begin(scope: Pick<LearnScope, 'plugin' | 'allowed'>, send: (learnt: Learnt) => void): () => void {
    const learner = new Learner({
      ...scope,
      ofRefusals: true,
      own: ownAddresses(),
      mostEndpoints: LIVE_ENDPOINTS,
    });
    let timer: NodeJS.Timeout | undefined;
    const tell = (): void => {
      timer = undefined;
      send(learner.learnt);
    };
    const listener = (event: AuditEvent): void => {
      if (learner.take(event)) timer ??= setTimeout(tell, LEARN_PAUSE_MS).unref();
    };
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (timer === undefined) return;
      clearTimeout(timer);
      tell();
    };
  }
}

/** As the kernel writes them, which is the form of an address in an event. */
function ownAddresses(): ReadonlySet<string> {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return new Set(all.map(({ address }) => address));
}

/** @param endpoints ports by host, each with whether a connection was made */
function learntRules(endpoints: ReadonlyMap<string, ReadonlyMap<number, boolean>>): readonly LearntRule[] {
  return [...endpoints]
    .flatMap(([text, ports]) => {
      const host = parseHost(text);
      return host === undefined ? [] : [{ host, ports }];
    })
    .sort((a, b) => compareHosts(a.host, b.host))
    .flatMap(({ host, ports }) =>
      formatRules(host, ports.keys()).map((one) => ({
        ...one,
        host: textOf(host),
        connected: one.ports.some((port) => ports.get(port) === true),
      })),
    );
}

function textOf(host: Host): string {
  return host.kind === 'name' ? host.name : host.address.text;
}

/** Names in alphabetical order, then addresses by their bytes, IPv4 first. */
function compareHosts(a: Host, b: Host): number {
  if (a.kind === 'address' && b.kind === 'address')
    return a.address.family - b.address.family || Buffer.compare(a.address.bytes, b.address.bytes);
  if (a.kind !== b.kind) return a.kind === 'name' ? -1 : 1;
  return textOf(a) < textOf(b) ? -1 : 1;
}
