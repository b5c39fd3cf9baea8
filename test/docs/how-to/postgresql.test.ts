import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { after, before, test } from 'node:test';
import { readableFolder } from '../../harness/users.js';
import { startPostgres } from '../../interop/postgres-server.js';
import { serverFolder, stopServer } from '../../interop/server.js';
import { type Internet, startInternet } from '../internet.js';
import { Page, testThatAllWasRun } from '../page.js';
import { runCommands } from '../run-commands.js';

const page = new Page('docs/how-to/postgresql.md');
const { text, shown } = page.commands('psql');
const ADDRESS = '10.1.2.3';

let internet: Internet | undefined;
let server: ChildProcess | undefined;
before(async () => {
  internet = await startInternet({ names: ['db.example.com'], addresses: { 'db.example.com': ADDRESS } });
  server = await startPostgres({
    folder: serverFolder(),
    addresses: [ADDRESS],
    port: 5432,
    inside: internet.site,
  });
});
after(async () => {
  if (server !== undefined) await stopServer(server);
  internet?.close();
});

test('psql connects to a database at a private address', async (t) => {
  const within = internet?.within ?? [];
  const { status, stdout, stderr } = await runCommands(t, text, { cwd: readableFolder(), within });
  assert.deepEqual([status, stdout], [0, shown], stderr);
});

test('without the rule for the address it is refused as shown', async (t) => {
  const within = internet?.within ?? [];
  const line = text.replace(` --allow ${ADDRESS}:5432`, '');
  assert.notEqual(line, text);
  const { status, stderr } = await runCommands(t, line, { cwd: readableFolder(), within });
  assert.equal(status, 2);
  assert.match(stderr, /^psql: error: /m);
  assert.ok(stderr.includes(page.output('postern: ')), stderr);
});

testThatAllWasRun(page);
