// The words that decisions, metric labels, audit fields and replies share, one list each. deploy/reference/word-meanings.ts says what each
// word means.

/** Why a request was decided as it was. */
export const REASONS = [
  'rule',
  'approved',
  'malformed_host',
  'invalid_port',
  'denied_by_rule',
  'no_rule',
  'port_not_allowed',
  'address_denied',
  'address_special',
  'stale_grant',
  'foreign_netns',
  'udp_refused',
  'record_type',
  'dns_error',
  'rate_limited',
  'concurrency_limited',
  'quota_exceeded',
  'policy_unavailable',
] as const;
export type Reason = (typeof REASONS)[number];

/**
 * The reasons that a plugin sees. It must not learn whether a rule denied an address or the address is special, so both are one word.
 */
export type PluginReason = Exclude<Reason, 'address_denied' | 'address_special'> | 'address_refused';

/** The word that a plugin sees for a reason. */
export function pluginReason(reason: Reason): PluginReason {
  return reason === 'address_denied' || reason === 'address_special' ? 'address_refused' : reason;
}

/** Why a connection that the rules permit was not made. */
export const FAILURES = [
  'name_unknown',
  'dns_timeout',
  'dns_failed',
  'refused',
  'unreachable',
  'timeout',
  'reset',
  'proxy_refused',
] as const;
export type FailureWord = (typeof FAILURES)[number];

export const DECISIONS = ['allow', 'deny', 'would_deny'] as const;
export type DecisionWord = (typeof DECISIONS)[number];

export const MODES = ['enforce', 'audit'] as const;
export type Mode = (typeof MODES)[number];

/** How a brokered connect ended. */
export const OUTCOMES = ['connected', 'refused', 'unreachable', 'timeout', 'reset', 'canceled'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Why postern ends a handed-over connection, and how one ended. `revoked`: no rule allows it any more. `quota`: the plugin has sent or received as much as it may. `age`: it was as old as it may be. `operator`: somebody asked for it. `closed`: the program or its peer ended it. `unknown`: the kernel could not report it. */
export const END_CAUSES = ['revoked', 'quota', 'age', 'operator'] as const;
export type EndCause = (typeof END_CAUSES)[number];
export const ENDED_BY = ['closed', 'revoked', 'quota', 'age', 'operator', 'unknown'] as const;
export type EndedBy = (typeof ENDED_BY)[number];

/** How a lookup of a name ended. `refused`: the rules refused it, and no server was asked. */
export const DNS_RESULTS = ['ok', 'nxdomain', 'servfail', 'timeout', 'refused'] as const;
export type DnsResult = (typeof DNS_RESULTS)[number];

/** How the DNS of a sandbox answered a question. */
export const QUESTION_ANSWERS = ['granted', 'refused', 'error'] as const;
export type QuestionAnswer = (typeof QUESTION_ANSWERS)[number];

/** The way that a request came. */
export const DOORS = ['channel', 'trap'] as const;
export type Door = (typeof DOORS)[number];

/** What was wrong with a message of a plugin. */
export const PROTOCOL_ERRORS = [
  'malformed',
  'oversized',
  'unknown_op',
  'bad_shape',
  'unexpected_descriptor',
  'too_deep',
  'version',
] as const;
export type ProtocolErrorKind = (typeof PROTOCOL_ERRORS)[number];

/** Why a plugin started, and why it ended. `operator`: a command; `reload`: its configuration changed. */
export const START_CAUSES = ['boot', 'restart', 'operator', 'reload'] as const;
export type StartCause = (typeof START_CAUSES)[number];
export const EXIT_CAUSES = ['exit', 'error', 'signal', 'oom', 'limit', 'operator'] as const;
export type ExitCause = (typeof EXIT_CAUSES)[number];

/** What a plugin does, in the metrics. An operator sees it in the words of `status`. */
export const PLUGIN_STATES = [
  'waiting',
  'starting',
  'ready',
  'running',
  'backoff',
  'stopped',
  'failed',
  'finished',
] as const;
export type PluginStateWord = (typeof PLUGIN_STATES)[number];
/** Why a gateway refused a request, or why it failed. */
export const HTTP_REASONS = [
  'method_not_allowed',
  'path_not_allowed',
  'host_mismatch',
  'bad_request',
  'https_only',
  'certificate_refused',
  'too_many_requests',
  'request_timeout',
  'secret_missing',
  'connect_refused',
  'upstream_failed',
  'answer_compressed',
  'not_signable',
  'body_too_large',
] as const;
export type HttpReason = (typeof HTTP_REASONS)[number];

/** What became of a request through a gateway. `refused`: by its rules, or for its form. `failed`: the upstream did not answer. */
export const HTTP_OUTCOMES = ['passed', 'refused', 'failed'] as const;
export type HttpOutcome = (typeof HTTP_OUTCOMES)[number];

/** What came of a look for the signed policy. */
export const POLICY_RESULTS = ['new', 'same', 'unavailable', 'invalid', 'older'] as const;
export type PolicyResult = (typeof POLICY_RESULTS)[number];

/** How a question about an unknown destination ended. The first three permit it: this once, for this run, or by a rule in the file. */
export const ASK_SCOPES = ['once', 'run', 'rule'] as const;
export type AskScope = (typeof ASK_SCOPES)[number];
export const ASK_ENDS = ['once', 'run', 'rule', 'deny', 'timeout'] as const;
export type AskEnd = (typeof ASK_ENDS)[number];
/** Who answered it. */
export const ANSWERERS = ['terminal', 'control', 'hook', 'library', 'nobody'] as const;
export type Answerer = (typeof ANSWERERS)[number];
/** The same in the metrics. */
export const ASK_RESULTS = ['allowed', 'denied', 'timeout'] as const;

/** The class of an address: that of the innermost special block around it. `own`: of this host. `listener`: where postern listens. */
export const ADDRESS_CLASSES = [
  'public',
  'private',
  'loopback',
  'linklocal',
  'metadata',
  'own',
  'listener',
  'special',
] as const;
export type AddressClass = (typeof ADDRESS_CLASSES)[number];

/** What became of a trapped call. */
export const TRAP_ANSWERS = ['brokered', 'own', 'refused', 'error'] as const;
export type TrapAnswer = (typeof TRAP_ANSWERS)[number];

/** What the broker did after a stall: it waited, it reaches the plugin on a separate thread from now on, or it killed the sandbox. */
export const SLOW_ACTIONS = ['waited', 'demoted', 'killed'] as const;
export type SlowAction = (typeof SLOW_ACTIONS)[number];
