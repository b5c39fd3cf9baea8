// ioctl(2) that reads the interfaces of a socket's network namespace: if_nametoindex(3), Java's NetworkInterface. The kernel never executes
// the plugin's own call: another thread could swap in a socket of the host meanwhile, and the answer would name the host's interfaces. Runs in
// the broker, which asks on its duplicate. The supervisor writes the answer into the caller's memory.
import { constants } from 'node:os';
import { listInterfaces, readInterface, SIOCGIFCONF } from '../../shared/sys/interface-requests.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import type { TrapContext } from './trap-context.js';
import type { TrappedSocket } from './trapped-socket.js';
import { writeAnswer } from './write-answer.js';

const { EPERM } = constants.errno;

/** @param memory a copy of the struct that the call passed */
export function answerInterfaces(
  context: TrapContext,
  call: TrappedCall,
  { descriptor, own }: TrappedSocket,
  memory: Uint8Array,
): void {
  // protects: G3 a socket of the host tells no interfaces
  if (!own) {
    call.end(-EPERM, 'refused');
    return;
  }
  const answer = /* protects: G3 interfaces are those of the socket that was taken (own code) */ ask(
    descriptor.number,
    call.notification.ints[1],
    memory,
  );
  if (typeof answer === 'number') {
    call.end(answer, 'own');
    return;
  }
  writeAnswer(context, call, answer, (result) => call.end(result, result === -EPERM ? 'refused' : 'own'));
}

function ask(fd: number, request: number, memory: Uint8Array): Uint8Array | number {
  if (request === SIOCGIFCONF) return listInterfaces(fd);
  const result = readInterface(fd, request, memory);
  return result < 0 ? result : memory;
}
