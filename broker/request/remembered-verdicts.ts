// Remembers one plugin's verdicts on requests, as they stand before any lookup. A program often asks for the same again, and a verdict is
// a pure function of rules, request and host. Runs in the broker.
import { REMEMBERED_VERDICTS } from '../../shared/limits.js';
import type { Address } from '../../shared/policy/address.js';
import {
  concludeVerdict,
  type HostContext,
  judgeRequest,
  type Request,
  type RequestVerdict,
} from '../../shared/policy/decide.js';
import type { Decision } from '../../shared/policy/decision.js';
import type { Policy } from '../../shared/policy/policy.js';

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
