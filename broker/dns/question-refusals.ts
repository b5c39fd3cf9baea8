// The audit log's lines for a sandbox's refused questions, and their count as decisions. Runs in the broker.

import type { Decision } from '../../shared/policy/decision.js';
import type { NameVerdict } from '../../shared/policy/judge-name.js';
import type { Policy } from '../../shared/policy/policy.js';
import { quote } from '../../shared/policy/quote.js';
import type { AuditFields } from '../../shared/protocol/audit-events.js';
import type { DecisionWord, Reason } from '../../shared/reasons.js';
import type { Audit } from '../record/audit.js';
import { type Origin, SOMEBODY } from '../record/origin.js';
import { answerFields, answerWords } from '../request/answer-fields.js';
import type { Judgement } from '../request/judgement.js';
import type { Plugin } from '../request/plugin.js';
import { typeName } from './question-type.js';
import { RefusalLog } from './refusal-log.js';

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
  readonly #log: RefusalLog<Event>;
  readonly #metrics: Plugin['metrics'];

  constructor(audit: Audit, plugin: string, metrics: Plugin['metrics']) {
    this.#metrics = metrics;
    this.#log = new RefusalLog<Event>(
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
