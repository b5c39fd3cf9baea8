import type { ChildProcess } from 'node:child_process';
import { after, before } from 'node:test';
import { freePort } from '../harness/free-port.js';
import { makeCertificates } from './certificates.js';
import { testLibrary } from './library.js';
import { startPostgres } from './postgres-server.js';
import { serverFolder, stopServer } from './server.js';

const folder = serverFolder();
const certificates = makeCertificates(folder);
let port = 0;
let server: ChildProcess | undefined;

before(async () => {
  port = await freePort();
  server = await startPostgres({ folder, addresses: ['127.0.0.1'], port, certificate: certificates.local });
});
after(() => server && stopServer(server));

testLibrary({
  name: 'pg',
  port: () => port,
  authority: certificates.authority,
  expected: [{ one: 1, ssl: false }, { one: 1, ssl: true }, { length: 3_000_000 }],
  body: `
    import { readFileSync } from 'node:fs';
    import pg from 'pg';
    const query = 'SELECT 1 AS one, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
    const settings = { host, port, user: 'app', database: 'postgres' };
    for (const ssl of [false, { ca: readFileSync(ca) }]) {
      const client = new pg.Client({ ...settings, ssl });
      await client.connect();
      say((await client.query(query)).rows[0]);
      await client.end();
    }
    const pool = new pg.Pool({ ...settings, max: 2 });
    const { rows } = await pool.query("SELECT repeat('x', $1) AS long", [3_000_000]);
    say({ length: rows[0].long.length });
    await pool.end();
    await new pg.Client({ ...settings, port: denied }).connect().catch(refused);
  `,
});
