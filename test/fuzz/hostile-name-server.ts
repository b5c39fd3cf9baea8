// A DNS server that lies: each question gets the test's datagram, and then a true answer, so that a refused lie costs no time. By TCP it
// only tells the truth.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

export const TRUTH = { 4: '192.31.196.1', 6: '2001:4:112::1' } as const;

export interface HostileNameServer {
  readonly address: string;
  /** Makes the lie for the next questions from the question. */
  lie: (query: Buffer) => Buffer;
  readonly close: () => Promise<void>;
}

export async function startHostileNameServer(): Promise<HostileNameServer> {
  const { streams, datagrams, port } = await bindBoth();
  streams.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      if (chunk.length < 16) return;
      const answer = truth(chunk.subarray(2));
      socket.write(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer]));
    });
  });
  const server: HostileNameServer = {
    address: `127.0.0.1:${port}`,
    lie: truth,
    close: async () => {
      datagrams.close();
      await new Promise<void>((resolve) => streams.close(() => resolve()));
    },
  };
  datagrams.on('message', (query, from) => {
    const send = (datagram: Buffer): void => datagrams.send(datagram, from.port, from.address);
    send(server.lie(query));
    send(truth(query));
  });
  return server;
}

/** A port that is free in both protocols. */
async function bindBoth(): Promise<{ streams: Server; datagrams: Socket; port: number }> {
  for (;;) {
    const datagrams = createSocket('udp4');
    await new Promise<void>((resolve) => datagrams.bind(0, '127.0.0.1', resolve));
    const { port } = datagrams.address();
    const streams = createServer();
    try {
      await once(streams.listen(port, '127.0.0.1'), 'listening');
      return { streams, datagrams, port };
    } catch (error) {
      datagrams.close();
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

/** The question's bytes, which c-ares writes without compression. */
export function questionOf(query: Buffer): Buffer {
  let end = 12;
  for (let length = query[end] ?? 0; length > 0; length = query[end] ?? 0) end += 1 + length;
  return query.subarray(12, end + 5);
}

function truth(query: Buffer): Buffer {
  const question = questionOf(query);
  const six = question.readUInt16BE(question.length - 4) === 28;
  const data = six ? [0x20, 1, 0, 4, 1, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] : [192, 31, 196, 1];
  const record = [0xc0, 12, 0, six ? 28 : 1, 0, 1, 0, 0, 0, 60, 0, data.length, ...data];
  const header = Buffer.from([0, 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
  query.copy(header, 0, 0, 2);
  return Buffer.concat([header, question, Buffer.from(record)]);
}
