// A connect whose end the broker does not see: the program has the socket, which still connects. The audit line must not deny that.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import { listen } from '../harness/listener.js';
import { startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';

/** A server whose queue is full until it reads a line. Then it accepts everybody, and prints what it gets. */
const FULL_SERVER = `
import socket, sys
server = socket.create_server(("127.0.0.1", 0), backlog=0)
print(server.getsockname()[1], flush=True)
fill = []
for _ in range(3):
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex(server.getsockname())
    fill.append(one)
sys.stdin.readline()
own = {one.getsockname() for one in fill}
while True:
    one, peer = server.accept()
    if peer not in own:
        print(one.recv(100).decode(), flush=True)
`;

const IMPATIENT = `
import errno, select, socket, struct, sys
one = socket.socket()
one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 200000))
try:
    one.connect(("127.0.0.1", int(sys.argv[1])))
except OSError as error:
    print(errno.errorcode[error.errno], flush=True)
one.setblocking(False)
select.select([], [one], [])
one.send(b"sent later")
sys.stdin.readline()
one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
one.close()
sys.stdin.readline()
`;

/** More connects at once than the broker watches. */
const MANY = `
import socket, sys
ones = [socket.socket() for _ in range(520)]
for one in ones:
    one.setblocking(False)
    one.connect_ex(("127.0.0.1", int(sys.argv[1])))
sys.stdin.readline()
`;

/** Closes its socket while it connects. Then connections to a second place grow too old, one after the other. */
const GIVES_UP = `
import socket, sys, time
one = socket.socket()
one.setblocking(False)
one.connect_ex(("127.0.0.1", int(sys.argv[1])))
time.sleep(0.2)
one.close()
for _ in range(2):
    with socket.create_connection(("127.0.0.1", int(sys.argv[2]))) as other:
        try:
            other.recv(1)
        except OSError:
            print("too old", flush=True)
`;

/** Makes two connects wait at a limit of two. It gives one up, and the process that made the other one is killed. */
const GIVES_UP_ALL = `
import errno, os, signal, socket, sys
def begin():
    one = socket.socket()
    one.setblocking(False)
    assert one.connect_ex(("127.0.0.1", int(sys.argv[1]))) == errno.EINPROGRESS
    return one
def say():
    with socket.socket() as other:
        print(errno.errorcode.get(other.connect_ex(("127.0.0.1", int(sys.argv[2]))), "connected"), flush=True)
own = begin()
told, tell = os.pipe()
child = os.fork()
if child == 0:
    own.close()
    other = begin()
    os.write(tell, b"1")
    signal.pause()
os.read(told, 1)
say()
own.close()
say()
own = begin()
say()
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
say()
`;

async function startFullServer(t: TestContext) {
  const server = spawn('python3', ['-c', FULL_SERVER], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => server.kill('SIGKILL'));
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  const { value: port = '' } = await lines.next();
  return { server, lines, port };
}

// proves: the audit log denies no connection that the broker does not watch
test('an audit line of a connect that the broker does not watch says that it may still come about', async (t) => {
  const { port } = await startFullServer(t);
  const { child, result, stderr } = startPostern(
    ['run', '--allow', `127.0.0.1:${port}`, '--audit', '-', '--', '/usr/bin/python3', '-c', MANY, port],
    { as: 'user', keepInput: true },
  );
  const line = await until(() => /^\{.*"outcome":"timeout".*\}$/m.exec(stderr())?.[0], 25_000);
  const { message } = JSON.parse(line) as { message?: string };
  assert.equal(message, 'The program has the socket, and it may still be connected');
  child.stdin?.end('go\n');
  assert.equal((await result).status, 0);
});

// proves: the audit log denies no connection that an interrupted connect leaves under way
// proves: accounts: a connection that nobody watched has its event
for (const user of anyUser)
  test(`an audit line says that the program has a socket that may still be connected (${user})`, async (t) => {
    const { server, lines, port } = await startFullServer(t);
    const { child, result, stderr } = startPostern(
      [
        'run',
        '--allow',
        `127.0.0.1:${port}`,
        '--audit',
        '-',
        '--',
        '/usr/bin/python3',
        '-c',
        IMPATIENT,
        port,
      ],
      { as: user, keepInput: true },
    );
    const line = await until(() => /^\{.*"outcome":"canceled".*\}$/m.exec(stderr())?.[0], 20_000);
    const { message, decision_id } = JSON.parse(line) as { message?: string; decision_id: string };
    assert.equal(message, 'The program has the socket, and it may still be connected');
    server.stdin.write('go\n');
    assert.equal((await lines.next()).value, 'sent later', 'the judge outside');
    child.stdin?.write('reset\n');
    const closed = await until(() => /^\{.*"event":"closed".*\}$/m.exec(stderr())?.[0], 20_000);
    assert.equal((JSON.parse(closed) as { decision_id: string }).decision_id, decision_id);
    child.stdin?.end('end\n');
    const { status, stdout } = await result;
    assert.deepEqual([status, stdout], [0, 'EINPROGRESS\n']);
  });

for (const user of userInTurn(1))
  test(`a connect that only the broker still watches ends alone, and not with its plugin (${user})`, async (t) => {
    const { port } = await startFullServer(t);
    const host = await listen((socket) => socket.on('error', () => {}));
    t.after(() => host.close());
    const allow = [port, String(host.port)].flatMap((one) => ['--allow', `127.0.0.1:${one}`]);
    const words = ['/usr/bin/python3', '-c', GIVES_UP, port, String(host.port)];
    const { result } = startPostern(
      ['run', ...allow, '--limit', 'connection_seconds=1', '--audit', '-', '--', ...words],
      { as: user },
    );
    const { status, stdout, stderr } = await result;
    assert.deepEqual([status, stdout], [0, 'too old\ntoo old\n'], stderr);
    assert.match(stderr, new RegExp(`"port":${port}.*"outcome":"canceled"`));
  });

// proves: a connect that its program gave up holds no slot
for (const user of anyUser)
  test(`a connect that its program has given up holds no slot of the limit (${user})`, async (t) => {
    const { port } = await startFullServer(t);
    const host = await listen();
    t.after(() => host.close());
    const open = String(host.port);
    const rules = [port, open].flatMap((one) => ['--allow', `127.0.0.1:${one}`]);
    const words = ['run', ...rules, '--limit', 'connections=2', '--', '/usr/bin/python3', '-c', GIVES_UP_ALL];
    const { result } = startPostern([...words, port, open], { as: user });
    assert.deepEqual((await result).stdout.split('\n'), ['EAGAIN', 'connected', 'EAGAIN', 'connected', '']);
  });
