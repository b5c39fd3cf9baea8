// The thread whose connects a fresh broker rehearses with, see rehearsal.ts. Its filter is its own: no other thread of the broker has it. Runs in the
// broker. Threads share a descriptor table, and the main thread owns the listener and the server's socket.
import { parentPort } from 'node:worker_threads';
import { tellLoaded } from '../../shared/native-thread.js';
import { acceptConnection } from '../../shared/sys/datagram.js';
import { loadNotifyingProgram } from '../../shared/sys/filter-program.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { setNoNewPrivileges } from '../../shared/sys/process-control.js';
import { AF_INET } from '../../shared/sys/sockaddr.js';
import {
  connect,
  SO_LINGER,
  SOCK_CLOEXEC,
  SOCK_STREAM,
  SOL_SOCKET,
  socket,
  writeOption,
} from '../../shared/sys/socket.js';
import type { RehearsalOrder, RehearsalReport } from './rehearsal.js';

/** struct linger: on, 0 seconds. close(2) then resets the connection, and leaves no port behind (TIME_WAIT). */
const RESET = new Uint8Array(new Int32Array([1, 0]).buffer);

/** struct timeval: a connect that takes a second ends the rehearsal. Somebody else may have filled the server's queue. */
const LONGEST_CONNECT = new Uint8Array(new BigInt64Array([1n, 0n]).buffer);
const SO_SNDTIMEO = 21;

function carryOut(order: RehearsalOrder): RehearsalReport {
  if (order.kind === 'load') {
    setNoNewPrivileges();
    return { kind: 'loaded', listener: loadNotifyingProgram(order.program).release() };
  }
  let connects = 0;
  while (connects < order.connects && connectOnce(order.address)) {
    connects += 1;
    resetAll(order.server);
  }
  return { kind: 'done', connects };
}

/** Waits until the main thread has answered, or does not listen any more. @returns whether it was connected */
function connectOnce(address: Uint8Array): boolean {
  const fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  using _own = new OwnedFd(fd);
  writeOption(fd, SOL_SOCKET, SO_SNDTIMEO, LONGEST_CONNECT);
  return connect(fd, address, address.length) === 0;
}

/** Also what others have connected to the port. */
function resetAll(server: number): void {
  for (;;) {
    const accepted = acceptConnection(server);
    if (typeof accepted === 'number') return;
    writeOption(accepted.number, SOL_SOCKET, SO_LINGER, RESET);
    accepted.close();
  }
}

parentPort?.on('message', (order: RehearsalOrder) => parentPort?.postMessage(carryOut(order)));
tellLoaded();
