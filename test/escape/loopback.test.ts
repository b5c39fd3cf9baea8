// Only a rule for exactly that address and port opens the host's loopback. A wider rule is about the sandbox's own loopback.
// proves: G5
// proves: loopback is the sandbox's own unless a rule names that address and port
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { listen } from '../harness/listener.js';
import { postern } from '../harness/postern.js';
import type { User } from '../harness/users.js';

const host = await listen((socket) => socket.end('host\n'));
after(() => host.close());

async function reached(user: User, ...rules: readonly string[]): Promise<string> {
  const source = `
import socket
try:
    print(socket.create_connection(("127.0.0.1", ${host.port}), timeout=30).recv(100))
except OSError as error:
    print(error.errno)`;
  const { stdout } = await postern(
    ['run', ...rules.flatMap((rule) => ['--allow', rule]), '--', '/usr/bin/python3', '-c', source],
    {
      as: user,
    },
  );
  return stdout;
}

const ECONNREFUSED = 111;

for (const user of anyUser) {
  test(`a rule for many loopback addresses leads to the sandbox's own, and the host hears nothing (${user})`, async () => {
    const heard = host.connections();
    for (const rules of [['127.0.0.0/8:*', '@loopback:*'], ['127.0.0.1:1']])
      assert.equal(await reached(user, ...rules), `${ECONNREFUSED}\n`, rules.join());
    assert.equal(await host.allConnections(), heard);
    assert.equal(await reached(user, `127.0.0.1:${host.port}`), "b'host\\n'\n");
  });
}
