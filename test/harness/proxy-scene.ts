// What tests with a proxy need: name servers, a listener to which every tunnel leads, and proxies that live as long as one test.
import { after } from 'node:test';
import { type NameServer, startNameServer, type Zone } from '../broker/name-server.js';
import { type Listener, listen } from './listener.js';
import { type ProxyOptions, startProxy, type TestProxy } from './test-proxy.js';

/** Nothing answers there. Only a proxy of the scene leads a tunnel for it anywhere. */
export const FAR = '203.0.113.7';
/** USER:PASSWORD */
export const SECRET = 'user:s3cret-word';

export interface ProxyScene {
  readonly dns: NameServer;
  /** Answers `peer heard WORDS`, and closes. */
  readonly peer: Listener;
  readonly withProxy: <T>(
    options: Partial<ProxyOptions>,
    use: (proxy: TestProxy) => Promise<T>,
  ) => Promise<T>;
}

/** @param records of the name server, as `far.test A` @returns a scene that lasts until the file's tests have ended */
export async function proxyScene(records: Zone): Promise<ProxyScene> {
  const dns = await startNameServer(records);
  const peer = await listen((socket) => socket.on('data', (bytes) => socket.end(`peer heard ${bytes}`)));
  after(async () => {
    dns.close();
    await peer.close();
  });
  return {
    dns,
    peer,
    async withProxy(options, use) {
      const proxy = await startProxy({ kind: 'http', to: peer.port, ...options });
      try {
        return await use(proxy);
      } finally {
        await proxy.close();
      }
    },
  };
}
