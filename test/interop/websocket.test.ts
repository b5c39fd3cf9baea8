import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createRequire } from 'node:module';
import type { AddressInfo, Server } from 'node:net';
import { after, before } from 'node:test';
import { makeCertificates, readPair } from './certificates.js';
import { testLibrary } from './library.js';
import { serverFolder } from './server.js';

interface Peer {
  send: (data: unknown) => void;
  on: (event: 'message', listener: (data: Buffer) => void) => void;
}
/** The package has no types. */
interface WebSocketServer {
  on: (event: 'connection', listener: (peer: Peer) => void) => void;
}
type Ws = { WebSocketServer: new (options: { server: Server }) => WebSocketServer };
const { WebSocketServer }: Ws = createRequire(import.meta.url)('ws');

const certificates = makeCertificates(serverFolder());
const plain = createHttp();
const secure = createHttps(readPair(certificates.local));
const servers: readonly Server[] = [plain, secure];
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

before(async () => {
  for (const server of servers) {
    new WebSocketServer({ server }).on('connection', (peer) => {
      peer.on('message', (data) => peer.send(`heard ${data.length}`));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }
});
after(() => {
  for (const server of servers) server.close();
});

testLibrary({
  name: 'ws',
  imports: `import { HttpAgent, HttpsAgent } from 'postern/plugin';`,
  factory: '{ ws: { agent: new HttpAgent() }, wss: { agent: new HttpsAgent() } }',
  port: () => portOf(plain),
  ports: () => ({ securePort: portOf(secure) }),
  authority: certificates.authority,
  expected: ['heard 1000000', 'heard 5'],
  body: `
    import { readFileSync } from 'node:fs';
    import { WebSocket } from 'ws';
    const talk = (url, options, data) => new Promise((resolve, reject) => {
      const socket = new WebSocket(url, options);
      socket.on('open', () => socket.send(data));
      socket.on('error', reject);
      socket.on('message', (text) => {
        socket.close();
        resolve(String(text));
      });
    });
    say(await talk('ws://localhost:' + port, factory.ws, 'x'.repeat(1_000_000)));
    say(await talk('wss://localhost:' + securePort, { ...factory.wss, ca: readFileSync(ca) }, 'hello'));
    await talk('ws://localhost:' + denied, factory.ws, '').catch(refused);
  `,
});
