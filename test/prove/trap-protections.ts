// The checks of the trap, from the receipt of a call to the hand-over, and the door beside it.
import { READS_TWICE, TAKES_TWICE } from '../escape/race-mutations.js';
import { type Protection, refusedBy } from './protection.js';

const race = (what: string): Pick<Protection, 'tests' | 'pattern'> => ({
  tests: ['escape/race-trap'],
  pattern: `${what}.*nothing is heard .user`,
});
const semantics = (sentence: string): Pick<Protection, 'tests' | 'pattern'> => ({
  tests: ['interop/semantics'],
  pattern: sentence,
});
const trapped = (...files: readonly string[]): Pick<Protection, 'tests' | 'pattern'> => ({
  tests: files.map((file) => `escape/${file}`),
  pattern: refusedBy('transparent'),
});
const DIFFERENCES = { tests: ['interop/differences'], pattern: '.user' };
const ISCONN = "closed ? connectAtOnce(descriptor.number, raw) : -EISCONN, closed ? 'own' : 'brokered'";

export const trapProtections: readonly Protection[] = [
  { name: 'trap: an address is copied once', ...READS_TWICE, ...race('The address of a trapped call') },
  { name: 'trap: a descriptor is taken once', ...TAKES_TWICE, ...race('The file behind the descriptor') },
  {
    name: 'trap: whose socket it is, by its network namespace',
    file: 'broker/handle-trap',
    right: 'own: netns === context.netns',
    wrong: 'own: true',
    ...trapped('connect-again', 'listen-on-host', 'bind-on-host'),
  },
  {
    name: "trap: a socket of the host's is not bound",
    file: 'broker/handle-trap',
    right: 'if (!own)\n        refuseForeign(context, call, readSockaddr(address));',
    wrong: 'if (false) ;',
    ...trapped('bind-on-host'),
  },
  {
    name: "trap: a socket of the host's does not listen",
    file: 'broker/handle-trap',
    right: 'if (own)\n        call.end(listenOn(',
    wrong: 'if (true)\n        call.end(listenOn(',
    ...trapped('listen-on-host', 'listener-elsewhere'),
  },
  {
    name: "trap: a socket of the host's keeps its peer",
    file: 'broker/trap/connect-stream',
    right: ISCONN,
    wrong: "connectAtOnce(descriptor.number, raw), 'own'",
    ...trapped('connect-again'),
  },
  {
    name: 'trap: AF_UNIX goes on only where Landlock denies TCP',
    file: 'broker/handle-trap',
    right: 'else if (context.landlockDeniesTcp)',
    wrong: 'else if (true)',
    tests: ['escape/race-trap'],
    pattern: 'does not go on .user',
  },
  {
    name: 'trap: UDP to the outside is refused',
    file: 'broker/trap/connect-datagram',
    right: "address.kind === 'inet' && !isSandboxAddress(address.address)",
    wrong: 'false',
    ...DIFFERENCES,
  },
  {
    name: "trap: loopback is the sandbox's own but where a rule names that address and port",
    file: 'broker/trap/connect-stream',
    right: 'node?.prefix.length !== familyBits(address.family) || ',
    wrong: '',
    tests: ['escape/loopback'],
    pattern: '.user',
  },
  {
    name: 'trap: the unspecified address is loopback',
    file: 'broker/trap/own-addresses',
    right: "'0.0.0.0', '::', ",
    wrong: '',
    ...semantics('listeners, UDP and AF_UNIX'),
  },
  {
    name: 'trap: the peer is compared before the hand-over',
    file: 'broker/trap/broker-connection',
    right: 'end.port !== endpoint.port || !sameBytes(end.bytes, endpoint.bytes)',
    wrong: 'false',
    tests: ['escape/other-peer'],
    pattern: 'does not reach the plugin .transparent',
  },
  {
    name: 'channel: the peer is compared before the hand-over',
    file: 'broker/connect',
    right: 'peer.port === this.#port && sameBytes(peer.bytes, address.bytes)',
    wrong: 'true',
    tests: ['escape/other-peer'],
    pattern: 'does not reach the plugin .channel',
  },
  {
    name: "trap: a descriptor is the calling thread's, whatever its process has there",
    file: 'broker/trap/caller-processes',
    right: 'openThreadPidfd(tid);',
    wrong: 'openPidfd(pid);',
    tests: ['escape/own-tables'],
    pattern: 'connects its own socket',
  },
  {
    name: 'trap: before PIDFD_THREAD, a thread with a descriptor table of its own is an error',
    file: 'broker/trap/caller-processes',
    right: 'pid !== tid && !shareDescriptors(pid, tid)',
    wrong: 'false',
    tests: ['escape/own-tables'],
    pattern: 'answered with an error',
  },
  {
    name: 'trap: a call that a dead broker had received is answered by the next',
    file: 'broker/trap/trap-session',
    right: 'this.#calls.answerLeftOvers(ends.listener);',
    wrong: ';',
    tests: ['integration/crowd'],
    pattern: 'again and again.*user',
  },
  {
    name: "trap: what was reached by a thread's id counts only where its call waits still",
    file: 'broker/trap/trapped-call',
    right: 'isValid(this.#listener.number, this.notification.id)',
    wrong: 'true',
    tests: ['broker/pid-reuse'],
    pattern: 'reads nothing of it.*user',
  },
  {
    name: 'trap: a stale grant does not count',
    file: 'broker/grants',
    right: 'filter(([, until]) => until > now)',
    wrong: 'filter(() => true)',
    tests: ['broker/grants', 'broker/decide-granted'],
    pattern: 'fresh for its TTL|stale',
  },
  {
    name: 'trap: a name without a rule is asked of nobody',
    file: 'broker/serve-question',
    right: "if (verdict.decision === 'deny' || isReverse(name))",
    wrong: 'if (isReverse(name))',
    tests: ['broker/dns-stub'],
    pattern: 'no rule allows is NXDOMAIN',
  },
  {
    name: 'trap: addresses that no rule opens are not told',
    file: 'broker/serve-question',
    right: 'for (const address of kept)',
    wrong: 'for (const address of addresses)',
    tests: ['broker/dns-stub'],
    pattern: 'addresses that no rule opens',
  },
  {
    name: 'trap: questions are bounded in a second',
    file: 'broker/dns-stub',
    right: 'QUESTION_BURST_FACTOR * perSecond',
    wrong: '1e9',
    tests: ['broker/dns-stub'],
    pattern: 'past the rate',
  },
  {
    name: 'trap: a sandbox that holds the loop up is ended',
    file: 'broker/touch-watchdog',
    right: 'signalPidfd(init, constants.signals.SIGKILL);',
    wrong: ';',
    tests: ['broker/touch-watch'],
    pattern: 'for a second is ended',
  },
  {
    name: 'trap: a sandbox that was slow has a budget',
    file: 'broker/touch-watch',
    right: 'this.#slow ? Math.max(TOUCH_SLOW_MS, this.#budgetMs()) : TOUCH_LIMIT_MS',
    wrong: 'TOUCH_LIMIT_MS',
    tests: ['broker/touch-watch'],
    pattern: 'budget is used up',
  },
  {
    name: 'trap: a connect on a socket of the sandbox never waits',
    file: 'broker/trap/connect-stream',
    right: 'startConnectNeverWaiting(descriptor.number, raw)',
    wrong: 'connectAtOnce(descriptor.number, raw)',
    ...semantics('listeners, UDP and AF_UNIX'),
  },
];
