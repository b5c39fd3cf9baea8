// Connects to what was decided, the way that the plugin's connections leave this host: straight, or by a proxy; from the source address, with the
// mark and at the pace that the configuration names. Runs in the broker.

import { constants } from 'node:os';

import { andThen, type NowOrLater } from '../../shared/now-or-later.js';
import { type Address, parseAddress } from '../../shared/policy/address.js';
import { decide } from '../../shared/policy/decide.js';
import { directRule } from '../../shared/policy/direct-way.js';
import { type HostContext, hostBlock, isLoopback } from '../../shared/policy/host-block.js';
import { parseHost } from '../../shared/policy/parse-host.js';
import type { Rule } from '../../shared/policy/parse-rule.js';
import { CLASS_FACTS, findBlock } from '../../shared/policy/special-blocks.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { encodeSockaddr } from '../../shared/sys/sockaddr.js';
import { bindTo, leavePortOpen } from '../../shared/sys/socket.js';
import { paceSending } from '../../shared/sys/socket-state.js';
import type { RequestLife } from '../limit/request-life.js';
import type { ProxyFailure, ProxyTarget } from '../upstream/handshake.js';
import { beginHandshake, shakeHands } from '../upstream/shake-hands.js';
import { proxyText, type Upstream, type UpstreamProxy } from '../upstream/upstream.js';
import { type Connection, connect, endpointOf, type SocketForm } from './dial.js';
import type { Judgement } from './judgement.js';
import type { Plugin, Services } from './plugin.js';

/** Addresses of a name that a proxy is asked for, one after the other, while it cannot reach them. */
const MAX_PROXY_TARGETS = 4;

/** Checked addresses of a name that the proxy gets as a name: so many are noted with the connection, whose memory is small. */
const NOTED_ADDRESSES = 8;

/** The way through a proxy, for the log. */
export interface Passage {
  /** As in `http://proxy.example.com:3128`. */
  readonly via: string;
  /** What the proxy was asked for: `api.example.com:443`. */
  readonly tunnel: string;
}

export interface Way {
  readonly connection: Connection;
  /** Missing: the broker dialled the destination itself. */
  readonly passage?: Passage;
  /** With a passage: the addresses that were checked for what the proxy was asked for. None if the proxy alone looks the name up. */
  readonly tunnelled?: readonly Address[] | undefined;
}

/**
 * Connects as {@link connect} does, and through the plugin's proxy if it has one.
 *
 * @param judgement not denied
 * @param form of the sockets, besides the plugin's source address, rate and mark. Its preparation comes first, and is done at once
 */
export function connectUpstream(
  services: Services,
  plugin: Plugin,
  judgement: Judgement,
  life: RequestLife,
  form: SocketForm = {},
): NowOrLater<Way> {
  const { upstream, descriptors, limits } = plugin;
  const { dial, port } = judgement.decision;
  const { proxy, sources } = upstream;
  const isPlain = sources === undefined && limits.bytesPerSecond === undefined && upstream.mark === undefined;
  const prepare: SocketForm['prepare'] = isPlain
    ? form.prepare
    : (socket, family, address) =>
        form.prepare?.(socket, family, address) ||
        /* protects: G22 a connection of the channel is paced => (paceSocket, 0) */ paceSocket(
          plugin,
          socket,
        ) ||
        bindSource(upstream, socket, family, address) ||
        /* protects: G6 a socket is marked before it connects, on the channel => 0 */ markSocket(
          services,
          plugin,
          socket,
        );
  const targets = proxyTargets(upstream, judgement, () => services.host.context());
  if (proxy === undefined || targets.length === 0) {
    const straight = connect(dial, port, life, descriptors, { ...form, prepare });
    return andThen(straight, (connection) => ({ connection }));
  }
  const tunnel = connectByProxy(services, plugin, proxy, targets, life, { ...form, prepare });
  return tunnel.then(({ connection, asked }) => ({
    connection,
    passage: { via: proxyText(proxy), tunnel: placeOf(asked) },
    tunnelled:
      asked.family === 'name'
        ? dial.slice(0, NOTED_ADDRESSES)
        : dial.filter(({ text }) => text === asked.host),
  }));
}

// Connects to a proxy, and asks it for a tunnel. The peer that is compared is the proxy (G6).

/** A connection, and what the proxy was asked for last. */
interface Tunnel {
  readonly connection: Connection;
  readonly asked: ProxyTarget;
}

/**
 * Asks for one target after the other, while the proxy cannot reach them.
 *
 * @param targets at least one
 * @param life of the request; it ends the attempts early
 */
async function connectByProxy(
  services: Services,
  plugin: Plugin,
  proxy: UpstreamProxy,
  targets: readonly ProxyTarget[],
  life: RequestLife,
  form: SocketForm,
): Promise<Tunnel> {
  const addresses = await proxyAddresses(services, plugin, proxy, life);
  const tried = targets.slice(0, MAX_PROXY_TARGETS);
  for (const [index, target] of tried.entries()) {
    const connection = Array.isArray(addresses)
      ? await open(plugin, proxy, addresses, target, life, form)
      : failed(addresses as ProxyFailure, undefined);
    const goesOn = connection.outcome === 'unreachable' && index + 1 < tried.length;
    if (!goesOn) return { connection, asked: target };
  }
  throw new RangeError('Nothing to ask the proxy for');
}

/** `api.example.com:443` */
export function placeOf({ host, family, port }: ProxyTarget): string {
  return `${family === 6 ? `[${host}]` : host}:${port}`;
}

async function open(
  plugin: Plugin,
  proxy: UpstreamProxy,
  addresses: readonly Address[],
  target: ProxyTarget,
  life: RequestLife,
  form: SocketForm,
): Promise<Connection> {
  const connection = await connect(addresses, proxy.port, life, plugin.descriptors, form);
  if (connection.outcome !== 'connected') return unreachable(connection);
  const failure =
    await /* protects: G6 no program holds a socket of a proxy that has not answered => (void $&, undefined) */ shakeHands(
      connection.socket,
      beginHandshake(proxy, target),
      life,
    );
  if (failure === undefined) return connection;
  connection.socket.close();
  return failed(failure, connection.address);
}

function failed({ cause, ...failure }: ProxyFailure, address: Address | undefined): Connection {
  return { ...failure, address, cause: `the proxy ${cause}` };
}

/** A proxy that does not answer is no answer of the destination: ECONNREFUSED would say that it is there. */
function unreachable(connection: Exclude<Connection, { outcome: 'connected' }>): Connection {
  const { outcome, errno } = connection;
  if (outcome === 'canceled') return connection;
  const cause = `the proxy cannot be reached (${errno})`;
  if (outcome === 'timeout') return { ...connection, cause };
  return { ...connection, outcome: 'unreachable', errno: 'EHOSTUNREACH', cause };
}

/** The proxy's name is the operator's: the servers of every plugin know it, whatever a plugin's own resolvers know. */
async function proxyAddresses(
  services: Services,
  plugin: Plugin,
  { host }: UpstreamProxy,
  life: RequestLife,
): Promise<readonly Address[] | ProxyFailure> {
  const literal = parseAddress(host);
  if (literal !== undefined) return [literal];
  const pending = services.names.resolve(host, plugin.descriptors);
  const found = pending instanceof Promise ? await life.orEnded(pending) : pending;
  if (found !== undefined && found.addresses.length > 0) return found.addresses;
  const cause = 'has a name without an address';
  if (life.ended === undefined) return { outcome: 'unreachable', errno: 'EHOSTUNREACH', cause };
  return { outcome: life.ended, errno: life.ended === 'timeout' ? 'ETIMEDOUT' : 'ECANCELED', cause };
}

// What a proxy is asked for, for a permitted connect. Pure.

/**
 * What to ask the proxy for, the best first.
 *
 * @param judgement of a connect that is not denied
 * @param hostContext not called without a proxy
 * @returns empty: there is no proxy; the connect goes around it; or each address is one of this host, or of its link. The broker dials it
 *   itself then
 */
export function proxyTargets(
  upstream: Upstream,
  judgement: Judgement,
  hostContext: () => HostContext,
): readonly ProxyTarget[] {
  const { resolve } = upstream.proxy ?? {};
  if (resolve === undefined) return [];
  const { dial, host, port } = judgement.decision;
  if (resolve === 'proxy' && dial.length === 0)
    return named(parseHost(host)?.kind === 'name' ? host : undefined, port);
  const context = hostContext();
  const far = farOf(judgement, context);
  if (far.length === 0 || ruleAround(upstream, judgement, context) !== undefined) return [];
  // The proxy looks a name up anew. What somebody approved is about addresses that were checked here.
  const mayName = resolve === 'both' && judgement.decision.reason !== 'approved';
  const [name, ...others] = mayName ? permittedNames(judgement, context) : [];
  if (
    name !== undefined &&
    /* protects: G6 upstream: an address with two names is not sent as one of them => others.length >= 0 */ others.length ===
      0
  )
    return named(name, port);
  return far.map(({ text, family, bytes }) => ({ host: text, family, bytes, port }));
}

/** The rule of `via.direct` by which a connect goes around the proxy. @param judgement of a connect that is not denied */
export function ruleAround(
  { direct }: Upstream,
  judgement: Judgement,
  context: HostContext,
): Rule | undefined {
  if (direct === undefined) return undefined;
  const names = permittedNames(judgement, context);
  const { port } = judgement.decision;
  return directRule(direct, { names, dial: farOf(judgement, context), port }, context);
}

function named(host: string | undefined, port: number): readonly ProxyTarget[] {
  return host === undefined ? [] : [{ host, family: 'name', bytes: undefined, port }];
}

function farOf({ decision: { dial, port } }: Judgement, context: HostContext): readonly Address[] {
  // protects: G6 the host's own addresses are not sent to a proxy => return dial;
  return dial.filter((address) => !isNear(address, port, context));
}

function isNear(address: Address, port: number, context: HostContext): boolean {
  return CLASS_FACTS[hostBlock(address, port, context) ?? findBlock(address)?.class ?? 'public'].near;
}

/** The name that was asked for. For an address they are the permitted names that the sandbox's DNS gave it for. */
function permittedNames({ decision, policy, names }: Judgement, context: HostContext): readonly string[] {
  const { host, port, dial } = decision;
  if (names === undefined) return parseHost(host)?.kind === 'name' ? [host] : [];
  if (policy === undefined) return [];
  return names.filter(
    (name) => name === host || decide(policy, { host: name, port }, dial, context).decision !== 'deny',
  );
}

// The source address of a connection (`via.source`).

const { ENETUNREACH } = constants.errno;

/**
 * Binds a socket to the plugin's source address, if it has one. Loopback is left out: a service there may ask who calls.
 *
 * @param family of the socket
 * @param to what it will be connected to
 * @returns 0, or minus errno: ENETUNREACH for a family without a source, EADDRNOTAVAIL if the host has lost the address
 */
export function bindSource({ sources }: Upstream, socket: OwnedFd, family: 4 | 6, to: Address): number {
  if (sources === undefined || isLoopback(to)) return 0;
  const source = sources[to.family];
  if (source === undefined)
    // protects: G6 a family without a source address is not dialled => return 0;
    return -ENETUNREACH;
  leavePortOpen(socket.number);
  // protects: G6 connections leave from the source address => return 0;
  return bindTo(socket.number, encodeSockaddr(endpointOf(source, 0, family)));
}

// The mark of a connection (`via.mark`).

/** Marks a socket before it connects, if the plugin's connections have a mark. @returns 0, or minus errno */
export function markSocket(
  { orders }: Pick<Services, 'orders'>,
  { name, upstream }: Pick<Plugin, 'name' | 'upstream'>,
  socket: OwnedFd,
): NowOrLater<number> {
  return upstream.mark === undefined ? 0 : orders.mark(name, upstream.mark, socket);
}

// The limit bytes_per_second of a connection. The plugin cannot change it: its filter refuses SO_MAX_PACING_RATE.

/** Sets the limit before the socket connects. @returns 0, or minus errno */
export function paceSocket({ limits: { bytesPerSecond } }: Pick<Plugin, 'limits'>, socket: OwnedFd): number {
  return bytesPerSecond === undefined ? 0 : paceSending(socket.number, bytesPerSecond);
}
