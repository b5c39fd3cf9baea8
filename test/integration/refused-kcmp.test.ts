// kcmp(2) compares descriptors of a plugin. A kernel without CONFIG_KCMP does not have the call, and filters of containers and security modules
// refuse it. The broker finds a socket's duplicates all the same.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { listen } from '../harness/listener.js';
import { postern } from '../harness/postern.js';
import { distFor } from '../harness/users.js';

const host = await listen((socket) => socket.end('host'));
after(() => host.close());

/** Duplicates beside other sockets and files, and one from another thread. */
const PROGRAM = `
import os, socket, sys, threading
place = ("127.0.0.1", ${host.port})
def attempt(name, far):
    one = socket.socket()
    other, file = socket.socket(), open("/usr/bin/python3", "rb")
    copies = [socket.socket(fileno=os.dup(one.fileno())), socket.socket(fileno=os.dup2(one.fileno(), far))]
    one.connect(place)
    peers = [copy.getpeername()[1] == place[1] for copy in copies]
    try:
        other.getpeername()
        peers.append("other is connected")
    except OSError: pass
    print(name, *peers, copies[1].recv(9), len(file.read(4)))
attempt("first", 300)
thread = threading.Thread(target=attempt, args=("thread", 301))
thread.start()
thread.join()
`;

// proves: a socket's duplicates are found where kcmp(2) is refused
for (const [turn, errno] of ['EPERM', 'EACCES', 'ENOSYS'].entries())
  for (const as of userInTurn(turn))
    test(`a socket's duplicates are connected too where kcmp(2) answers ${errno} (${as})`, async () => {
      const refuser = join(distFor(as), 'test/integration/call-refuser.js');
      const { stdout, stderr } = await postern(
        ['run', '--allow', `127.0.0.1:${host.port}`, '--', '/usr/bin/python3', '-c', PROGRAM],
        { as, through: [process.execPath, refuser, 'kcmp', errno] },
      );
      assert.deepEqual(
        stdout.split('\n'),
        ["first True True b'host' 4", "thread True True b'host' 4", ''],
        stderr,
      );
    });
