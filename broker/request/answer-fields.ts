// What the audit log says about an answer to `unknown: ask`. Pure.
import type { AuditFields } from '../../shared/protocol/audit-events.js';
import type { Judgement } from './judgement.js';

type Answer = Judgement['answered'];

export function answerFields(answered: Answer): Pick<AuditFields<'decision'>, 'answer' | 'answered_by'> {
  if (answered === undefined || answered === 'too_many') return {};
  return { answer: answered.answer, answered_by: answered.by };
}

/** For the end of a refusal's message. */
export function answerWords(answered: Answer): string {
  if (answered === undefined) return '';
  if (answered === 'too_many') return '; nobody was asked, since the plugin asks too much';
  if (answered.answer === 'timeout') return ', and nobody answered in time';
  return answered.answer === 'deny' ? ', and it was denied when asked about' : '';
}
