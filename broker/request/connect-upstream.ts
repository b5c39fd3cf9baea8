// Connects to what was decided, the way that the plugin's connections leave this host: straight, or by a proxy. Runs in the broker.
import { andThen, type NowOrLater } from '../../shared/now-or-later.js';
import type { RequestLife } from '../limit/request-life.js';
import { proxyText } from '../upstream/upstream.js';
import { bindSource } from './bind-source.js';
import { type Connection, connect, type SocketForm } from './connect.js';
import { connectByProxy } from './connect-by-proxy.js';
import type { Judgement } from './judgement.js';
import { markSocket } from './mark-socket.js';
import { paceSocket } from './pace-socket.js';
import type { Plugin } from './plugin.js';
import { proxyTargets } from './proxy-targets.js';
import type { Services } from './services.js';

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
    passage: { via: proxyText(proxy), tunnel: asked },
  }));
}
