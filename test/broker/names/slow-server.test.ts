// A DNS server that needs 4 s for an answer, as some do for names that they have not seen for long.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NameServers } from '../../../broker/names/name-servers.js';
import { startNameServer } from '../name-server.js';
import { ask } from './ask.js';

test('a name resolves whose server needs 4 s, also if the server was quick before', async (t) => {
  const slow = 'slow.example.com A';
  const quick = Array.from({ length: 5 }, (_, number) => `quick-${number}.example.com`);
  const server = await startNameServer(
    Object.fromEntries([slow, ...quick.map((name) => `${name} A`)].map((key) => [key, ['192.0.2.7']])),
    { [slow]: 4_000 },
  );
  t.after(() => server.close());
  const names = new NameServers([server.address]);
  const fresh = new NameServers([server.address]);
  for (const name of quick) assert.equal((await ask(names, name, 4)).kind, 'addresses');
  const answers = await Promise.all([names, fresh].map((asked) => ask(asked, 'slow.example.com', 4)));
  for (const answer of answers) assert.equal(answer.kind, 'addresses', JSON.stringify(answer));
});
