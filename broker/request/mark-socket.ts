// The mark of a connection (`via.mark`). Runs in the broker.
import type { NowOrLater } from '../../shared/now-or-later.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Plugin } from './plugin.js';
import type { Services } from './services.js';

/** Marks a socket before it connects, if the plugin's connections have a mark. @returns 0, or minus errno */
export function markSocket(
  { marker }: Pick<Services, 'marker'>,
  { name, upstream }: Pick<Plugin, 'name' | 'upstream'>,
  socket: OwnedFd,
): NowOrLater<number> {
  return upstream.mark === undefined ? 0 : marker.mark(name, upstream.mark, socket);
}
