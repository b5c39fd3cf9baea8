// Keeps the memory in which the broker notes the open connections of limited plugins, so that the next broker counts on.
// Runs in the supervisor, which does not read it.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import type { ConnectionsPacket } from '../../../shared/protocol/link.js';
import { createMemoryFile } from '../../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { SOCKET_ID_BYTES, SocketDiag } from '../../../shared/sys/socket-diag.js';

export interface KeptConnections {
  readonly packet: ConnectionsPacket;
  readonly memory: OwnedFd;
}

export class ConnectionsKeeper {
  readonly #kept = new Map<string, KeptConnections>();

  /** @param limit undefined where the plugin's connections are not limited */
  keep(plugin: string, limit: number | undefined): KeptConnections | undefined {
    this.drop(plugin);
    if (limit === undefined) return undefined;
    const memory = createMemoryFile('postern-connections', limit * SOCKET_ID_BYTES);
    const kept: KeptConnections = { packet: { type: 'connections', plugin, limit }, memory };
    this.#kept.set(plugin, kept);
    return kept;
  }

  all(): readonly KeptConnections[] {
    return [...this.#kept.values()];
  }

  drop(plugin: string): void {
    this.#kept.get(plugin)?.memory.close();
    this.#kept.delete(plugin);
  }
}

/** @throws PosternError `no_sock_diag` where a plugin has the limit and the kernel cannot count connections */
export function requireCounting(plugins: readonly PluginConfig[]): void {
  const limited = plugins.find(({ limits }) => limits.connections !== undefined);
  if (limited === undefined) return;
  try {
    new SocketDiag().close();
  } catch (error) {
    throw new PosternError(
      'no_sock_diag',
      `Cannot limit connections of "${limited.name}": ${(error as Error).message}`,
      { fix: 'load the kernel modules inet_diag and tcp_diag, or remove limits.connections' },
    );
  }
}
