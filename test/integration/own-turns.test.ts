import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { startPublicNet } from '../harness/public-net.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';

const NAME = 'api.example.com';
/** Four threads connect without end. Meanwhile it looks up a name and uses its channel, so many times. */
const BUSY = `${PYTHON_CHANNEL}
import os, socket, threading
channel = Channel.from_environment()
lookup = lambda: socket.getaddrinfo("${NAME}", 80, socket.AF_INET, socket.SOCK_STREAM)[0][4]
address = lookup()
made = 0
def connect():
    global made
    while True:
        socket.create_connection(address).close()
        made += 1
for _ in range(4):
    threading.Thread(target=connect, daemon=True).start()
while made < 100:
    pass
for _ in range(20):
    lookup()
    channel.connect("${NAME}", 80).close()
print("done", flush=True)
os._exit(0)
`;

// proves: a plugin with many calls keeps its own look-ups and channels
for (const user of anyUser)
  test(`threads that connect without end leave their program its look-ups and its channel (${user})`, async (t) => {
    const net = await startPublicNet({ [`${NAME} A`]: ['93.184.216.10'] }, [80]);
    t.after(() => net.close());
    const { stdout, stderr } = await postern(
      ['run', '--dns', net.dns, '--allow', `${NAME}:80`, '--', '/usr/bin/python3', '-c', BUSY],
      { as: user, inside: net.within },
    );
    assert.equal(stdout, 'done\n', stderr);
  });
