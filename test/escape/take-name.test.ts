// No sandbox can take an abstract name of the host. A plugin that took one could keep a service of the host from starting.
// proves: G2
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { anyUser, twin } from '../harness/asked.js';
import { compile } from '../harness/compile.js';
import { startPostern } from '../harness/postern.js';
import { type User, users } from '../harness/users.js';
import { mutantDist } from '../mutation/mutant-dist.js';

/** The host's sockets that a plugin has: its output, if that is one end of a socket pair, and the channel's reply socket. */
const HOSTS = [1, 4];
const NAMELESS = "a socket of the host's that a plugin is started with has a name for good";
let program = '';
before(() => {
  program = compile(new URL('take-name.c', import.meta.url));
});

interface Taken {
  readonly stdout: string;
  /** The names that the host's sockets had after the attempts. */
  readonly names: number;
}

async function take(user: User, lost?: { readonly dist: string }): Promise<Taken> {
  const name = `postern-taken-${process.pid}`;
  const words = [name, ...HOSTS.map(String), ...(lost === undefined ? [] : ['endless'])];
  const { child, result } = startPostern(['run', '--audit', '/dev/null', '--', program, ...words], {
    as: user,
    keepInput: true,
    ...lost,
  });
  let said = '';
  let names = 0;
  child.stdout?.on('data', (text: string) => {
    said += text;
    if (!/^result flips .*$/m.test(said)) return;
    names = readFileSync('/proc/net/unix', 'latin1').split(`@${name}-`).length - 1;
    child.stdin?.end();
  });
  const { stdout } = await result;
  return { stdout, names };
}

for (const user of anyUser) {
  // proves: a socket of the host's that a plugin is started with has a name for good
  test(`An AF_UNIX bind that goes on gives no socket of the host's a name (${user})`, async () => {
    const stdout = 'result 1 not\nresult 4 not\nresult flips enough\n';
    assert.deepEqual(await take(user), { stdout, names: 0 });
  });
}
const [user = 'user'] = users;
twin(
  `An AF_UNIX bind that goes on takes names of the host's for sockets that have none (${user})`,
  async () => {
    const stdout = 'result 1 taken\nresult 4 taken\nresult flips enough\n';
    assert.deepEqual(await take(user, { dist: mutantDist(NAMELESS) }), { stdout, names: 2 });
  },
);
