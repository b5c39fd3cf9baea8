import type { ChildProcess } from 'node:child_process';
import { after, before } from 'node:test';
import { freePort } from '../harness/free-port.js';
import { makeCertificates } from './certificates.js';
import { testLibrary } from './library.js';
import { startRedis } from './redis-server.js';
import { serverFolder, stopServer } from './server.js';

const folder = serverFolder();
const certificates = makeCertificates(folder);
let port = 0;
let securePort = 0;
let server: ChildProcess | undefined;

before(async () => {
  port = await freePort();
  securePort = await freePort();
  const secure = { port: securePort, certificates };
  server = await startRedis({ folder, addresses: ['127.0.0.1'], port, secure });
});
after(() => server && stopServer(server));

testLibrary({
  name: 'ioredis',
  port: () => port,
  ports: () => ({ securePort }),
  authority: certificates.authority,
  expected: ['PONG', 2_000_000, 'PONG', 'no more than one try'],
  body: `
    import { readFileSync } from 'node:fs';
    import { Redis } from 'ioredis';
    const redis = new Redis({ host, port, keepAlive: 1000 });
    say(await redis.ping());
    await redis.set('long', 'x'.repeat(2_000_000));
    say((await redis.get('long')).length);
    await redis.quit();
    const secure = new Redis({ host, port: securePort, tls: { ca: readFileSync(ca) } });
    say(await secure.ping());
    secure.disconnect();
    let tries = 0;
    const retryStrategy = (times) => ((tries = times), times < 2 ? 10 : null);
    const none = new Redis({ host, port: denied, retryStrategy, maxRetriesPerRequest: null });
    const error = await new Promise((resolve) => none.once('error', resolve));
    await new Promise((resolve) => none.once('end', resolve));
    say(tries === 2 ? 'no more than one try' : tries);
    refused(error);
  `,
});
