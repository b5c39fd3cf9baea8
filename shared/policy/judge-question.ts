// How the DNS of a sandbox takes a name, before any server is asked. DNS acts by it, and `explain` says it. Pure.
import type { HostContext } from './host-block.js';
import { isLocalhost } from './is-localhost.js';
import { judgeName, type NameVerdict } from './judge-name.js';
import type { Policy } from './policy.js';

/** The sandbox itself, which no rule is asked about; or the verdict of the rules. Undefined without rules. */
export type QuestionVerdict = 'loopback' | NameVerdict | undefined;

/**
 * Judges the name of a question.
 *
 * @param name canonical
 * @param hostname the plugin's name. Programs look it up to find their own address; a rule for that name comes first
 */
export function judgeQuestion(
  policy: Policy | undefined,
  name: string,
  hostname: string | undefined,
  context: HostContext,
): QuestionVerdict {
  // RFC 6761 section 6.3
  if (isLocalhost(name)) return 'loopback';
  if (policy === undefined) return undefined;
  const verdict = judgeName(policy, name, context);
  return name === hostname && verdict.decision !== 'allow' ? 'loopback' : verdict;
}
