// Connects to a proxy, and asks it for a tunnel. Runs in the broker. The peer that is compared is the proxy (G6).
import { MAX_PROXY_TARGETS } from '../../shared/limits.js';
import { type Address, parseAddress } from '../../shared/policy/address.js';
import type { RequestLife } from '../limit/request-life.js';
import { beginHandshake } from '../upstream/begin-handshake.js';
import type { ProxyFailure, ProxyTarget } from '../upstream/handshake.js';
import { shakeHands } from '../upstream/shake-hands.js';
import type { UpstreamProxy } from '../upstream/upstream.js';
import { type Connection, connect, type SocketForm } from './connect.js';
import type { Plugin } from './plugin.js';
import type { Services } from './services.js';

/** A connection, and what the proxy was asked for last. */
export interface Tunnel {
  readonly connection: Connection;
  /** `api.example.com:443` */
  readonly asked: string;
}

/**
 * Asks for one target after the other, while the proxy cannot reach them.
 *
 * @param targets at least one
 * @param life of the request; it ends the attempts early
 */
export async function connectByProxy(
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
    const asked = placeOf(target);
    const connection = Array.isArray(addresses)
      ? await open(plugin, proxy, addresses, target, life, form)
      : failed(addresses as ProxyFailure, undefined);
    const goesOn = connection.outcome === 'unreachable' && index + 1 < tried.length;
    if (!goesOn) return { connection, asked };
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
