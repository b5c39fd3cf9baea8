import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { listen } from '../harness/listener.js';
import { startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { until } from '../harness/until.js';
import { readableFolder, users } from '../harness/users.js';

/** Connects whose audit lines fit into the socket to the supervisor, also if each is sent alone, and are more than one read takes. */
const MANY = 120;
const DEATHS = 6;
/** Connects until it reads a line, and counts. */
const STEADY = `
import socket, sys, threading
ended = []
threading.Thread(target=lambda: ended.append(sys.stdin.readline()), daemon=True).start()
made = 0
while not ended:
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()
        made += 1
    except OSError:
        pass
print("made", made, flush=True)
`;
/** Keeps a connection open while the broker dies, then uses it, and asks for another. */
const PROGRAM = `
import sys
channel = Channel.from_environment()
port = int(sys.argv[1])
first = channel.connect("127.0.0.1", port)
print("open", flush=True)
sys.stdin.readline()
first.sendall(b"still here\\n")
print("echo", first.recv(100).decode().strip(), flush=True)
second = channel.connect("127.0.0.1", port)
second.sendall(b"again\\n")
print("echo", second.recv(100).decode().strip(), flush=True)
try:
    channel.connect("127.0.0.1", 1)
except OSError as error:
    print("refused", error.errno, flush=True)
`;

for (const user of users) {
  test(`a broker that is killed costs no plugin its life and no connection its bytes; the next one decides as before (${user})`, async () => {
    const echo = await listen((socket) => socket.on('data', (bytes) => socket.write(bytes)));
    const {
      child,
      result,
      stdout: seen,
    } = startPostern(
      [
        ...['run', '--allow', `127.0.0.1:${echo.port}`, '--'],
        ...['/usr/bin/python3', '-c', PYTHON_CHANNEL + PROGRAM, String(echo.port)],
      ],
      { as: user, stdio: ['pipe', 'pipe', 'pipe'], keepInput: true },
    );
    await until(() => seen().includes('open') || undefined);
    const pid = child.pid ?? 0;
    for (let deaths = 0; deaths < 3; deaths += 1) {
      const broker = await until(() => brokerOf(pid));
      process.kill(broker, 'SIGKILL');
      await until(() => {
        const next = brokerOf(pid);
        return next !== undefined && next !== broker ? true : undefined;
      });
    }
    child.stdin?.end('go\n');
    const { status, stdout, stderr } = await result;
    await echo.close();
    assert.equal(status, 0, stderr);
    assert.equal(stdout, 'open\necho still here\necho again\nrefused 13\n');
  });
}

for (const user of userInTurn(0)) {
  test(`what a broker wrote before it was killed is in the audit log (${user})`, async (t) => {
    const echo = await listen((socket) => socket.end());
    t.after(() => echo.close());
    const folder = readableFolder();
    const program = `
import socket, sys
sys.stdin.readline()
for _ in range(${MANY}):
    socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()
sys.stdin.readline()
`;
    const { child, result } = startPostern(
      [
        ...['run', '--audit', 'stdout', '--allow', `127.0.0.1:${echo.port}`, '--'],
        ...['/usr/bin/python3', '-c', program, String(echo.port)],
      ],
      { as: user, cwd: folder, stdio: ['pipe', 'pipe', 'pipe'], keepInput: true },
    );
    const pid = child.pid ?? 0;
    t.after(() => child.kill('SIGKILL'));
    const broker = await until(() => brokerOf(pid), 20_000);
    child.stdin?.write('go\n');
    await until(() => echo.connections() > 0 || undefined, 20_000);
    // What the broker tells stays unread meanwhile.
    process.kill(pid, 'SIGSTOP');
    await until(() => echo.connections() === MANY || undefined, 20_000);
    // The broker gathers lines for a moment, and then waits for nothing.
    await until(() => isAsleep(broker), 20_000);
    process.kill(broker, 'SIGKILL');
    await until(() => !existsSync(`/proc/${broker}/fd/0`) || undefined, 20_000);
    process.kill(pid, 'SIGCONT');
    await until(() => (brokerOf(pid) ?? broker) !== broker || undefined, 20_000);
    child.stdin?.end('end\n');
    const { status, stdout } = await result;
    assert.equal(status, 0);
    assert.equal(stdout.match(/"event":"decision"/g)?.length, MANY);
  });
}

for (const user of userInTurn(1)) {
  // proves: an event counts before the plugin has its connection
  // proves: what a killed broker took along is told
  test(`events that a broker took along are counted in a gap of the log (${user})`, async (t) => {
    const echo = await listen((socket) => socket.end());
    t.after(() => echo.close());
    const { child, result } = startPostern(
      [
        ...['run', '--audit', 'stdout', '--allow', `127.0.0.1:${echo.port}`, '--'],
        ...['/usr/bin/python3', '-c', STEADY, String(echo.port)],
      ],
      { as: user, cwd: readableFolder(), stdio: ['pipe', 'pipe', 'pipe'], keepInput: true },
    );
    const pid = child.pid ?? 0;
    t.after(() => child.kill('SIGKILL'));
    for (let deaths = 0; deaths < DEATHS; deaths += 1) {
      const broker = await until(() => brokerOf(pid), 20_000);
      const before = echo.connections();
      await until(() => echo.connections() >= before + 100 || undefined, 20_000);
      process.kill(broker, 'SIGKILL');
      await until(() => (brokerOf(pid) ?? broker) !== broker || undefined, 20_000);
    }
    child.stdin?.end('end\n');
    const { status, stdout, stderr } = await result;
    assert.equal(status, 0, stderr);
    const made = Number(/^made (\d+)$/m.exec(stdout)?.[1]);
    const events = [...stdout.matchAll(/^\{.*\}$/gm)].map(([line]) => JSON.parse(line));
    const closed = events.filter(({ event }) => event === 'closed').length;
    const logged = events.filter(({ outcome }) => outcome === 'connected').length + closed;
    const gaps = events.filter(({ event }) => event === 'gap');
    const counted = logged + gaps.reduce((sum, gap) => sum + gap.events, 0);
    assert.ok(made >= 100 * DEATHS);
    // Each connection has an event for its decision, and one for its end. An event counts before the answer, so that a broker that dies in
    // between counts one too many.
    assert.ok(
      2 * made <= counted && counted <= 2 * (made + DEATHS),
      `${made} made, ${logged} logged, ${counted} with gaps`,
    );
    for (const { from, to } of gaps) assert.ok(Date.parse(from) <= Date.parse(to));
  });
}

/** Whether a process has slept for ten looks. */
async function isAsleep(pid: number): Promise<true | undefined> {
  for (let look = 0; look < 10; look += 1) {
    if (!/\) S /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))) return undefined;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return true;
}
