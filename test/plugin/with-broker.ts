// A broker, a channel to it and a server to reach, taken down after the test; then as many descriptors are open as before.
import { createServer, type Server, type ServerOpts, type Socket } from 'node:net';
import { Channel } from '../../sandbox/plugin/channel.js';
import type { AttemptOptions, Destination } from '../../sandbox/plugin/connect-options.js';
import { connectOver } from '../../sandbox/plugin/connect-over.js';
import { countDescriptors, expectDescriptors } from './descriptors.js';
import { FakeBroker, type Script } from './fake-broker.js';

export interface Rig {
  readonly broker: FakeBroker;
  readonly channel: Channel;
  readonly connect: (options: Partial<Destination & AttemptOptions>) => Promise<Socket>;
  /** Starts a server on 127.0.0.1. @returns its port */
  readonly serve: (onConnection: (socket: Socket) => void, options?: ServerOpts) => Promise<number>;
}

export async function withBroker(test: (rig: Rig) => Promise<void>, script?: Script): Promise<void> {
  // The first server and the first watch open descriptors that stay.
  await warmUp();
  const before = countDescriptors();
  const broker = new FakeBroker(script);
  const channel = new Channel(broker.ends);
  const servers: Server[] = [];
  const open = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    open.add(socket);
    socket.on('error', () => socket.destroy());
    return socket;
  };
  try {
    await test({
      broker,
      channel,
      connect: async (options) =>
        keep(await connectOver(() => channel, { host: '127.0.0.1', port: 1, ...options })),
      serve: (onConnection, options = {}) =>
        new Promise((resolve) => {
          const server = createServer(options, (socket) => onConnection(keep(socket)));
          servers.push(server);
          server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
            const address = server.address();
            resolve(typeof address === 'object' && address !== null ? address.port : 0);
          });
        }),
    });
  } finally {
    broker.close();
    for (const socket of open) socket.destroy();
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
  await expectDescriptors(before);
}

let warm = false;
async function warmUp(): Promise<void> {
  if (warm) return;
  warm = true;
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await new Promise((resolve) => server.close(resolve));
}
