// The measured program in Node, the same inside a sandbox and outside: like c/connects.c. It uses no module but Node's, and the client library
// that its argument names, so a copy of it runs anywhere.
//
// client IP PORTS [LIBRARY]
import { once } from 'node:events';
import { connect as connectDirect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const [, , host = '', ports = '', library] = process.argv;
const [first = 0, last = first] = ports.split('-').map(Number);
let port = first;

type Connect = (to: { readonly host: string; readonly port: number }) => Promise<Socket>;

const connect: Connect =
  library === undefined
    ? async (destination) => {
        const socket = connectDirect(destination);
        await once(socket, 'connect');
        return socket;
      }
    : ((await import(library)) as { connect: Connect }).connect;

/** Microseconds of each of `count` connects, `abreast` at a time. */
async function connects(count: number, abreast: number): Promise<{ micros: number[]; seconds: number }> {
  const micros: number[] = [];
  const destination = { host, port };
  port = port < last ? port + 1 : first;
  const began = process.hrtime.bigint();
  await Promise.all(
    Array.from({ length: abreast }, async () => {
      for (let left = Math.floor(count / abreast); left > 0; left -= 1) {
        const start = process.hrtime.bigint();
        const socket = await connect(destination);
        micros.push(Number(process.hrtime.bigint() - start) / 1000);
        socket.destroy();
      }
    }),
  );
  return { micros, seconds: Number(process.hrtime.bigint() - began) / 1e9 };
}

console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const [, count, abreast] = line.split(' ').map(Number);
  console.log(JSON.stringify(await connects(count ?? 0, abreast ?? 1)));
}
process.exit(0);
