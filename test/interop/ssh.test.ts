import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { testLibrary } from './library.js';
import { findServer, freePort, own, prepare, serverFolder, startServer, stopServer } from './server.js';

const folder = serverFolder();
const sshd = findServer('sshd');
const keygen = findServer('ssh-keygen');
const login = process.geteuid?.() === 0 ? 'nobody' : userInfo().username;
let port = 0;
let server: ChildProcess | undefined;

/** A client's key in the clear, in the form that ssh2 reads. */
let privateKey = '';

before(async () => {
  if (sshd === undefined || keygen === undefined) return;
  port = await freePort();
  const [host, client] = [join(folder, 'host'), join(folder, 'client')];
  for (const path of [host, client]) prepare(keygen, '-q', '-t', 'ed25519', '-N', '', '-f', path);
  privateKey = readFileSync(client, 'utf8');
  const authorized = join(folder, 'authorized');
  writeFileSync(authorized, readFileSync(`${client}.pub`));
  own(authorized);
  writeFileSync(join(folder, 'hello'), 'hello by sftp\n', { mode: 0o644 });
  const config = join(folder, 'sshd_config');
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${host}`,
    `AuthorizedKeysFile ${authorized}`,
    `PidFile none`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'Subsystem sftp internal-sftp',
    'ForceCommand internal-sftp',
  ];
  writeFileSync(config, `${lines.join('\n')}\n`, { mode: 0o644 });
  server = await startServer(/Server listening on/, sshd, '-D', '-e', '-f', config);
});
after(() => server && stopServer(server));

testLibrary({
  name: 'ssh2',
  missing: sshd === undefined ? 'no sshd: apt-get install openssh-server' : undefined,
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
