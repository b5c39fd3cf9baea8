// What each word of shared/words.ts means, for the reference pages. A word without a meaning does not compile.
import type {
  AddressClass,
  Answerer,
  AskEnd,
  DecisionWord,
  DnsResult,
  EndedBy,
  ExitCause,
  FailureWord,
  HttpOutcome,
  HttpReason,
  Outcome,
  PluginStateWord,
  PolicyResult,
  ProtocolErrorKind,
  QuestionAnswer,
  Reason,
  SlowAction,
  StartCause,
  TrapAnswer,
} from '../../shared/words.js';

type Meanings<W extends string> = Readonly<Record<W, string>>;

export const DECISION_MEANINGS: Meanings<DecisionWord> = {
  allow: 'The rules allow it.',
  deny: 'The broker refused it.',
  would_deny: 'No rule allows it, and it went through because the mode is audit.',
};

export const REASON_MEANINGS: Meanings<Reason> = {
  rule: 'A rule allows it.',
  approved: 'No rule allows it. It was asked about (`unknown: ask`) and approved.',
  malformed_host: 'The host is neither a name, an address nor the path of a socket.',
  invalid_port: 'The port is not a number from 1 to 65535, or a socket has a port.',
  denied_by_rule: 'A deny rule covers the name or the address.',
  no_rule: 'No rule allows the host or the socket.',
  port_not_allowed: 'A rule allows the host, but on another port.',
  address_denied: 'A deny rule covers every address of the name.',
  address_special:
    'Every address is private, loopback, link-local or special in another way, and no address rule opens one.',
  stale_grant: 'The program connected to an address that its name does not have any more.',
  foreign_netns: 'The call was on a socket that postern had given to the plugin.',
  udp_refused: 'The program tried to send UDP to the outside.',
  record_type:
    'The program asked DNS for records other than addresses, such as SRV, MX or TXT. No rule opens them.',
  dns_error: 'DNS gave no address for the name.',
  rate_limited: 'The plugin asked for more within a second than its limit.',
  concurrency_limited: 'The plugin has as many requests or connections as its limit.',
  quota_exceeded: 'The plugin has sent or received as much as `sent_mib` or `received_mib` permits.',
  policy_unavailable: 'The broker has no rules for the plugin yet.',
};

export const FAILURE_MEANINGS: Meanings<FailureWord> = {
  name_unknown: 'The DNS server says that the name does not exist, or that it has no address.',
  dns_timeout: 'No DNS server answered in time.',
  dns_failed: 'The DNS server could not answer, or could not be reached.',
  refused: "The peer's host answered that nothing listens there, or a socket of the host refused it.",
  unreachable: 'No route leads to the peer, or a router or firewall said so.',
  timeout: 'The peer did not answer in time, or the program gave up after a second or more.',
  reset: 'The peer reset the connection before it was made, or at once when it was.',
  proxy_refused: 'The proxy could not be reached, or did not make the connection.',
};

export const HTTP_REASON_MEANINGS: Meanings<HttpReason> = {
  method_not_allowed: 'A rule allows the path, but not with this method.',
  path_not_allowed: 'No rule allows the path, a deny rule covers it, or a header names a second path.',
  host_mismatch: 'The request is for another host than its connection.',
  bad_request: 'Servers could read the request in different ways, or the gateway does not pass on its kind.',
  https_only: 'The request came without TLS.',
  certificate_refused: 'The program does not take the certificate of the gateway.',
  too_many_requests:
    'The gateway has as many requests, connections or bodies to sign as it serves at the same time.',
  request_timeout:
    'The program did not finish the head of a request in time, or sent nothing of its body for too long.',
  secret_missing: 'The gateway does not have a secret of the host.',
  connect_refused: 'The rules refuse the connection to the host.',
  upstream_failed: 'The host did not answer, or the exchange broke off.',
  answer_compressed: 'The host compressed its answer, so that the gateway could not search it for secrets.',
  not_signable:
    'The gateway signs requests to the host, and the program has signed this one in a way that cannot be replaced.',
  body_too_large: 'The gateway signs requests to the host, and the body is longer than the gateway holds.',
};

export const OUTCOME_MEANINGS: Meanings<Outcome> = {
  connected: 'The connection was made.',
  refused: 'The peer refused it (ECONNREFUSED).',
  unreachable: 'No route leads to the peer.',
  timeout:
    'The peer did not answer in time. If the program has the socket already, `message` says that it may still be connected.',
  reset: 'The peer reset the connection.',
  canceled:
    'The plugin gave up, or ended. After a signal or its own time-out it has the socket: `message` says that it may still be connected.',
};

export const ENDED_BY_MEANINGS: Meanings<EndedBy> = {
  closed: 'The program or its peer ended it.',
  revoked: 'Postern ended it, since the rules do not allow it any more.',
  quota:
    'Postern ended it, since the plugin has sent or received as much as `sent_mib` or `received_mib` permits.',
  age: 'Postern ended it, since it was as old as `connection_seconds` permits.',
  operator: 'An operator ended it (`postern disconnect`).',
  unknown:
    'What the connection carried is not known. The program had it reset (SO_LINGER), and the plugin has neither `sent_mib` nor `received_mib`. Or the report is lost: the kernel had to drop it, since many sockets of the host ended at once, or a broker had taken it and died.',
};

export const KIND_MEANINGS: Meanings<ProtocolErrorKind> = {
  malformed: 'The packet is not one MessagePack map.',
  oversized: 'The packet is too long.',
  unknown_op: 'The protocol has no such `op`.',
  bad_shape: 'A key is missing, unknown, repeated or of a wrong type.',
  unexpected_descriptor: 'A descriptor came with a packet to the broker.',
  too_deep: 'Maps or arrays are nested too deeply.',
  version: 'The version is unknown, or the first message is no `hello`.',
};

export const ACTION_MEANINGS: Meanings<SlowAction> = {
  waited: 'The broker waited.',
  demoted: 'The broker reaches the plugin on a separate thread from then on.',
  killed: 'The plugin was ended.',
};

export const ANSWER_MEANINGS: Meanings<AskEnd> = {
  once: 'Approved this once.',
  run: 'Approved until postern ends.',
  rule: 'Approved, and a rule for it was written into the file.',
  deny: 'Denied.',
  timeout: 'Nobody answered in time, so it was denied.',
};

export const ANSWERER_MEANINGS: Meanings<Answerer> = {
  terminal: 'A person at the terminal of `run --ask`.',
  control: 'A client of the control socket, as `postern approve`.',
  hook: 'The program of `ask.hook`.',
  library: 'The callback of the program that uses postern as a library.',
  nobody: 'Nobody: the time was over.',
};

export const START_MEANINGS: Meanings<StartCause> = {
  boot: 'postern started the plugin.',
  restart: 'The restart policy started it again.',
  operator: 'An operator started it, or started it again.',
  reload: 'It is new in the configuration file, or its configuration changed.',
};

export const STATE_MEANINGS: Meanings<PluginStateWord> = {
  waiting: 'It waits for the plugins that it comes after.',
  starting: 'Its sandbox is made.',
  ready: 'It runs, and is ready as its `ready` says.',
  running: 'It runs, and is not ready yet, or is told to stop. A job is never ready while it runs.',
  backoff: 'It waits for its next start.',
  stopped: 'An operator stopped it.',
  failed: 'It has ended for good, and not well.',
  finished: 'It has ended for good, and well.',
};

export const EXIT_MEANINGS: Meanings<ExitCause> = {
  exit: 'It ended with status 0.',
  error: 'It ended with another status.',
  signal: 'A signal ended it.',
  oom: 'The sandbox reached `total_memory_mib`.',
  limit: 'It reached `cpu_seconds` or `file_mib`.',
  operator: 'postern was asked to stop it.',
};

export const HTTP_MEANINGS: Meanings<HttpOutcome> = {
  passed: 'The upstream has answered.',
  refused: 'The gateway refused the request: by a rule, or for its form.',
  failed: 'The upstream did not answer, or the program left before.',
};

export const POLICY_MEANINGS: Meanings<PolicyResult> = {
  new: 'A newer policy is in force.',
  same: 'The server has the policy that is in force.',
  unavailable: 'The server did not give one in time, or the new one could not be put in force.',
  invalid: 'Its signature, its form or its rules are not right.',
  older: 'Its serial is lower than that of a policy before it.',
};

export const CLASS_MEANINGS: Meanings<AddressClass> = {
  public: 'An address of the public network.',
  private: 'An address of a private network.',
  loopback: 'A loopback address.',
  linklocal: 'A link-local address.',
  metadata: "The address of a cloud's metadata service.",
  own: 'An address of this host.',
  listener: 'An address and port where postern itself listens.',
  special: 'An address of another special range.',
};

export const LOOKUP_MEANINGS: Meanings<DnsResult> = {
  ok: 'The name has addresses.',
  nxdomain: 'The name does not exist, or has no address.',
  servfail: 'The DNS server failed.',
  timeout: 'No server answered in time.',
  refused: 'No rule opens the name, and no server was asked.',
};

export const QUESTION_MEANINGS: Meanings<QuestionAnswer> = {
  granted: 'The sandbox got addresses, or learnt that the name has none of the type.',
  refused: 'The rules refused the name.',
  error: 'The name does not exist, the lookup failed, or the question could not be read.',
};

export const TRAP_MEANINGS: Meanings<TrapAnswer> = {
  brokered: 'The program got a connection from the broker.',
  own: 'The call was for the sandbox itself, and was made there.',
  refused: 'The call was refused.',
  error: 'The call failed.',
};
