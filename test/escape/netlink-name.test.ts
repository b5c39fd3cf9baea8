// A netlink socket that leaves its port to the kernel is named by the process that binds it. The broker binds for a plugin, and its process
// id is a fact of the host.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { postern } from '../harness/postern.js';

const PROGRAM = `
import os, socket, sys
def bound(port=0):
    one = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    one.bind((port, 0))
    held.append(one)
    return one.getsockname()[0]
held = []
names = [bound(), bound(), bound(), bound(4242)]
child = os.fork()
if child == 0:
    print("child", bound() == os.getpid(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
print("own", names[0] == os.getpid(), [name >= 1 << 31 for name in names[1:3]], names[3])
`;

// proves: a netlink socket is not named by the broker's process
for (const user of anyUser)
  test(`a netlink socket has the plugin's own process id, or no process's (${user})`, async () => {
    const { stdout, stderr } = await postern(['run', '--', '/usr/bin/python3', '-c', PROGRAM], { as: user });
    assert.equal(stdout, 'child True\nown True [True, True] 4242\n', stderr);
  });
