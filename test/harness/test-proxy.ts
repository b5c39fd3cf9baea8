// A proxy of the host, HTTP CONNECT or SOCKS5, that notes what it was asked for and leads every tunnel to one listener.
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { SelfVisits } from './listener.js';

export interface ProxyOptions {
  readonly kind: 'http' | 'socks5';
  /** Where every tunnel leads: a port of 127.0.0.1. */
  readonly to: number;
  /** USER:PASSWORD that it demands. */
  readonly credentials?: string;
  /** Before its last answer. */
  readonly delayMs?: number;
  /** Sent right behind its last answer, in the same write. */
  readonly surplus?: string;
  readonly host?: string;
}

export interface TestProxy {
  readonly port: number;
  /** HOST:PORT of each tunnel that was asked for. */
  readonly asked: string[];
  /** What the clients sent before their tunnels were open, as latin1. */
  readonly heard: () => string;
  readonly connections: () => number;
  /** As a Listener of listener.ts counts them. */
  readonly allConnections: () => Promise<number>;
  readonly close: () => Promise<void>;
}

export async function startProxy(options: ProxyOptions): Promise<TestProxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  let heard = '';
  let connections = 0;
  const visits = new SelfVisits();
  const host = options.host ?? '127.0.0.1';
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    if (visits.isOne(socket)) return;
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
    const reader = new Reader(socket, (text) => {
      heard += text;
    });
    const talk = options.kind === 'http' ? serveHttp : serveSocks;
    talk(reader, socket, options, asked).catch(() => socket.destroy());
  });
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('Not listening');
  const { port } = address;
  return {
    port,
    asked,
    heard: () => heard,
    connections: () => connections,
    allConnections: async () => {
      await visits.make(port, host);
      return connections;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** Takes exact parts of what comes; the rest is the tunnel's. */
class Reader {
  readonly #socket: Socket;
  readonly #note: (text: string) => void;

  constructor(socket: Socket, note: (text: string) => void) {
    this.#socket = socket;
    this.#note = note;
  }

  async bytes(count: number): Promise<Buffer> {
    for (;;) {
      const chunk = this.#socket.read(count) as Buffer | null;
      if (chunk !== null && chunk.length === count) {
        this.#note(chunk.toString('latin1'));
        return chunk;
      }
      if (chunk !== null) throw new Error('The client has ended');
      await once(this.#socket, 'readable');
      if (this.#socket.readableEnded) throw new Error('The client has ended');
    }
  }

  async head(): Promise<string> {
    let text = '';
    while (!text.endsWith('\r\n\r\n')) text += (await this.bytes(1)).toString('latin1');
    return text;
  }
}

async function serveHttp(
  reader: Reader,
  socket: Socket,
  options: ProxyOptions,
  asked: string[],
): Promise<void> {
  const head = await reader.head();
  const [, place = ''] = /^CONNECT (\S+) HTTP\/1\.1\r\n/.exec(head) ?? [];
  const [, pair = ''] = /\r\nProxy-Authorization: Basic (\S+)\r\n/.exec(head) ?? [];
  if (options.credentials !== undefined && Buffer.from(pair, 'base64').toString() !== options.credentials) {
    socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
    return;
  }
  asked.push(place);
  await open(socket, options, Buffer.from('HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n'));
}

async function serveSocks(
  reader: Reader,
  socket: Socket,
  options: ProxyOptions,
  asked: string[],
): Promise<void> {
  const [, count = 0] = await reader.bytes(2);
  const methods = [...(await reader.bytes(count))];
  const method = options.credentials === undefined ? 0 : 2;
  if (!methods.includes(method)) {
    socket.end(Buffer.from([5, 0xff]));
    return;
  }
  socket.write(Buffer.from([5, method]));
  if (options.credentials !== undefined) {
    const [, length = 0] = await reader.bytes(2);
    const user = (await reader.bytes(length)).toString();
    const [passwordLength = 0] = await reader.bytes(1);
    const right = `${user}:${await reader.bytes(passwordLength)}` === options.credentials;
    socket.write(Buffer.from([1, right ? 0 : 1]));
    if (!right) {
      socket.end();
      return;
    }
  }
  const [, , , type = 0] = await reader.bytes(4);
  const length = type === 1 ? 4 : type === 4 ? 16 : ((await reader.bytes(1))[0] ?? 0);
  const address = await reader.bytes(length);
  const host =
    type === 3 ? address.toString('latin1') : type === 1 ? address.join('.') : address.toString('hex');
  asked.push(`${host}:${(await reader.bytes(2)).readUInt16BE(0)}`);
  await open(socket, options, Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
}

async function open(
  socket: Socket,
  { to, delayMs = 0, surplus = '' }: ProxyOptions,
  answer: Buffer,
): Promise<void> {
  const peer = connect({ port: to, host: '127.0.0.1', allowHalfOpen: true });
  await once(peer, 'connect');
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  socket.write(Buffer.concat([answer, Buffer.from(surplus)]));
  peer.on('error', () => socket.destroy()).on('close', () => socket.end());
  socket.on('close', () => peer.destroy());
  socket.pipe(peer).pipe(socket);
}
