// A trapped connect(2) to a socket of the host: a rule decides, the broker connects a socket of its own, and that takes the place of the
// plugin's. Runs in the broker.
import { constants } from 'node:os';
import { CONNECT_TIMEOUT_MS } from '../../shared/limits.js';
import { isNonBlocking, setNonBlocking } from '../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { socketKind } from '../../shared/sys/socket.js';
import { SOCK_SEQPACKET } from '../../shared/sys/socket-constants.js';
import { sendTimeout } from '../../shared/sys/socket-state.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import { RequestLife } from '../limit/request-life.js';
import { connectHostSocket } from '../request/connect-host-socket.js';
import { carryUnixOptions } from './carry-over.js';
import { placeConnection } from './place-connection.js';
import type { TrapContext } from './trap-context.js';
import { interruptedResult } from './waiting-calls.js';

const { EACCES, EAGAIN, ECONNABORTED } = constants.errno;

/**
 * Ends the call. Never rejects.
 *
 * @param original a duplicate of the plugin's socket, closed here
 * @param path absolute, as the plugin wrote it
 */
export async function placeHostSocket(
  context: TrapContext,
  call: TrappedCall,
  original: OwnedFd,
  path: string | Uint8Array,
): Promise<void> {
  const { services, plugin, origins, waiting } = context;
  const life = new RequestLife(CONNECT_TIMEOUT_MS);
  const origin = origins.of(call.tid);
  const blocking = !isNonBlocking(original.number);
  const limited = blocking && sendTimeout(original.number) > 0;
  const type = socketKind(original.number)?.type === SOCK_SEQPACKET ? 'seqpacket' : 'stream';
  waiting.add(call, (why) => {
    call.end(why === 'gone' ? -ECONNABORTED : interruptedResult(why, limited), 'error');
    life.end('canceled');
  });
  const made = await connectHostSocket(services, plugin, { path, type, origin, life });
  waiting.remove(call);
  if (typeof made === 'number') {
    const refused = made === -EACCES || made === -EAGAIN;
    call.end(made, refused ? 'refused' : 'brokered');
  } else {
    carryUnixOptions(original.number, made.number);
    if (blocking) setNonBlocking(made.number, false);
    await placeConnection(context, call, made, 0);
    made.close();
  }
  services.guard.watch(plugin.stall, () => original.close());
}
