// The bench's peer, a process apart: accepts, and sends as many bytes as a line asks for.
import { createServer } from 'node:net';

const BLOCK = Buffer.alloc(256 * 1024);

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy());
  socket.once('data', (text: Buffer) => {
    let left = Number(text.toString());
    const send = (): void => {
      while (left > 0) {
        const size = Math.min(left, BLOCK.length);
        left -= size;
        if (!socket.write(size === BLOCK.length ? BLOCK : BLOCK.subarray(0, size)))
          return void socket.once('drain', send);
      }
      socket.end();
    };
    send();
  });
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const address = server.address();
  console.log(typeof address === 'object' && address !== null ? address.port : 0);
});
