// Decisions on bare addresses, remembered: a program that connects again and again asks the same each time, and a decision is a pure
// function of rules, request and host. Runs in the broker; one plugin's.
import { REMEMBERED_DECISIONS } from '../shared/limits.js';
import type { Address } from '../shared/policy/address.js';
import { decide, type HostContext } from '../shared/policy/decide.js';
import type { Decision } from '../shared/policy/decision.js';
import type { Policy } from '../shared/policy/policy.js';

export class LiteralDecisions {
  readonly #decisions = new Map<string, Decision>();
  #policy: Policy | undefined;
  #host: HostContext | undefined;

  /** As decide(), for an address as the literal it is. */
  decide(policy: Policy, { text }: Address, port: number, host: HostContext): Decision {
    if (policy !== this.#policy || host !== this.#host || this.#decisions.size >= REMEMBERED_DECISIONS) {
      this.#decisions.clear();
      this.#policy = policy;
      this.#host = host;
    }
    const key = `${text} ${port}`;
    const known = this.#decisions.get(key);
    if (known !== undefined) return known;
    const decision = decide(policy, { host: text, port }, [], host);
    this.#decisions.set(key, decision);
    return decision;
  }
}
