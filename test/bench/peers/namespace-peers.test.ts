import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { IN_NAMESPACE, NO_TIME_WAIT } from './namespace-peers.js';

const CONNECTS = `
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    for _ in range(100):
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        client.close()
        accepted.recv(1)
        accepted.close()
print(*(line for line in open("/proc/self/net/sockstat") if line.startswith("TCP:")))
`;

const waiting = (command: string): number => {
  const [unshare = '', ...words] = [...IN_NAMESPACE, 'sh', '-c', `ip link set lo up && ${command}`, 'sh'];
  const { stdout, stderr } = spawnSync(unshare, [...words, 'python3', '-c', CONNECTS], { encoding: 'utf8' });
  const [, count] = / tw ([0-9]+) /.exec(stdout) ?? [];
  assert.ok(count, stderr);
  return Number(count);
};

test('a client in the namespace of a peer leaves no port in TIME_WAIT', () => {
  assert.equal(waiting('exec "$@"'), 100);
  assert.equal(waiting(`{ ${NO_TIME_WAIT}; }`), 0);
});
