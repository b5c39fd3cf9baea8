// The measured program in Node, the same inside a sandbox and outside: it connects by the channel if its argument says so, else by
// itself. It takes commands as lines on stdin, and answers with JSON lines on stdout.
import { once } from 'node:events';
import { connect as connectDirect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { connect as connectByChannel } from 'postern/plugin';

const byChannel = process.argv[3] === 'channel';
const port = Number(process.argv[2]);

async function open(): Promise<Socket> {
  if (byChannel) return connectByChannel({ host: '127.0.0.1', port });
  const socket = connectDirect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

/** Microseconds of each of `count` connects, `abreast` at a time. */
async function connects(count: number, abreast: number): Promise<{ micros: number[]; seconds: number }> {
  const micros: number[] = [];
  const began = process.hrtime.bigint();
  await Promise.all(
    Array.from({ length: abreast }, async () => {
      for (let left = count / abreast; left > 0; left -= 1) {
        const start = process.hrtime.bigint();
        const socket = await open();
        micros.push(Number(process.hrtime.bigint() - start) / 1000);
        socket.destroy();
      }
    }),
  );
  return { micros, seconds: Number(process.hrtime.bigint() - began) / 1e9 };
}

/** Seconds to receive that many bytes over one socket. */
async function bulk(bytes: number): Promise<number> {
  const socket = await open();
  const start = process.hrtime.bigint();
  socket.write(`${bytes}\n`);
  let left = bytes;
  socket.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left <= 0) socket.destroy();
  });
  await once(socket, 'close');
  if (left !== 0) throw new Error(`${left} bytes are missing`);
  return Number(process.hrtime.bigint() - start) / 1e9;
}

for await (const line of createInterface({ input: process.stdin })) {
  const [word, a = '0', b = '1'] = line.split(' ');
  if (word === 'connects') console.log(JSON.stringify(await connects(Number(a), Number(b))));
  else if (word === 'bulk') console.log(JSON.stringify({ seconds: await bulk(Number(a)) }));
  else break;
}
process.exit(0);
