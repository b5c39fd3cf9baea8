// A supervisor, and a broker that was taken over: it sends connections whose last close would wait for an hour. Prints what the supervisor comes to do.
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import { SentDescriptors } from '../../../sandbox/supervisor/orders/sent-descriptors.js';
import { duplicate } from '../../../shared/sys/fcntl.js';
import { sendMessage } from '../../../shared/sys/message.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import {
  nameForGood,
  packetSocketPair,
  SO_LINGER,
  SOL_SOCKET,
  setOption,
} from '../../../shared/sys/socket.js';

const AN_HOUR = new Uint8Array(new Int32Array([1, 3_600]).buffer);
const say = (word: string): void => void process.stdout.write(`${word}\n`);

const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;

/** A connection with a full queue, whose peer never reads. */
async function lingering(): Promise<OwnedFd> {
  const socket = createConnection(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.on('error', () => {});
  socket.write(Buffer.alloc(1 << 24));
  const { fd } = (socket as unknown as { readonly _handle: { readonly fd: number } })._handle;
  const taken = duplicate(fd);
  socket.destroy();
  await once(socket, 'close');
  setOption(taken.number, SOL_SOCKET, SO_LINGER, AN_HOUR);
  return taken;
}

function send(broker: OwnedFd, text: string, descriptors: readonly OwnedFd[]): void {
  sendMessage(
    broker.number,
    Buffer.from(text),
    descriptors.map(({ number }) => number),
  );
  for (const descriptor of descriptors) descriptor.close();
}

function start(take: (text: string) => void): { readonly broker: OwnedFd; readonly sent: SentDescriptors } {
  const [broker, supervisor] = packetSocketPair();
  nameForGood(broker.number);
  const sent = new SentDescriptors(supervisor, ({ payload, socket }) => {
    socket?.close();
    take(Buffer.from(payload).toString());
  });
  return { broker, sent };
}

const alive = setInterval(() => {}, 1_000);
const [one, two, three, four] = [await lingering(), await lingering(), await lingering(), await lingering()];
const unread = start(() => {});
send(unread.broker, '', []);
send(unread.broker, 'unread', [three]);
unread.sent.end();
say('ended unread');
const read = start((text) => {
  say(text);
  if (text !== 'last') return;
  send(read.broker, 'late', [four]);
  read.sent.end();
  say('ended');
  clearInterval(alive);
  process.exit(0);
});
send(read.broker, 'malformed', [one, two]);
send(read.broker, 'taken', [await lingering()]);
send(read.broker, 'last', []);
