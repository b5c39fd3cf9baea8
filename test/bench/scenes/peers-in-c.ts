// The peers of connects: the same client in C goes through each of them to the same upstream.
import { join } from 'node:path';
import { LineProgram } from '../line-program.js';
import type { Bench } from '../measure.js';
import type { Opened, Part } from '../open-scene.js';
import { installed, NOT_INSTALLED } from '../peers/installed.js';
import { NAMESPACE_PEERS } from '../peers/namespace-peers.js';
import { PROXIES, startProxy } from '../peers/proxies.js';
import type { Service } from '../peers/service.js';
import type { Use } from './clients.js';
import type { Upstream } from './upstream.js';

export function peersInC({ programs }: Bench, upstream: Upstream, use: Use): Part[] {
  const client = (host: string): string[] => [join(programs, 'connects'), host, upstream.port];
  const proxies = PROXIES.map((proxy): Part => {
    const open = async (): Promise<Opened | string> => {
      const path = installed(proxy.program);
      if (path === undefined) return NOT_INSTALLED;
      const { service, port } = await startProxy(proxy, path, programs);
      const words = [...client('127.0.0.1'), proxy.protocol, String(port)];
      return behind(service, upstream, use, async () => new LineProgram(words));
    };
    return { name: proxy.name, role: 'peer', open };
  });
  const namespaces = NAMESPACE_PEERS.map((peer): Part => {
    const open = async (): Promise<Opened | string> => {
      const path = installed(peer.program);
      if (path === undefined) return NOT_INSTALLED;
      const { client: started, service } = await peer.start(path, client(peer.address));
      return behind(service, upstream, use, async () => started);
    };
    return { name: peer.name, role: 'peer', open };
  });
  return [...proxies, ...namespaces];
}

/** One connect shows that the peer works, before it counts. */
async function behind(
  service: Service | undefined,
  upstream: Upstream,
  use: Use,
  start: () => Promise<LineProgram>,
): Promise<Opened> {
  const client = await start();
  const close = async (): Promise<void> => {
    await client.end();
    await service?.end();
  };
  // A way out that does not work may let the client wait for ever.
  const timer = setTimeout(() => client.kill(), FIRST_MS);
  try {
    await client.line();
    await client.ask('connects 1 1');
    clearTimeout(timer);
    return { ...(await use(async () => client, upstream)), close };
  } catch (error) {
    clearTimeout(timer);
    client.kill();
    await close();
    throw error;
  }
}

const FIRST_MS = 15_000;
