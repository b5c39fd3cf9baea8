// The part of a refusal that a plugin may know. It must not learn the addresses of a name, the rules, or the addresses of this host.
import { type PluginReason, pluginReason, type Reason } from '../words.js';
import { type Decision, NO_PATH, NO_PORT, quoteDestination } from './decision.js';
import { parseHost } from './parse-host.js';
import { UNIX_PREFIX } from './socket-path.js';

type RefusalErrno = 'EACCES' | 'EAGAIN' | 'EDQUOT';

/** What connect(2) and a reply give for a refusal, if not EACCES. After EAGAIN a program may try again; EDQUOT stays. */
const ERRNOS: Partial<Readonly<Record<Reason, RefusalErrno>>> = {
  rate_limited: 'EAGAIN',
  concurrency_limited: 'EAGAIN',
  quota_exceeded: 'EDQUOT',
};

export function refusalErrno(reason: Reason): RefusalErrno {
  return ERRNOS[reason] ?? 'EACCES';
}

/** A refusal as a plugin sees it. */
export interface PluginRefusal {
  readonly errno: RefusalErrno;
  readonly reason: PluginReason;
  readonly message: string;
  /** The rule that would allow it. Missing if the rule would name a resolved address. */
  readonly suggestion?: string;
}

/**
 * Writes a refusal for the plugin. A denied and a special address have the same word. If the addresses of a name were refused, there is no
 * suggestion, since it would name one of them.
 *
 * @param decision any except `allow`
 */
export function pluginRefusal(decision: Decision): PluginRefusal {
  const { host, port, suggestion } = decision;
  const reason = pluginReason(decision.reason);
  const message = `Cannot connect to ${quoteDestination(host, port)}: ${CAUSES[reason](port, host.startsWith(UNIX_PREFIX))}`;
  const tells = reason === 'address_refused' && parseHost(host)?.kind !== 'address';
  return {
    errno: refusalErrno(decision.reason),
    reason,
    message,
    ...(suggestion !== undefined && !tells && { suggestion }),
  };
}

const CAUSES: Readonly<Record<PluginReason, (port: number, socket: boolean) => string>> = {
  rule: () => 'it is allowed',
  approved: () => 'it was approved',
  malformed_host: (_, socket) => (socket ? NO_PATH : 'the host is neither a name nor an address'),
  invalid_port: (_, socket) => (socket ? NO_PORT : 'the port is not a whole number from 1 to 65535'),
  denied_by_rule: () => 'a rule denies it',
  no_rule: (_, socket) => `no rule allows this ${socket ? 'socket' : 'host'}`,
  port_not_allowed: (port) => `no rule allows port ${port}`,
  address_refused: () => 'no address that may be dialled',
  stale_grant: () => 'the name was resolved too long ago',
  foreign_netns: () => 'the socket is of another network namespace',
  record_type: () => 'DNS answers for addresses alone',
  udp_refused: () => 'UDP is not brokered',
  dns_error: () => 'the name did not resolve',
  rate_limited: () => 'too many requests in too short a time',
  concurrency_limited: () => 'too many requests at once',
  quota_exceeded: () => 'the plugin has sent or received as much as it may',
  policy_unavailable: () => 'no rules are in force',
};
