// Gathers which rules would allow what a running plugin is refused, and on request what it is allowed already. It opens nothing. Bounded, whatever the
// plugin does. The events come from the broker, which is not trusted: each destination is read again before it becomes a rule.

import { networkInterfaces } from 'node:os';
import { LEARN_PAUSE_MS, LEARNT_NAMES, LEARNT_REFUSALS, LIVE_ENDPOINTS } from '../../../shared/limits.js';
import { suggestionFor } from '../../../shared/policy/may-be-asked.js';
import { parseHost } from '../../../shared/policy/parse-host.js';
import type { AuditEvent } from '../../../shared/protocol/audit-events.js';
import { type Learnt, type LearntRefusal, learntRules } from './learnt.js';

const HTTPS = 443;

export interface LiveLearnt extends Learnt {
  /** Names that were refused at the look-up, which has no port. Their rules are for port 443. */
  readonly assumed: readonly string[];
}

interface LiveQuestion {
  readonly plugin: string;
  /** Whether what rules allowed is learnt too. */
  readonly allowed: boolean;
  /** Addresses of this host, which no rule is suggested for. */
  readonly own: ReadonlySet<string>;
}

export class LiveLearner {
  readonly #question: LiveQuestion;
  readonly #endpoints = new Map<string, Map<number, boolean>>();
  #endpointCount = 0;
  readonly #assumed = new Set<string>();
  readonly #lookedUp = new Set<string>();
  readonly #sharing = new Map<string, readonly string[]>();
  readonly #refusals = new Map<string, LearntRefusal>();
  #missed = 0;

  constructor(question: LiveQuestion) {
    this.#question = question;
  }

  /** @returns whether there may be something new */
  take(event: AuditEvent): boolean {
    if (event.plugin !== this.#question.plugin) return false;
    if (event.event === 'question') return this.#takeQuestion(event);
    return event.event === 'decision' && this.#takeDecision(event);
  }

  get learnt(): LiveLearnt {
    return {
      rules: learntRules(this.#endpoints),
      looked_up: [...this.#lookedUp].filter((name) => !this.#endpoints.has(name)).sort(),
      shared: [...this.#sharing.values()],
      refused: [...this.#refusals.values()],
      missed: this.#missed,
      assumed: [...this.#assumed].sort(),
    };
  }

  #takeQuestion(event: AuditEvent<'question'>): boolean {
    const { name, decision, reason, message, questions, repeated } = event;
    // It may be from before. The first one of each name since the beginning has a line of its own.
    if (repeated) return false;
    if (name === null) this.#missed += questions;
    else if (!isMissingRule(reason)) this.#refuse(message, String(reason));
    // In mode audit it was answered, and a connect follows.
    else if (decision === 'would_deny') this.#keep(this.#lookedUp, name);
    else if (this.#note(name, HTTPS, false, message)) this.#keep(this.#assumed, name);
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
    if (decision === 'allow' && !this.#question.allowed) return false;
    if (decision !== 'allow' && !isMissingRule(reason)) this.#refuse(message, reason);
    else {
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
    const isOwn = parsed?.kind === 'address' && this.#question.own.has(parsed.address.text);
    // protects: G7 no special address of a running plugin becomes a rule
    if (isOwn || suggestionFor(host, port) === undefined) {
      this.#refuse(message, 'address_special');
      return false;
    }
    const ports = this.#endpoints.get(host) ?? new Map<number, boolean>();
    const before = ports.get(port);
    // protects: G8 a plugin that makes up destinations costs little
    if (before === undefined && this.#endpointCount >= LIVE_ENDPOINTS) {
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

  #refuse(message: string, reason: string): void {
    if (this.#refusals.has(message) || this.#refusals.size < LEARNT_REFUSALS)
      this.#refusals.set(message, { message, reason, suggestion: null });
    else this.#missed += 1;
  }
}

function isMissingRule(reason: string | null): boolean {
  return reason === 'no_rule' || reason === 'port_not_allowed';
}

// Clients of the control socket that learn which rules a plugin needs. Each one learns from its own beginning on.

export class Learners {
  readonly #listeners = new Set<(event: AuditEvent) => void>();

  take(event: AuditEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** @param send takes all that was learnt so far, once a second at most @returns ends it, after a last report */
  begin(question: Omit<LiveQuestion, 'own'>, send: (learnt: LiveLearnt) => void): () => void {
    const learner = new LiveLearner({ ...question, own: ownAddresses() });
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
