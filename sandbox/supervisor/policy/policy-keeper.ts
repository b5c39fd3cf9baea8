// Keeps the policy of an organisation up to date: fetches it again and again, and has each newer one put in force. What fails changes nothing: the last good
// policy stays, and who watches is told once. Runs in the supervisor.
import type { KeyObject } from 'node:crypto';
import { readSignedPolicy, type SignedPolicy } from '../../../shared/config/policy-config.js';
import { messageOf } from '../../../shared/errors.js';
import { printable } from '../../../shared/printable.js';
import type { PolicyResult } from '../../../shared/words.js';
import type { Fetched } from './fetch-policy.js';
import type { KeptPolicy } from './kept-policy.js';

/** While there is none at all, plugins wait for it. */
const FIRST_AGAIN_MS = 5000;
/** Of the time between two looks: many machines must not ask at the same moment. */
const SPREAD = 0.1;

/** What an operator sees of it. */
export interface PolicyFacts {
  /** Null: there is none yet. */
  readonly serial: number | null;
  /** When the server last had this one: ISO 8601 in UTC. Null: not since postern started. */
  readonly checked: string | null;
  /** Why the last look changed nothing that it should have; null if it went well. */
  readonly problem: string | null;
}

export interface PolicyNews {
  readonly result: PolicyResult;
  /** Of the one in force. */
  readonly serial: number | null;
  readonly message: string;
  /** Whether it says something else than the time before. */
  readonly isNews: boolean;
}

interface KeeperParts {
  readonly key: KeyObject;
  readonly kept: KeptPolicy;
  readonly pollMs: number;
  /** @param etag of the policy in force */
  readonly fetch: (etag: string | undefined) => Promise<Fetched>;
  /** Puts a policy in force. @throws if that failed. Then the former one is in force */
  readonly putInForce: (policy: SignedPolicy) => Promise<void>;
  readonly onNews: (news: PolicyNews) => void;
}

export class PolicyKeeper {
  readonly #parts: KeeperParts;
  /** In force. */
  #policy: SignedPolicy | undefined;
  /** On disk: newer than the one in force if that could not be put in force. */
  #kept: SignedPolicy | undefined;
  #etag: string | undefined;
  #checked: string | null = null;
  #problem: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #onFirst: () => void = () => {};
  /** Resolves when there is a policy, or none will come any more. */
  readonly first: Promise<void> = new Promise((resolve) => {
    this.#onFirst = resolve;
  });

  /** @param policy the one that was kept, if its signature holds */
  constructor(policy: SignedPolicy | undefined, parts: KeeperParts) {
    this.#parts = parts;
    this.#policy = policy;
    this.#kept = policy;
    if (policy !== undefined) this.#onFirst();
  }

  get facts(): PolicyFacts {
    return { serial: this.#policy?.serial ?? null, checked: this.#checked, problem: this.#problem };
  }

  /** Looks for it now, and again and again. */
  start(): void {
    if (this.#closed) return;
    void this.#look().then(() => {
      if (this.#closed) return;
      const { pollMs } = this.#parts;
      const wait = this.#policy === undefined ? Math.min(pollMs, FIRST_AGAIN_MS) : pollMs;
      this.#timer = setTimeout(() => this.start(), wait * (1 + SPREAD * Math.random())).unref();
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#onFirst();
  }

  async #look(): Promise<void> {
    const [result, message] = await this.#take(await this.#parts.fetch(this.#etag));
    if (this.#closed) return;
    const isGood = result === 'new' || result === 'same';
    const problem = isGood ? null : message;
    const isNews = result === 'new' || problem !== this.#problem;
    this.#problem = problem;
    if (isGood) this.#checked = new Date().toISOString();
    this.#parts.onNews({ result, serial: this.facts.serial, message, isNews });
    if (this.#policy !== undefined) this.#onFirst();
  }

  async #take(fetched: Fetched): Promise<readonly [PolicyResult, string]> {
    const kept = this.#kept;
    if (fetched.kind === 'unavailable') return ['unavailable', printable(fetched.problem)];
    const same: readonly [PolicyResult, string] = ['same', 'the server has no other policy'];
    if (fetched.kind === 'same') return same;
    const { bytes, etag } = fetched;
    const policy = readSignedPolicy(bytes, this.#parts.key);
    if (typeof policy === 'string') return ['invalid', printable(policy)];
    if (kept !== undefined) {
      // protects: G24 policy: an older one does not come back => const isOlder = false;
      const isOlder = policy.serial < kept.serial;
      if (isOlder)
        return ['older', `its serial ${policy.serial} is lower than ${kept.serial}, which came before it`];
      if (policy.serial === kept.serial && !haveSameRules(policy, kept))
        return [
          'invalid',
          `its serial ${policy.serial} is that of the policy before it, and its rules are others`,
        ];
      if (policy.serial === this.#policy?.serial) {
        this.#etag = etag;
        return same;
      }
    }
    try {
      // From here on a restart takes no older one.
      this.#parts.kept.write(bytes);
      // protects: G24 policy: one that could not be put in force is not replaced by an older one => void policy;
      this.#kept = policy;
      await this.#parts.putInForce(policy);
    } catch (error) {
      // Also one that postern does not expect: the next look tries again, and the former policy is in force until then.
      return ['unavailable', `serial ${policy.serial} is not in force: ${printable(messageOf(error))}`];
    }
    this.#policy = policy;
    this.#etag = etag;
    return ['new', `the policy with serial ${policy.serial} is in force`];
  }
}

function haveSameRules(one: SignedPolicy, other: SignedPolicy): boolean {
  const [own, its] = [one, other].map(({ allow, deny, gateway }) =>
    JSON.stringify([allow, deny, [...gateway]]),
  );
  return own === its;
}
