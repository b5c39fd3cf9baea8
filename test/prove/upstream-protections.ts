// The protections of connections that go through a proxy, or leave in another way.
import type { Protection } from './protection.js';

const program = (pattern: string): Pick<Protection, 'tests' | 'pattern'> => ({
  tests: ['integration/via'],
  pattern: `${pattern}.*user`,
});
const channel = (pattern: string): Pick<Protection, 'tests' | 'pattern'> => ({
  tests: ['broker/upstream/channel-proxy'],
  pattern,
});

export const upstreamProtections: readonly Protection[] = [
  {
    name: 'upstream: no program holds a socket of a proxy that has not answered',
    file: 'broker/request/connect-by-proxy',
    right: 'await shakeHands(connection.socket, beginHandshake(proxy, target), life)',
    wrong: 'await (void shakeHands(connection.socket, beginHandshake(proxy, target), life), undefined)',
    ...program('never holds a socket'),
  },
  {
    name: "upstream: an event loop does not wait for a proxy's answer for long",
    file: 'broker/trap/tunnel-and-place',
    right: 'limit: PROXY_PATIENCE_MS',
    wrong: 'limit: 0',
    ...program('never holds a socket'),
  },
  {
    name: "upstream: the host's own addresses are not sent to a proxy",
    file: 'broker/request/proxy-targets',
    right: 'return dial.filter((address) => !isNear(address, port, context));',
    wrong: 'return dial;',
    ...channel("the host's own addresses"),
  },
  {
    name: 'upstream: an address with two names is not sent as one of them',
    file: 'broker/request/proxy-targets',
    right: 'others.length === 0',
    wrong: 'others.length >= 0',
    ...program('two permitted names'),
  },
  {
    name: 'upstream: a name that no rule names does not go to a proxy unchecked',
    file: 'broker/request/proxy-resolves',
    right: "decision === 'allow' &&\n        reason === 'rule' &&",
    wrong: '',
    tests: ['integration/via'],
    pattern: 'no rule names is not sent',
  },
  {
    name: 'upstream: by default a proxy gets no name that it would look up anew',
    file: 'shared/config/via-config',
    right: "DEFAULT_RESOLVES = 'host'",
    wrong: "DEFAULT_RESOLVES = 'both'",
    ...program('by default the proxy gets the address'),
  },
  {
    name: 'upstream: what goes around a proxy by one of its names does not go by the other',
    file: 'shared/policy/direct-way',
    right: 'rules.includes(undefined) ? undefined : rules[0]',
    wrong: 'rules.find((rule) => rule !== undefined)',
    tests: ['broker/request/proxy-targets'],
    pattern: 'all names of its address',
  },
  {
    name: 'upstream: a name that goes around a proxy is resolved and checked here',
    file: 'broker/request/proxy-resolves',
    right: '!(upstream.direct !== undefined && isNamedDirect(upstream.direct, name, port)) &&',
    wrong: '',
    ...channel('what goes around the proxy is dialled'),
  },
  {
    name: 'upstream: connections leave from the source address',
    file: 'broker/request/bind-source',
    right: 'return bindTo(socket.number, encodeSockaddr(endpointOf(source, 0, family)));',
    wrong: 'return 0;',
    tests: ['integration/via-source'],
    pattern: 'leave from the source',
  },
  {
    name: 'upstream: a family without a source address is not dialled',
    file: 'broker/request/bind-source',
    right: 'return -ENETUNREACH;',
    wrong: 'return 0;',
    tests: ['integration/via-source'],
    pattern: 'leave from the source',
  },
  {
    name: "upstream: a plugin's own proxy does not get the credentials of another",
    file: 'shared/config/merge-via',
    right: '(plugin?.proxy === undefined ? defaults : plugin) ?? {}',
    wrong: '({ ...defaults, ...plugin })',
    tests: ['config/merge-via'],
    pattern: 'credentials go with',
  },
  {
    name: 'upstream: so many late tunnels are kept and no more',
    file: 'broker/trap/late-tunnels',
    right: 'this.#kept.size >= LATE_TUNNELS',
    wrong: 'false',
    tests: ['broker/trap/late-tunnels'],
    pattern: 'so many are kept',
  },
  {
    name: 'upstream: bytes behind the answer of a proxy stay in the socket',
    file: 'broker/upstream/shake-hands',
    right: 'readOnce(this.#fd, peeked.subarray(0, used));',
    wrong: 'readOnce(this.#fd, peeked);',
    ...channel('bytes right behind'),
  },
  {
    name: 'upstream: what a proxy sends before a tunnel is bounded',
    file: 'broker/upstream/http-connect',
    right: 'this.#bytes > MAX_PROXY_HEAD_BYTES',
    wrong: 'false',
    tests: ['broker/upstream/http-connect'],
    pattern: 'bounded',
  },
  {
    name: 'upstream: a program that would see the credentials does not start',
    file: 'sandbox/supervisor/via/require-unseen',
    right: 'if (!places.some(shows))',
    wrong: 'if (true)',
    ...program('credentials come from a file'),
  },
  {
    name: 'upstream: the URL of a proxy takes no credentials',
    file: 'shared/config/proxy-url',
    right: "if (text.includes('@'))",
    wrong: 'if (false)',
    tests: ['integration/via'],
    pattern: 'run refuses --via http://user',
  },
];
