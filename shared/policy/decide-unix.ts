// Decides a connect to an AF_UNIX socket of the host. Pure. Does not trust the path.
import { type Decision, makeDecision } from './decision.js';
import { isEveryPort } from './parse-ports.js';
import type { Policy } from './policy.js';
import { parseSocketPath, socketHost } from './socket-path.js';

/**
 * Decides by the rules for exactly this path, and by a deny rule `*` for every port. Mode `audit` opens no socket: such a socket may give away the whole host.
 *
 * @param policy the rules and the mode
 * @param asked the path, as a plugin wrote it
 * @returns the decision, whose `path` is the one to dial. Never throws
 */
export function decideUnix({ allow, deny }: Policy, asked: string | Uint8Array): Decision {
  const path = parseSocketPath(asked);
  const host = socketHost(asked);
  if (path === undefined) {
    return makeDecision({ decision: 'deny', reason: 'malformed_host', host, port: 0 });
  }
  const denial = deny.sockets.get(path) ?? deny.any.rules.find(({ ports }) => isEveryPort(ports));
  // protects: G7 sockets: a deny rule wins
  if (denial) {
    return makeDecision({ decision: 'deny', reason: 'denied_by_rule', rule: denial.text, host, port: 0 });
  }
  const rule = allow.sockets.get(path);
  // protects: G7 a path without a rule is denied
  if (rule === undefined) {
    return makeDecision({ decision: 'deny', reason: 'no_rule', host, port: 0, suggestion: host });
  }
  return makeDecision({ decision: 'allow', reason: 'rule', rule: rule.text, host, port: 0, path });
}
