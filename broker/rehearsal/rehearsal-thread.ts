// The thread whose connects a fresh broker rehearses with, see rehearsal.ts. Its filter is its own: no other thread of the broker has it. Runs in the
// broker. Threads share a descriptor table, and the main thread owns the listener.
import { parentPort } from 'node:worker_threads';
import { tellLoaded } from '../../shared/native-thread.js';
import { acceptConnection } from '../../shared/sys/datagram.js';
import { loadNotifyingProgram } from '../../shared/sys/filter-program.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { setNoNewPrivileges } from '../../shared/sys/process-control.js';
import { AF_INET } from '../../shared/sys/sockaddr.js';
import { connect, socket } from '../../shared/sys/socket-calls.js';
import { SO_LINGER, SOCK_CLOEXEC, SOCK_STREAM, SOL_SOCKET } from '../../shared/sys/socket-constants.js';
import { writeOption } from '../../shared/sys/socket-option.js';
import type { RehearsalOrder, RehearsalReport } from './rehearsal.js';

/** struct linger: on, 0 seconds. close(2) then resets the connection, and leaves no port behind (TIME_WAIT). */
const RESET = new Uint8Array(new Int32Array([1, 0]).buffer);

function carryOut(order: RehearsalOrder): RehearsalReport {
  if (order.kind === 'load') {
    setNoNewPrivileges();
    return { kind: 'loaded', listener: loadNotifyingProgram(order.program).release() };
  }
  let connects = 0;
  while (connects < order.connects && connectOnce(order.server, order.address)) connects += 1;
  return { kind: 'done', connects };
}

/** Waits until the main thread has answered. @returns whether it is connected */
function connectOnce(server: number, address: Uint8Array): boolean {
  const fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  using _own = new OwnedFd(fd);
  if (connect(fd, address, address.length) !== 0) return false;
  const accepted = acceptConnection(server);
  if (typeof accepted === 'number') return false;
  writeOption(accepted.number, SOL_SOCKET, SO_LINGER, RESET);
  accepted.close();
  return true;
}

parentPort?.on('message', (order: RehearsalOrder) => parentPort?.postMessage(carryOut(order)));
tellLoaded();
