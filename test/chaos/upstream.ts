// The server of a chaos run: takes a length and that many bytes, and answers with their SHA-256. It counts its connections.
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { type Listener, listen } from '../harness/listener.js';

export function startUpstream(): Promise<Listener> {
  return listen(serve);
}

function serve(socket: Socket): void {
  let head = '';
  let left: number | undefined;
  const hash = createHash('sha256');
  socket.on('data', (bytes: Buffer) => {
    let body = bytes;
    if (left === undefined) {
      head += bytes.toString('latin1');
      const end = head.indexOf('\n');
      if (end < 0) return;
      left = Number(head.slice(0, end));
      body = Buffer.from(head.slice(end + 1), 'latin1');
    }
    hash.update(body);
    left -= body.length;
    if (left <= 0) socket.end(`${hash.digest('hex')}\n`);
  });
}
