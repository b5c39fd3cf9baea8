// The broker's protections: its decisions, the bounds on plugins, and its cage.
import { cageGroups } from '../../broker/cage/cage-rules.js';
import type { Protection } from './protection.js';

const CAGE = { tests: ['escape/broker-cage'] };
const FRAMES = { tests: ['protocol/decode-request'] };
const SESSIONS = { file: 'broker/channel/session', tests: ['broker/sessions'] };
const isRoot = process.geteuid?.() === 0;

const DECISIONS: readonly Protection[] = [
  {
    name: 'policy: a literal that no rule covers is denied',
    file: 'shared/policy/judge-request',
    right: "return makeDecision({ decision: 'deny', reason, host, port, suggestion });",
    wrong: "return makeDecision({ decision: 'allow', reason: 'rule', host, port, dial: [address] });",
    tests: ['policy/decide', 'broker/trap/decide-granted'],
    pattern: 'name rule no literal|without a grant is judged',
  },
  {
    name: 'policy: a verdict of former rules is void',
    file: 'broker/request/remembered-verdicts',
    right: 'policy !== this.#policy ||',
    wrong: '',
    tests: ['broker/request/remembered-verdicts'],
    pattern: 'are asked anew',
  },
  {
    name: 'policy: a verdict of former host addresses is void',
    file: 'broker/request/remembered-verdicts',
    right: 'context !== this.#context ||',
    wrong: '',
    tests: ['broker/request/remembered-verdicts'],
    pattern: 'are asked anew',
  },
];

const SOCKETS: readonly Protection[] = [
  {
    name: 'sockets: a path without a rule is denied',
    file: 'shared/policy/decide-unix',
    right: 'if (rule === undefined)',
    wrong: 'if (false)',
    tests: ['policy/decide-unix'],
    pattern: 'exactly the path of a rule',
  },
  {
    name: 'sockets: a deny rule wins',
    file: 'shared/policy/decide-unix',
    right: 'if (denial)',
    wrong: 'if (false)',
    tests: ['policy/vectors', 'broker/request/connect-host-socket'],
    pattern: 'written-down|exactly the permitted path',
  },
  {
    name: 'sockets: a handed-over socket has a name already',
    file: 'broker/request/dial-socket',
    right: 'nameForGood(socket.number);',
    wrong: '',
    tests: ['integration/unix-rules'],
    pattern: 'hears exactly what a rule names',
  },
];

/** A user's broker follows no link that the user's tests can make. */
const SOCKETS_AS_ROOT: readonly Protection[] = [
  {
    name: 'sockets: a link that others than root could change leads nowhere',
    file: 'broker/request/open-socket-file',
    right: '|| !isRootsAlone(fstatSync(folder.number), stats)',
    wrong: '',
    tests: ['broker/request/open-socket-file'],
    pattern: 'a link in / or /var is followed',
  },
  {
    name: "sockets: a link in another folder of root's leads nowhere",
    file: 'broker/request/open-socket-file',
    right: '|| !isTop(parts) ',
    wrong: '',
    tests: ['broker/request/open-socket-file'],
    pattern: 'a link leads nowhere',
  },
  {
    name: 'sockets: a deny rule holds for the path without links',
    file: 'broker/request/connect-socket',
    right: 'if (denied !== undefined)',
    wrong: 'if (false)',
    tests: ['broker/request/connect-host-socket'],
    pattern: 'for the path without links',
  },
];

const COUNTS: readonly Protection[] = [
  {
    name: 'metrics: a refused name counts as a denial',
    file: 'broker/dns/question-refusals',
    right: "this.#metrics.count('decisions', { decision, reason });",
    wrong: ';',
    tests: ['broker/dns/dns-server'],
    pattern: 'is one denial with its reason',
  },
];

const OWN_ADDRESSES: readonly Protection[] = [
  {
    name: "names: an address that the kernel takes for the host's own is no public one",
    file: 'shared/sys/local-addresses',
    right: 'into.push(prefix);',
    wrong: ';',
    tests: ['escape/own-addresses'],
    pattern: "opens none of the host's own",
  },
  {
    name: 'names: a block that is routed to the host is its own',
    file: 'shared/sys/local-addresses',
    right: 'this.#list(RTM_GETROUTE, routeQuestion(family), found)',
    wrong: 'true',
    tests: ['escape/own-addresses'],
    pattern: "opens none of the host's own",
  },
  {
    name: 'names: a new address counts at once',
    file: 'broker/names/host-addresses',
    right: 'this.#local.takeChanged()',
    wrong: 'false',
    tests: ['broker/names/host-addresses'],
    pattern: 'from the moment that it is given',
  },
];

const RINGS: readonly Protection[] = [
  {
    name: 'broker: a Node with an io_uring starts again without one',
    file: 'broker/before-broker',
    right: '|| holdsRing()',
    wrong: '',
    tests: ['broker/rings'],
    pattern: 'starts again without one',
  },
  {
    name: 'broker: capabilities that it does not need are given up',
    file: 'broker/before-broker',
    right: 'dropOwnCapabilities();',
    wrong: ';',
    tests: ['integration/confined-root'],
    pattern: 'the broker keeps no capability',
  },
  {
    name: 'broker: with an io_uring nothing is served',
    file: 'broker/cage/enter-cage',
    right: 'if (holdsRing())',
    wrong: 'if (false)',
    tests: ['broker/rings'],
    pattern: 'with a ring enters no cage',
  },
];

const BOUNDS: readonly Protection[] = [
  {
    name: 'channel: what is sent to the reply socket ends the session',
    file: 'broker/channel/reply-writer',
    right: '#watched = READABLE;',
    wrong: '#watched = 0;',
    tests: ['broker/reply-socket'],
    pattern: 'a descriptor sent to the reply socket ends',
  },
  {
    name: 'channel: what is sent to the reply socket is not received',
    file: 'shared/sys/message',
    right: 'const length = recvmsg(fd, glance.header, MSG_PEEK | MSG_DONTWAIT);',
    wrong: 'const length = recvmsg(fd, glance.header, MSG_DONTWAIT);',
    tests: ['broker/reply-socket'],
    pattern: 'whose close waits',
  },
  {
    ...SESSIONS,
    name: 'channel: the broker closes its ends on the thread apart',
    right: 'this.#services.slowLane.close(this.plugin.stall, [this.#request, this.#reply]);',
    wrong: 'Promise.resolve([this.#request.close(), this.#reply.close()]);',
    tests: ['broker/reply-socket'],
    pattern: 'whose close waits',
  },
  {
    name: 'channel: a reply is sent under guard',
    file: 'broker/channel/reply-writer',
    right: 'this.#underGuard(() => sendMessage(this.#socket.number, bytes, descriptors));',
    wrong: 'sendMessage(this.#socket.number, bytes, descriptors);',
    tests: ['integration/slow-plugin'],
    pattern: 'watches its replies',
  },
  {
    name: 'channel: what was sent there is looked for when the session ends',
    file: 'broker/channel/session',
    right: 'offence ?? this.#replies.intrusion();',
    wrong: 'offence;',
    tests: ['broker/reply-socket'],
    pattern: 'from an end that is closed then',
  },
  {
    name: 'channel: a packet without a byte is no end',
    file: 'shared/sys/message',
    right: 'length > 0 || glance.nameLength > 0',
    wrong: 'length > 0',
    tests: ['broker/reply-socket'],
    pattern: 'from an end that is shut then',
  },
  {
    name: 'channel: the broker is the last to close its ends',
    file: 'broker/sessions',
    right: 'this.#ended.set(session.number, session);',
    wrong: 'session.close();',
    tests: ['broker/reply-socket'],
    pattern: 'not before the supervisor has let go',
  },
  {
    ...SESSIONS,
    name: 'channel: a hello comes first',
    right: "needs !== 'nothing' && !this.#greeted",
    wrong: 'false',
    pattern: 'hello comes first',
  },
  {
    ...SESSIONS,
    name: 'channel: an id in flight is not used again',
    right: 'this.#client.isInFlight(request.id)',
    wrong: 'false',
    pattern: 'id that is in flight',
  },
  {
    ...SESSIONS,
    name: 'channel: so many of a plugin and no more',
    right: 'if (this.plugin.channels >= CHANNELS_PER_PLUGIN)',
    wrong: 'if (false)',
    pattern: 'so many channels',
  },
  {
    ...SESSIONS,
    name: 'channel: one that is being made counts, also for a program that is gone',
    file: 'broker/channel/wanted-channels',
    right: 'client.plugin.channels += 1;',
    wrong: '',
    pattern: 'counts until it is made',
  },
  {
    ...SESSIONS,
    name: 'channel: a plugin that does not read is not read',
    right: 'if (this.#replies.isFull)',
    wrong: 'if (false)',
    tests: ['broker/limits'],
    pattern: 'reads no answer',
  },
  {
    ...FRAMES,
    name: 'frames: nesting is bounded',
    file: 'shared/protocol/scan-frame',
    right: 'if (depth > MAX_FRAME_DEPTH)',
    wrong: 'if (false)',
    pattern: 'too_deep',
  },
  {
    ...FRAMES,
    name: 'frames: no byte that MessagePack never uses',
    file: 'shared/protocol/scan-frame',
    right: 'if (form === TokenForm.never)',
    wrong: 'if (false)',
    pattern: 'never uses',
  },
  {
    ...FRAMES,
    name: 'frames: text is UTF-8',
    file: 'shared/protocol/scan-frame',
    right: 'if (form === TokenForm.text && !isText(frame, start, end))',
    wrong: 'if (false)',
    pattern: 'UTF-8',
  },
  {
    name: 'queue: it is bounded',
    file: 'broker/limit/request-queue',
    right: 'if (queue.size >= this.#mayWait && (queue.size > 0 || !hasRoom))',
    wrong: 'if (false)',
    tests: ['broker/limits'],
    pattern: 'past concurrency and queue',
  },
  {
    name: 'queue: so many at once',
    file: 'broker/limit/request-queue',
    right: 'concurrency: concurrentRequests',
    wrong: 'concurrency: 1e6',
    tests: ['broker/limits'],
    pattern: 'past concurrency and queue',
  },
  {
    name: 'queue: so many in a second',
    file: 'broker/limit/request-queue',
    right: 'if (this.#begunInSecond < this.#perSecond)',
    wrong: 'if (true)',
    tests: ['broker/limits'],
    pattern: 'past the rate',
  },
];

const CAGES: readonly Protection[] = [
  ...cageGroups(0).map(({ why }) => ({
    ...CAGE,
    name: `cage: ${why}`,
    file: 'broker/cage/cage-rules',
    right: 'cageGroups(pid).flatMap(',
    wrong: `cageGroups(pid).filter((group) => group.why !== ${JSON.stringify(why)}).flatMap(`,
    pattern: 'hostile code inside a broker',
  })),
  {
    ...CAGE,
    name: 'cage: it sends no signal by a handle of a process',
    file: 'broker/cage/cage-rules',
    right: ' pidfd_send_signal',
    wrong: '',
    pattern: 'hostile code inside a broker',
  },
  {
    ...CAGE,
    name: 'cage: it has the kernel send no signal for it',
    file: 'broker/cage/cage-rules',
    right: "...refusedWith('fcntl', [F_SETOWN, F_SETSIG, F_SETOWN_EX]),",
    wrong: '',
    pattern: 'hostile code inside a broker',
  },
  {
    name: "supervisor: the broker gets no descriptor of postern's starter",
    file: 'sandbox/supervisor/broker/spawn-broker',
    right: '    setCloseOnExecFrom(3);',
    wrong: '',
    tests: ['escape/broker-descriptors'],
    pattern: 'no descriptor of',
  },
  {
    name: 'supervisor: a sandbox is ended when the broker asks for it',
    file: 'sandbox/supervisor/broker/end-alarm',
    right: '            end();',
    wrong: '',
    tests: ['supervisor/broker/end-alarm'],
    pattern: 'ends a sandbox once',
  },
  {
    ...CAGE,
    name: 'cage: it holds for every thread',
    file: 'broker/cage/enter-cage',
    right: 'loadFilterInAllThreads(',
    wrong: '(() => {})(',
    failsClosed: true,
    pattern: '',
  },
  {
    name: 'cage: its memory is closed to its own user',
    file: 'broker/cage/enter-cage',
    right: 'setDumpable(false);',
    wrong: '',
    tests: ['integration/launch'],
    pattern: 'of the same user reads.*user.$',
  },
  {
    name: "broker: it ends with its supervisor's link",
    file: 'broker/main',
    right: 'const leave = () => process.exit(0);',
    wrong: 'const leave = () => {};',
    tests: ['broker/process'],
    pattern: 'when the line stream ends',
  },
  {
    name: 'broker: it ends with the supervisor',
    file: 'broker/main',
    right: 'dieWithParent(constants.signals.SIGKILL);',
    wrong: '',
    tests: ['broker/process'],
    pattern: 'dies with a parent',
  },
];

const AS_ROOT: readonly Protection[] = [
  {
    name: 'broker: it has no capability and an id of its own',
    file: 'broker/cage/take-ids',
    right: 'becomeIds(uid, gid);',
    wrong: '',
    failsClosed: true,
    tests: [],
    pattern: '',
  },
  {
    ...CAGE,
    name: 'broker: all that it sees of the host is read-only',
    file: 'broker/cage/seal-mounts',
    right: 'makeAllMountsReadOnly();',
    wrong: '',
    pattern: 'as root it cannot read',
  },
];

export const brokerProtections: readonly Protection[] = [
  {
    name: "broker: a plugin takes its share of the broker's descriptors, and no more",
    file: 'broker/limit/descriptor-shares',
    right: 'return this.#held + more <= this.#pool.left - more;',
    wrong: 'return true;',
    tests: ['broker/descriptors'],
    pattern: 'connects that hang',
  },
  {
    name: 'broker: a call that waits counts for its share of descriptors',
    file: 'broker/trap/handle-trap',
    right: "call.call !== 'bind' && !descriptors.hasRoom(0)",
    wrong: 'false',
    tests: ['integration/descriptor-share'],
    pattern: 'leaves its neighbours.*user',
  },
  {
    name: 'broker: its memory stays small after many connects',
    file: 'sandbox/supervisor/broker/broker-command',
    right: '--max-semi-space-size=4',
    wrong: '--max-semi-space-size=16',
    tests: ['broker/memory'],
    pattern: 'many connects at once',
  },
  {
    name: 'broker: a packet without its descriptors ends one session',
    file: 'broker/packet-link',
    right: 'if (truncated) {',
    wrong: "if (truncated) throw new RangeError('A packet is cut short'); else if (truncated) {",
    tests: ['broker/descriptors'],
    pattern: 'find no room',
  },
  ...DECISIONS,
  ...COUNTS,
  ...SOCKETS,
  ...OWN_ADDRESSES,
  ...RINGS,
  ...BOUNDS,
  ...CAGES,
  ...(isRoot ? [...AS_ROOT, ...SOCKETS_AS_ROOT] : []),
];
