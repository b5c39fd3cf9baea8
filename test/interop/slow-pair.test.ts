// The pairs of a slow plugin: the broker puts them into the plugin's table on the slow lane. Here each plugin counts as slow, but only for this.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { mutantDist } from '../mutation/mutant-dist.js';
import { direct, inside, Ports, semanticsProgram } from './side-by-side.js';

let ports: Ports;
before(async () => {
  ports = await Ports.start();
});
after(() => ports.close());

// proves: the slow lane installs the sockets of a pair
test('the slow lane installs pairs of sockets as the main thread does', async () => {
  const program = semanticsProgram('pairs');
  const dist = mutantDist('the main thread puts sockets into tables', 'own_datagrams');
  const expected = await direct(program, ports);
  for (const user of anyUser) assert.deepEqual(await inside(user, program, ports, dist), expected, user);
});
