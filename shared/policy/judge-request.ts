// The first half of a decision: everything before DNS is asked. Pure. Does not trust the request.

import type { Address } from './address.js';
import { decideUnix } from './decide-unix.js';
import type { Decision, Request, RequestVerdict } from './decision.js';
import type { HostContext } from './host-block.js';
import { isLocalhost } from './is-localhost.js';
import { describeClass, type Grounds, makeDecision } from './make-decision.js';
import { type Host, parseHost } from './parse-host.js';
import { isPort } from './parse-ports.js';
import type { Policy } from './policy.js';
import type { Match } from './rule-index.js';
import { UNIX_PREFIX } from './socket-path.js';
import { suggestAddress, suggestName } from './suggest-rule.js';
import { coverage, findAdmission, weighAddress } from './weigh-address.js';

/**
 * Judges a request before its name is resolved.
 *
 * @param policy the rules and the mode
 * @param request of the plugin. Any value may be in it, and none throws
 * @param context this host's addresses and listeners
 * @returns the decision if the request is malformed, denied, for a literal address or for a socket; else the name to resolve
 */
export function judgeRequest(policy: Policy, request: Request, context: HostContext): RequestVerdict {
  const { host: asked, port } = readRequest(request);
  if (asked.startsWith(UNIX_PREFIX)) {
    if (port !== 0) return settle({ decision: 'deny', reason: 'invalid_port', host: asked, port });
    return { kind: 'settled', decision: decideUnix(policy, asked.slice(UNIX_PREFIX.length)) };
  }
  const host = parseHost(asked);
  if (!host) return settle({ decision: 'deny', reason: 'malformed_host', host: asked, port });
  const text = host.kind === 'name' ? host.name : host.address.text;
  if (!isPort(port)) return settle({ decision: 'deny', reason: 'invalid_port', host: text, port });
  return judgeHost(policy, host, port, context);
}

function judgeHost(policy: Policy, host: Host, port: number, context: HostContext): RequestVerdict {
  if (host.kind === 'address') {
    return { kind: 'settled', decision: judgeLiteral(policy, host.address, port, context) };
  }
  const { name } = host;
  const denial = policy.deny.matchName(name, port).rule ?? policy.deny.matchAny(port).rule;
  if (denial)
    return settle({ decision: 'deny', reason: 'denied_by_rule', rule: denial.text, host: name, port });
  const { rule, otherPort } = matchAllow(policy, name, port);
  if (rule) return { kind: 'resolve', name, port, decision: 'allow', reason: 'rule', rule: rule.text };
  const reason = otherPort ? 'port_not_allowed' : 'no_rule';
  if (policy.mode === 'audit') return { kind: 'resolve', name, port, decision: 'would_deny', reason };
  return settle({ decision: 'deny', reason, host: name, port, suggestion: suggestName(name, port) });
}

/** `*` is any name of at least two labels. localhost and names below it need a rule without a wildcard. */
function matchAllow({ allow }: Policy, name: string, port: number): Match {
  if (isLocalhost(name)) return allow.matchExactName(name, port);
  const match = allow.matchName(name, port);
  if (match.rule || !name.includes('.')) return match;
  const any = allow.matchAny(port);
  return { rule: any.rule, otherPort: match.otherPort || any.otherPort };
}

function judgeLiteral(policy: Policy, address: Address, port: number, context: HostContext): Decision {
  const { text: host } = address;
  const weight = weighAddress(policy, address, port, context);
  if (weight.denied) {
    return makeDecision({ decision: 'deny', reason: 'denied_by_rule', rule: weight.denied.text, host, port });
  }
  const admission = findAdmission(policy.allow, address, port, weight);
  if (admission) {
    return makeDecision({
      decision: 'allow',
      reason: 'rule',
      rule: admission.text,
      host,
      port,
      dial: [address],
    });
  }
  const covered = coverage(policy, address, port);
  const suggestion = suggestAddress(address, port);
  const audit = policy.mode === 'audit';
  if (weight.class !== 'public' && (covered === 'covered' || audit)) {
    const about = { address, what: describeClass(weight.class, weight.purpose) };
    return makeDecision({ decision: 'deny', reason: 'address_special', host, port, about, suggestion });
  }
  const reason = covered === 'other_port' ? 'port_not_allowed' : 'no_rule';
  if (audit) return makeDecision({ decision: 'would_deny', reason, host, port, dial: [address], suggestion });
  return makeDecision(
    /* protects: G7 a literal that no rule covers is denied => { decision: 'allow', reason: 'rule', host, port, dial: [address] } */ {
      decision: 'deny',
      reason,
      host,
      port,
      suggestion,
    },
  );
}

function settle(grounds: Grounds): RequestVerdict {
  return { kind: 'settled', decision: makeDecision(grounds) };
}

/** Reads the values of a request, whatever they are. */
function readRequest(request: unknown): { host: string; port: number } {
  const { host, port } = (typeof request === 'object' && request !== null ? request : {}) as Partial<
    Record<keyof Request, unknown>
  >;
  return { host: typeof host === 'string' ? host : '', port: typeof port === 'number' ? port : Number.NaN };
}
