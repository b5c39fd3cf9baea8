// A connection whose last close(2) waits, socket(7) SO_LINGER. A hostile program would make others close it.
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { writeOnce } from '../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { SOL_SOCKET, setOption, startConnect, tcpSocket } from '../../shared/sys/socket.js';
import { Watch, WRITABLE } from '../../shared/sys/uv-poll.js';
import { listen } from './listener.js';

const SO_LINGER = 13;
/** More bytes than a socket and its peer hold. */
const MUCH = new Uint8Array(65_536);

/**
 * @param test the peer ends with this test
 * @param seconds the last close waits this long for a peer that reads nothing
 */
export async function lingeringSocket(test: Pick<TestContext, 'after'>, seconds: number): Promise<OwnedFd> {
  const peer = await listen((accepted) => accepted.pause());
  test.after(() => peer.close());
  const socket = tcpSocket(4);
  if (typeof socket === 'number') throw new Error(`socket: errno ${-socket}`);
  startConnect(socket.number, { bytes: new Uint8Array([127, 0, 0, 1]), port: peer.port });
  await new Promise<void>((resolve) => {
    const watch = new Watch(socket.number, () => {
      watch.close();
      resolve();
    });
    watch.want(WRITABLE);
  });
  if (peer.connections() === 0) await once(peer.server, 'connection');
  while (writeOnce(socket.number, MUCH) > 0);
  setOption(socket.number, SOL_SOCKET, SO_LINGER, new Uint8Array(new Int32Array([1, seconds]).buffer));
  return socket;
}
