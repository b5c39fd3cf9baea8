// Puts a connection in the place of the caller's own socket, and ends the call. Runs in the broker. The caller's thread does the placing in
// the kernel; for a slow plugin the slow lane waits for that thread.
import { constants } from 'node:os';
import type { NowOrLater } from '../../shared/now-or-later.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { placeAndClose, placeSocket } from '../caller/place-socket.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import type { TrapContext } from './trap-context.js';

const { EAGAIN } = constants.errno;

/**
 * @param result what the call returns once the socket is in place
 * @param original a duplicate of the caller's own socket. It may be closed here, if it is not connected; undefined: it is kept
 * @returns whether the plugin has it
 */
export function placeConnection(
  { services: { guard, slowLane }, plugin, processes, lastHolder, resets }: TrapContext,
  call: TrappedCall,
  socket: OwnedFd,
  result: number,
  original?: OwnedFd,
): NowOrLater<boolean> {
  // protects: G11 what may not be done twice is not begun anew
  call.begin();
  const placement = call.placement(socket);
  // protects: G22 quota: a reset that a program asked for before it connected is the broker's too => const wantsReset = false;
  const wantsReset = resets.takeOver(socket);
  const end = (placed: number): boolean => {
    if (placed >= 0 && wantsReset) resets.keep(call, socket);
    call.end(placed < 0 ? placed : result, placed < 0 ? 'error' : 'brokered');
    if (placed >= 0) plugin.metrics.count('socketsPassed', { door: 'trap' });
    return placed >= 0;
  };
  plugin.stall.caller = call.tid;
  // Without a descriptor for the alarm nothing could end a step that waits.
  if (plugin.stall.slow)
    // protects: G9 without a descriptor for the slow lane, a connect is EAGAIN => return slowLane .place(plugin.stall, placement) .then(end);
    return slowLane
      .place(plugin.stall, placement)
      .catch(() => -EAGAIN)
      .then(end);
  return end(
    guard.watch(plugin.stall, () =>
      original === undefined || lastHolder === undefined
        ? placeSocket(processes, placement)
        : placeAndClose(processes, placement, original, lastHolder),
    ),
  );
}
