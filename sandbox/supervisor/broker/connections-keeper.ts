// Keeps the memory in which the broker notes the open connections of each plugin, and the kernel's reports of ended ones, so that the next broker
// goes on with both. Runs in the supervisor, which reads neither.
import { limitsBySockDiag } from '../../../shared/config/limit-forms.js';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import { CONNECTIONS_MEMORY_BYTES } from '../../../shared/limits.js';
import type { ConnectionsPacket } from '../../../shared/protocol/link.js';
import { SystemError } from '../../../shared/sys/libc.js';
import { createMemoryFile } from '../../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { openEndedSockets, SocketDiag } from '../../../shared/sys/socket-diag.js';

export interface KeptConnections {
  readonly packet: ConnectionsPacket;
  readonly memory: OwnedFd;
}

export class ConnectionsKeeper {
  readonly #kept = new Map<string, KeptConnections>();
  /** The kernel's reports. Undefined if it makes none. */
  readonly reports: OwnedFd | undefined = openReports();

  /** @returns what a running broker needs to know; undefined if it knows it, or if nothing is kept */
  keep(plugin: string): KeptConnections | undefined {
    if (this.reports === undefined || this.#kept.has(plugin)) return undefined;
    const memory = createMemoryFile('postern-connections', CONNECTIONS_MEMORY_BYTES);
    const kept: KeptConnections = { packet: { type: 'connections', plugin }, memory };
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

  close(): void {
    for (const plugin of [...this.#kept.keys()]) this.drop(plugin);
    this.reports?.close();
  }
}

function openReports(): OwnedFd | undefined {
  try {
    new SocketDiag().close();
    return openEndedSockets();
  } catch (error) {
    if (error instanceof SystemError) return undefined;
    throw error;
  }
}

/** @throws PosternError `no_sock_diag` where a plugin has a limit that needs it, and the kernel does not have it */
export function requireCounting(plugins: readonly PluginConfig[]): void {
  const limited = plugins.find(({ limits }) => limitsBySockDiag(limits).length > 0);
  if (limited === undefined) return;
  try {
    new SocketDiag().close();
  } catch (error) {
    const keys = limitsBySockDiag(limited.limits)
      .map((name) => `limits.${name}`)
      .join(', ');
    throw new PosternError(
      'no_sock_diag',
      `Cannot limit connections of "${limited.name}" (${keys}): ${(error as Error).message}`,
      { fix: 'load the kernel modules inet_diag and tcp_diag, or remove these limits' },
    );
  }
}
