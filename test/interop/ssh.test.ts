import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { freePort } from '../harness/free-port.js';
import { testLibrary } from './library.js';
import { serverFolder, stopServer } from './server.js';
import { login, startSshd } from './ssh-server.js';

const folder = serverFolder();
let port = 0;
let server: ChildProcess | undefined;

/** A client's key in the clear, in the form that ssh2 reads. */
let privateKey = '';

before(async () => {
  port = await freePort();
  writeFileSync(join(folder, 'hello'), 'hello by sftp\n', { mode: 0o644 });
  const { child, key } = await startSshd({
    folder,
    addresses: ['127.0.0.1'],
    port,
    command: 'internal-sftp',
  });
  server = child;
  privateKey = readFileSync(key, 'utf8');
});
after(() => server && stopServer(server));

testLibrary({
  name: 'ssh2',
  imports: `import { connect } from 'postern/plugin';`,
  factory: '{ sock: await connect({ host, port }) }',
  port: () => port,
  expected: ['hello by sftp\n'],
  get body() {
    return `
    import ssh2 from 'ssh2';
    const settings = { host, port, username: ${JSON.stringify(login)}, privateKey: ${JSON.stringify(privateKey)} };
    const client = new ssh2.Client();
    await new Promise((resolve, reject) => client.on('ready', resolve).on('error', reject).connect({ ...settings, ...factory }));
    const sftp = await new Promise((resolve, reject) => client.sftp((error, sftp) => error ? reject(error) : resolve(sftp)));
    const text = await new Promise((resolve, reject) =>
      sftp.readFile(${JSON.stringify(join(folder, 'hello'))}, 'utf8', (error, text) => error ? reject(error) : resolve(text)));
    say(text);
    client.end();
    if (factory.sock) await connect({ host, port: denied }).catch(refused);
    else new ssh2.Client().on('error', refused).connect({ ...settings, port: denied });
  `;
  },
});
