// connect(2) on a UDP or ICMP socket: inside the sandbox it is done, to the outside it is refused. Runs in the broker.
import { constants } from 'node:os';
import { isSandboxAddress } from '../../shared/policy/sandbox-address.js';
import { connectAtOnce } from '../../shared/sys/socket-state.js';
import { readSockaddr } from '../caller/read-sockaddr.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import { DNS_PORT, noteAsker } from './note-asker.js';
import { refuseForeign } from './refuse-foreign.js';
import type { TrapContext } from './trap-context.js';
import type { TrappedSocket } from './trapped-socket.js';

const { EACCES } = constants.errno;

/** getaddrinfo(3) probes each address like this to sort them. So refusals are counted, and logged in aggregate. */
export function connectDatagram(
  context: TrapContext,
  call: TrappedCall,
  { descriptor, own }: TrappedSocket,
  raw: Uint8Array,
): void {
  const address = readSockaddr(raw);
  const outside =
    /* protects: G3 UDP to the outside is refused => false */ address.kind === 'inet' &&
    !isSandboxAddress(address.address);
  if (own && !outside) {
    const result = connectAtOnce(descriptor.number, raw);
    if (result === 0 && address.kind === 'inet' && address.port === DNS_PORT)
      noteAsker(context, call, descriptor, 'udp');
    call.end(result, 'own');
    return;
  }
  if (!own) refuseForeign(context, call, address);
  else {
    context.refusals.note('datagram', 'connect', address, () => context.origins.of(call.tid));
    call.end(-EACCES, 'refused');
  }
}
