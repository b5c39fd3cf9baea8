// The last step of a connect: reply and socket leave together. Runs in the broker.
import { andFinally, andThen, type NowOrLater } from '../../shared/now-or-later.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Requester } from './requester.js';

/**
 * Hands a connected socket to the plugin. The broker closes its copy in any case, or the peer would never see a FIN.
 *
 * @param socket connected to the peer that was decided
 * @returns whether the plugin has it
 */
export function handOver(requester: Requester, id: number, socket: OwnedFd): NowOrLater<boolean> {
  return andFinally(
    () =>
      andThen(requester.answer({ id, ok: true }, socket), (left) => {
        if (left) requester.plugin.metrics.count('socketsPassed', { door: 'channel' });
        else if (requester.open) refuseDescriptor(requester, id);
        return left;
      }),
    () => socket.close(),
  );
}

/** Plugins do not receive their descriptors. The kernel counts those in flight by uid, and takes no more (ETOOMANYREFS). */
function refuseDescriptor(requester: Requester, id: number): void {
  requester.plugin.metrics.count('limitRejections', { limit: 'descriptors' });
  void requester.answer({
    id,
    ok: false,
    errno: 'EAGAIN',
    reason: 'concurrency_limited',
    message: 'Too many connections wait to be received',
  });
}
