// Uses a socket that was handed over, as a program does.
import { Socket } from 'node:net';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';

/** Makes a stream of a received descriptor. */
export function openSocket(descriptor: OwnedFd | undefined): Socket {
  if (descriptor === undefined) throw new Error('No descriptor came');
  const socket = new Socket({ fd: descriptor.release(), readable: true, writable: true });
  socket.on('error', () => {});
  return socket;
}

/** All bytes from the peer until it ends. */
export async function readUntilEnd(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}
