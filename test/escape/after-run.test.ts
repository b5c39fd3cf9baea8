// A plugin passes on what its run got (SCM_RIGHTS): the ends of its channel, its output and its listener. Another plugin holds them past the end of the
// run. Then they are of no use to it, and keep nobody waiting.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { freePort } from '../harness/free-port.js';
import { listen } from '../harness/listener.js';
import { postern, startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { until } from '../harness/until.js';
import { chownTo, readableFile, readableFolder, type User, users } from '../harness/users.js';

/** Passes on its stdout, its channel and its listener. */
const MAKER = `${PYTHON_CHANNEL}
import time
own = Channel.from_environment()
fds = [1, *(int(os.environ[f"POSTERN_{name}_FD"]) for name in ("REQUEST", "REPLY")), 3]
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1])
    socket.send_fds(s, [b"x"], fds)
    s.recv(1)
print("passed on", flush=True)
time.sleep(100)
`;

/** Holds what it got first, and uses it each time that it is told. */
const HOLDER = `${PYTHON_CHANNEL}
import time
port, told = int(sys.argv[1]), sys.argv[2]
own = socket.socket(fileno=3)
def take():
    with own.accept()[0] as client:
        fds = socket.recv_fds(client, 1, 8)[1]
        client.send(b"k")
    return fds
out, request, reply, shared = take()
channel = Channel.__new__(Channel)
channel._requests, channel._replies, channel._next_id = request, socket.socket(fileno=reply), 1000
shared = socket.socket(fileno=shared)
shared.settimeout(1)
def attempt(name, act):
    try:
        act()
        print(name, "works", flush=True)
    except (OSError, EOFError) as error:
        print(name, type(error).__name__, error, flush=True)
print("holds", flush=True)
while not os.path.exists(told):
    time.sleep(0.02)
attempt("output:", lambda: os.write(out, b"forged\\n"))
attempt("channel:", lambda: channel.connect("127.0.0.1", port, 2000).sendall(b"by the holder"))
attempt("listener:", lambda: shared.accept()[0].sendall(b"by the holder"))
print("tried", flush=True)
while True:
    take()
`;

/** Runs postern at a terminal. Its program passes that on and ends. Who got it writes on. Arguments: the path of a socket, and how to run postern. */
const TERMINAL_DRIVER = `
import os, pty, socket, sys, threading
place, *postern = sys.argv[1:]
PROGRAM = '''
import socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1])
    socket.send_fds(s, [b"x"], [1])
    s.recv(1)
'''
listener = socket.socket(socket.AF_UNIX)
listener.bind(place)
os.chmod(place, 0o777)
listener.listen()
pid, fd = pty.fork()
if pid == 0:
    os.execvp(postern[0], [*postern, "run", "--allow", f"unix:{place}", "--", "/usr/bin/python3", "-c", PROGRAM, place])
def hold():
    client, _ = listener.accept()
    tty = socket.recv_fds(client, 1, 1)[1][0]
    client.send(b"k")
    try:
        while True:
            os.write(tty, b"by the holder\\n" * 100)
    except OSError:
        print("its end", flush=True)
holder = threading.Thread(target=hold, daemon=True)
holder.start()
try:
    while os.read(fd, 1024):
        pass
except OSError:
    pass
print(os.waitpid(pid, 0)[1], flush=True)
holder.join()
`;

interface Scene {
  readonly pid: number;
  readonly said: () => string;
  readonly ask: (...words: readonly string[]) => Promise<string>;
  /** Has the holder use what it holds. @returns what it says then */
  readonly tries: () => Promise<string>;
  /** Writes the file without the maker; with `other`, that one has its listener. */
  readonly remove: (other?: boolean) => void;
  /** The port of the maker's listener. */
  readonly port: number;
  /** Connections to the host that the maker's rules allow. */
  readonly heard: () => Promise<number>;
}

async function startScene(t: TestContext, user: User): Promise<Scene> {
  const host = await listen();
  t.after(() => host.close());
  const folder = readableFolder();
  chownTo(user, folder);
  const [place, told, control] = ['holder.sock', 'told', 'c.sock'].map((name) => join(folder, name));
  const port = await freePort();
  const python = (...words: readonly unknown[]): object => ({
    command: ['/usr/bin/python3', '-c', ...words.map(String)],
    cwd: '/',
  });
  const listener = { listen: [{ name: 'web', address: `127.0.0.1:${port}` }] };
  const holder = {
    ...python(HOLDER, host.port, told),
    listen: [{ name: 'holder', address: place }],
    filesystem: { visible: [folder] },
  };
  const maker = {
    ...python(MAKER, place),
    allow: [`unix:${place}`, `127.0.0.1:${host.port}`],
    ...listener,
  };
  const other = { command: ['/bin/sleep', '100'], cwd: '/', ...listener };
  const write = (plugins: object): void =>
    writeFileSync(join(folder, 'postern.yaml'), JSON.stringify({ audit: '/dev/null', plugins }));
  write({ holder });
  const { child, said } = startPostern(['up', '--control', String(control)], { as: user, cwd: folder });
  t.after(() => child.kill('SIGKILL'));
  const ask = async (...words: readonly string[]): Promise<string> => {
    const { stdout, stderr } = await postern([...words, '--control', String(control)], { as: user });
    return stdout + stderr;
  };
  await until(() => existsSync(String(place)) || undefined);
  // As root the broker has other ids than the listener's file.
  chmodSync(String(place), 0o777);
  write({ holder, maker });
  await ask('reload');
  await until(() => (/holds/.test(said()) && /passed on/.test(said())) || undefined);
  return {
    ...{ pid: child.pid ?? 0, said, ask, port, heard: () => host.allConnections() },
    tries: async () => {
      writeFileSync(String(told), '');
      await until(() => /holder \| tried/.test(said()) || undefined, 20_000);
      return said();
    },
    remove: (withOther = false) => write({ holder, ...(withOther && { other }) }),
  };
}

for (const user of users) {
  // proves: output: the end of the run is the end of its output
  // proves: a channel does not outlive the run that got it
  // proves: a plugin that the operator stopped has no listener
  // proves: listener: its end is the end for all who hold it
  test(`what a stopped plugin has passed on is of no use to who holds it (${user})`, async (t) => {
    const scene = await startScene(t, user);
    const stopped = scene.ask('stop', 'maker');
    await until(() => /maker: ended/.test(scene.said()) || undefined);
    assert.match(await stopped, /"maker" is stopped/);
    const client = connect(scene.port, '127.0.0.1');
    const answer = once(client, 'connect').then(
      () => 'connected',
      ({ code }: NodeJS.ErrnoException) => code,
    );
    t.after(() => client.destroy());
    const said = await scene.tries();
    assert.match(said, /output: BrokenPipeError/);
    assert.match(said, /channel: (?!works)/);
    assert.match(said, /listener: OSError \[Errno 22\]/);
    assert.equal(await scene.heard(), 0);
    assert.equal(await answer, 'ECONNREFUSED');
    assert.match(await scene.ask('start', 'maker'), /"maker"/);
    await until(() => /passed on.*passed on/s.test(scene.said()) || undefined);
  });

  test(`a plugin restarts while another one holds what its former run got (${user})`, async (t) => {
    const scene = await startScene(t, user);
    void scene.ask('restart', 'maker');
    await until(() => /maker: ended/.test(scene.said()) || undefined);
    assert.match(await scene.tries(), /output: BrokenPipeError.*channel: (?!works)/s);
    await until(() => /passed on.*passed on/s.test(scene.said()) || undefined);
    assert.equal(await scene.heard(), 0);
  });

  test(`the address of a plugin that is taken out of the file is free, though somebody holds its listener (${user})`, async (t) => {
    const scene = await startScene(t, user);
    scene.remove();
    await scene.ask('reload');
    scene.remove(true);
    assert.doesNotMatch(await scene.ask('reload'), /another socket has that port/);
    assert.match(await scene.tries(), /listener: OSError \[Errno 22\]/);
    assert.equal(await scene.heard(), 0);
  });

  // proves: a further broker ends what a run has left that is over
  test(`a broker that dies before it ends a former run's channel leaves that to the next one (${user})`, async (t) => {
    const scene = await startScene(t, user);
    const before = await until(() => brokerOf(scene.pid));
    process.kill(before, 'SIGSTOP');
    assert.match(await scene.ask('stop', 'maker'), /"maker" is stopped/);
    process.kill(before, 'SIGKILL');
    await until(() => (brokerOf(scene.pid) ?? before) !== before || undefined, 30_000);
    assert.match(await scene.tries(), /channel: (?!works)/);
    assert.equal(await scene.heard(), 0);
  });

  test(`run ends with its program, though another process holds its output (${user})`, async (t) => {
    const folder = readableFolder();
    chownTo(user, folder);
    const program = `
import os, socket
socket.send_fds(socket.socket(fileno=int(os.environ["POSTERN_REPLY_FD"])), [b"x"], [1, 2])
print("ends", flush=True)`;
    const { child, result } = startPostern(['run', '--', '/usr/bin/python3', '-c', program], {
      as: user,
      shell: `exec "$@" >${folder}/out 2>${folder}/err`,
    });
    t.after(() => child.kill('SIGKILL'));
    assert.equal((await result).status, 0);
    assert.equal(readFileSync(join(folder, 'out'), 'utf8'), 'ends\n');
  });

  // proves: terminal: the end of the run is the end of its output
  test(`run ends with its program, though another process writes to its terminal (${user})`, async () => {
    const folder = readableFolder();
    chownTo(user, folder);
    const driver = readableFile('driver.py', TERMINAL_DRIVER);
    const { stdout, stderr } = await postern([], {
      as: user,
      through: ['/usr/bin/python3', driver, join(folder, 'holder.sock')],
      timeoutMs: 20_000,
    });
    assert.deepEqual(stdout.trim().split('\n').sort(), ['0', 'its end'], stderr);
  });
}
