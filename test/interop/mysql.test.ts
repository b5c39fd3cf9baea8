import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { freePort } from '../harness/free-port.js';
import { makeCertificates } from './certificates.js';
import { testLibrary } from './library.js';
import { findServer, own, prepare, serverFolder, startServer, stopServer } from './server.js';

const folder = serverFolder();
const certificates = makeCertificates(folder);
const mariadb = findServer('mariadbd');
const install = findServer('mariadb-install-db');
let port = 0;
let server: ChildProcess | undefined;

before(async () => {
  port = await freePort();
  const data = join(folder, 'data');
  const common = ['--no-defaults', `--datadir=${data}`];
  prepare(install, ...common, '--auth-root-authentication-method=normal', '--skip-test-db');
  server = await startServer(
    { ready: /ready for connections/ },
    mariadb,
    ...common,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    `--socket=${join(folder, 'mysql.sock')}`,
    `--pid-file=${join(folder, 'pid')}`,
    `--ssl-cert=${own(certificates.local.cert)}`,
    `--ssl-key=${own(certificates.local.key)}`,
  );
});
after(() => server && stopServer(server));

testLibrary({
  name: 'mysql2',
  port: () => port,
  authority: certificates.authority,
  expected: [{ one: 1 }, { encrypted: true }, 2_000_000],
  body: `
    import { readFileSync } from 'node:fs';
    import mysql from 'mysql2/promise';
    const settings = { host, port, user: 'root' };
    const plain = await mysql.createConnection(settings);
    say((await plain.query('SELECT 1 AS one'))[0][0]);
    await plain.end();
    const secure = await mysql.createConnection({ ...settings, ssl: { ca: readFileSync(ca) } });
    const [[{ Value }]] = await secure.query("SHOW STATUS LIKE 'Ssl_cipher'");
    say({ encrypted: Value !== '' });
    await secure.end();
    const pool = mysql.createPool(settings);
    const [[{ text }]] = await pool.execute('SELECT REPEAT(?, 2000000) AS text', ['x']);
    say(text.length);
    await pool.end();
    await mysql.createConnection({ ...settings, port: denied }).catch(refused);
  `,
});
