// The audit log's lines for a sandbox's refused questions, and their count as decisions. Runs in the broker.
import type { Decision } from '../../shared/policy/decision.js';
import type { NameVerdict } from '../../shared/policy/judge-name.js';
import type { Policy } from '../../shared/policy/policy.js';
import { quote } from '../../shared/policy/quote.js';
import type { AuditFields } from '../../shared/protocol/audit-events.js';
import type { DecisionWord, Reason } from '../../shared/words.js';
import { type Audit, type Origin, SOMEBODY } from '../record/audit.js';
import { GatheredLog } from '../record/gathered-log.js';
import { answerFields, answerWords } from '../request/account.js';
import type { Judgement } from '../request/judgement.js';
import type { Plugin } from '../request/plugin.js';

type Event = Omit<AuditFields<'question'>, 'plugin' | 'questions' | 'repeated'>;

/** The fields of every event. Of gathered questions, the process is the first one's. */
function about(
  policy: Policy | undefined,
  { pid, program, door }: Origin,
): Pick<Event, 'pid' | 'program' | 'door' | 'mode' | 'policy_hash'> {
  return { pid, program, door, mode: policy?.mode ?? 'enforce', policy_hash: policy?.hash ?? null };
}

/**
 * Logs the refusals of one sandbox. Equal ones are gathered, whatever the question's type. A denial counts as a decision unless it repeats
 * one: the count is the sum of `questions` over the lines that repeat nothing.
 */
export class QuestionRefusals {
  readonly #log: GatheredLog<Event>;
  readonly #metrics: Plugin['metrics'];

  constructor(audit: Audit, plugin: string, metrics: Plugin['metrics']) {
    this.#metrics = metrics;
    this.#log = new GatheredLog<Event>(
      (event, questions, repeated) => audit.question({ plugin, questions, repeated, ...event }),
      (questions) =>
        audit.question({
          plugin,
          questions,
          repeated: false,
          ...about(undefined, SOMEBODY),
          name: null,
          type: null,
          decision: 'deny',
          reason: null,
          rule: null,
          addresses_dropped: [],
          message: `Cannot resolve other names: ${questions} more questions within a minute`,
        }),
      // Too many names were refused: the others are only counted.
      () => metrics.count('limitRejections', { limit: 'log_rate' }),
    );
  }

  /** The text is no host name. */
  malformed(policy: Policy | undefined, text: string, type: number, origin: Origin): void {
    this.#note('malformed', 'deny', 'malformed_host', () => ({
      ...about(policy, origin),
      name: text,
      type: typeName(type),
      decision: 'deny',
      reason: 'malformed_host',
      rule: null,
      addresses_dropped: [],
      message: `Cannot resolve ${quote(text)}: it is not the name of a host`,
    }));
  }

  /** No rule allows the name, or one denies it. In audit mode it may be answered all the same. */
  name(
    policy: Policy,
    verdict: NameVerdict,
    type: number,
    origin: Origin,
    answered?: Judgement['answered'],
  ): void {
    const { name, decision, reason, rule } = verdict;
    const denied = reason === 'denied_by_rule';
    const ruleText = rule === undefined ? 'a deny rule' : `deny rule ${quote(rule)}`;
    const cause = denied ? `${ruleText} covers it` : 'no rule allows it';
    const opening = decision === 'deny' ? 'Cannot resolve' : 'Resolves only in audit mode';
    this.#note(`${decision} ${name}`, decision, reason, () => ({
      ...about(policy, origin),
      name,
      type: typeName(type),
      decision,
      reason,
      rule: rule ?? null,
      addresses_dropped: [],
      message: `${opening} ${quote(name)}: ${cause}${answerWords(answered)}`,
      ...(!denied && { suggestion: name }),
      ...answerFields(answered),
    }));
  }

  /** Records that no rule opens, of any name. */
  records(policy: Policy, name: string, type: number, origin: Origin): void {
    const records = typeName(type);
    this.#note(`records ${records} ${name}`, 'deny', 'record_type', () => ({
      ...about(policy, origin),
      name,
      type: records,
      decision: 'deny',
      reason: 'record_type',
      rule: null,
      addresses_dropped: [],
      message: `Cannot look up the ${records} records of ${quote(name)}: postern answers for addresses alone, whatever the rules; name the program the host and port that these records lead to`,
    }));
  }

  /** The name may be resolved, but none of its addresses of a family may be dialled. */
  addresses(policy: Policy, decision: Decision, family: 4 | 6, origin: Origin): void {
    const { host: name, reason, rule, dropped, suggestion, cause } = decision;
    this.#note(`addresses ${name}`, 'deny', reason, () => ({
      ...about(policy, origin),
      name,
      type: family === 4 ? 'A' : 'AAAA',
      decision: 'deny',
      reason,
      rule: rule ?? null,
      addresses_dropped: dropped.map(({ address }) => address.text),
      message: `Cannot resolve ${quote(name)}: ${cause}`,
      ...(suggestion !== undefined && { suggestion }),
    }));
  }

  /** What would be denied is answered: the connect that follows is the decision. */
  #note(key: string, decision: DecisionWord, reason: Reason, makeEvent: () => Event): void {
    if (this.#log.note(key, makeEvent) && decision === 'deny')
      // protects: G7 metrics: a refused name counts as a denial
      this.#metrics.count('decisions', { decision, reason });
  }

  /** Writes the gathered lines. */
  flush(): void {
    this.#log.flush();
  }
}

// The types of DNS questions: which family they ask for, and their names. Pure.

const A = 1;
const AAAA = 28;
const NAMES: Readonly<Record<number, string>> = {
  [A]: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  12: 'PTR',
  15: 'MX',
  16: 'TXT',
  [AAAA]: 'AAAA',
  33: 'SRV',
  35: 'NAPTR',
  64: 'SVCB',
  65: 'HTTPS',
};

/** The family of addresses that a type asks for. */
export function familyOfType(type: number): 4 | 6 | undefined {
  if (type === A) return 4;
  return type === AAAA ? 6 : undefined;
}

/** SVCB and HTTPS records come beside addresses, and clients do without them. */
const BESIDE_ADDRESSES = [64, 65];

/** Whether a program that asks for the type needs its records, and gets none. */
export function needsOtherRecords(type: number): boolean {
  return familyOfType(type) === undefined && !BESIDE_ADDRESSES.includes(type);
}

/** The type as in a zone file. Types without a name here are written as RFC 3597 section 5 says. */
function typeName(type: number): string {
  return NAMES[type] ?? `TYPE${type}`;
}
