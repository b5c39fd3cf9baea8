// The client of the gateway's measure, the same inside a sandbox and outside. It uses no module but Node's, so a copy of it runs anywhere. Prints one line
// of JSON: p50 and p99 of requests one at a time in microseconds, seconds of many at once, and seconds of a large body.
//
// https-client HOST PORT ADDRESS REQUESTS ABREAST BYTES [AUTHORIZATION]
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';

const [, , host = '', port = '', address = '', requests = '', abreast = '', bytes = '', authorization] =
  process.argv;
const count = Number(requests);
const agent = new Agent({ keepAlive: true, maxSockets: Number(abreast) });
const headers = { host: `${host}:${port}`, ...(authorization === undefined ? {} : { authorization }) };

/** @throws Error unless the whole body comes, and as the server sends it */
async function get(path: string, length: number): Promise<void> {
  const sent = request({ host: address, port, servername: host, path, headers, agent });
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  let received = 0;
  answer.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  await once(answer, 'end');
  if (answer.statusCode !== 200 || received !== length)
    throw new Error(`${path}: status ${answer.statusCode}, ${received} bytes`);
}

const small = (): Promise<void> => get('/small', 2);

/** So many, by that many at once. */
async function getAll(workers: number): Promise<readonly number[]> {
  const micros: number[] = [];
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (let left = Math.floor(count / workers); left > 0; left -= 1) {
        const began = performance.now();
        await small();
        micros.push((performance.now() - began) * 1_000);
      }
    }),
  );
  return micros;
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1_000;
}

// Warm: connections are open, and code is compiled.
await getAll(Number(abreast));
const micros = (await getAll(1)).toSorted((one, other) => one - other);
const [p50, p99] = [0.5, 0.99].map((share) => micros[Math.floor(share * micros.length)]);
const together = await secondsOf(() => getAll(Number(abreast)));
const bulk = await secondsOf(() => get(`/bulk?${bytes}`, Number(bytes)));
console.log(JSON.stringify({ p50, p99, together, bulk }));
process.exit(0);
