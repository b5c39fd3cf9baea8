// The peers of connects: the same client in C goes through each of them to the same upstream.
import { join } from 'node:path';
import { LineProgram } from '../line-program.js';
import type { Bench } from '../measure.js';
import type { Opened, Part } from '../open-scene.js';
import { installed, NOT_INSTALLED } from '../peers/installed.js';
import { type InNamespace, NAMESPACE_PEERS } from '../peers/namespace-peers.js';
import { PROXIES, startProxy } from '../peers/proxies.js';
import type { Service } from '../peers/service.js';
import type { StartClient, Use } from './clients.js';
import type { Upstream } from './upstream.js';

export function peersInC({ programs }: Bench, upstream: Upstream, use: Use): Part[] {
  const client = (host: string): string[] => [join(programs, 'connects'), host, upstream.ports];
  const proxies = PROXIES.map((proxy): Part => {
    const open = async (): Promise<Opened | string> => {
      const path = installed(proxy.program);
      if (path === undefined) return NOT_INSTALLED;
      const { service, port } = await startProxy(proxy, path, programs);
      const words = [...client('127.0.0.1'), proxy.protocol, String(port)];
      return behind(upstream, use, async () => ({ client: new LineProgram(words) }), service);
    };
    return { name: proxy.name, role: 'peer', open };
  });
  const namespaces = NAMESPACE_PEERS.map((peer): Part => {
    const open = async (): Promise<Opened | string> => {
      const path = installed(peer.program);
      if (path === undefined) return NOT_INSTALLED;
      return behind(upstream, use, () => peer.start(path, client(peer.address)));
    };
    return { name: peer.name, role: 'peer', open };
  });
  return [...proxies, ...namespaces];
}

/**
 * One connect shows that the peer works, before it counts.
 *
 * @param startOne starts a client, with what serves it alone
 * @param service what serves all clients
 */
async function behind(
  upstream: Upstream,
  use: Use,
  startOne: () => Promise<InNamespace>,
  service?: Service,
): Promise<Opened> {
  const services = service === undefined ? [] : [service];
  const end = async (): Promise<void> => {
    for (const one of services) await one.end();
  };
  const start: StartClient = async () => {
    const { client, service: own } = await startOne();
    if (own !== undefined) services.push(own);
    // A way out that does not work may let the client wait for ever.
    const timer = setTimeout(() => client.kill(), FIRST_MS);
    try {
      await client.line();
      await client.ask('connects 1 1');
      return client;
    } catch (error) {
      client.kill();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  };
  try {
    const opened = await use(start, upstream);
    return { ...opened, close: () => opened.close().then(end) };
  } catch (error) {
    await end();
    throw error;
  }
}

const FIRST_MS = 15_000;
