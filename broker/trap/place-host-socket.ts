// A trapped connect(2) to a socket of the host: a rule decides, the broker connects a socket of its own, and that takes the place of the
// plugin's. Runs in the broker.
import { constants } from 'node:os';
import { CONNECT_TIMEOUT_MS } from '../../shared/limits.js';
import { isNonBlocking, setNonBlocking } from '../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { socketKind } from '../../shared/sys/socket.js';
import { SOCK_SEQPACKET, SOL_SOCKET } from '../../shared/sys/socket-constants.js';
import { readOption, writeOption } from '../../shared/sys/socket-option.js';
import { sendTimeout } from '../../shared/sys/socket-state.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import { RequestLife } from '../limit/request-life.js';
import { connectHostSocket } from '../request/connect-host-socket.js';
import { placeConnection } from './place-connection.js';
import type { TrapContext } from './trap-context.js';
import { interruptedResult } from './waiting-calls.js';

const { EACCES, EAGAIN, ECONNABORTED } = constants.errno;
/** SO_PASSCRED, SO_RCVLOWAT, SO_RCVTIMEO_NEW, SO_SNDTIMEO_NEW, with their sizes: a program sets them before it connects. */
const CARRIED: readonly (readonly [name: number, bytes: number])[] = [
  [16, 4],
  [18, 4],
  [66, 16],
  [67, 16],
];

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
    carryOptions(original.number, made.number);
    if (blocking) setNonBlocking(made.number, false);
    await placeConnection(context, call, made, 0);
    made.close();
  }
  services.guard.watch(plugin.stall, () => original.close());
}

function carryOptions(from: number, to: number): void {
  for (const [name, bytes] of CARRIED) {
    const value = new Uint8Array(bytes);
    if (readOption(from, SOL_SOCKET, name, value) >= 0) writeOption(to, SOL_SOCKET, name, value);
  }
}
