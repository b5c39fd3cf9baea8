// proves: G8
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { freePort } from '../harness/free-port.js';
import { type Listener, listen } from '../harness/listener.js';
import { startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { until } from '../harness/until.js';
import type { User } from '../harness/users.js';

/** `trap()` connects with the program's own connect(2), `ask()` through the channel. Both return a socket or the name of an errno. */
const PRELUDE = `
import errno, socket, sys
port = int(sys.argv[1])
kept = []
def keep(socket):
    kept.append(socket)
    return socket
def trap(blocking=True, to=port):
    s = keep(socket.socket())
    s.setblocking(blocking)
    code = s.connect_ex(("127.0.0.1", to))
    return s if code in (0, errno.EINPROGRESS) else errno.errorcode[code]
channel = None
def ask():
    global channel
    channel = channel or Channel.from_environment()
    try:
        return keep(channel.connect("127.0.0.1", port))
    except OSError as error:
        print("told", error)
        return errno.errorcode[error.errno]
def say(*results):
    print(*[result if isinstance(result, str) else "open" for result in results], flush=True)
`;

interface Run {
  readonly says: string;
  readonly stderr: string;
  readonly rejections: number;
}

/** Runs a program under the limit. @param during gets the broker's pid when the program has printed `now` */
async function run(
  user: User,
  limit: number,
  program: string,
  { ports, during }: { ports: readonly number[]; during?: (broker: number) => void },
): Promise<Run> {
  const metrics = await freePort();
  const { child, result, stdout } = startPostern(
    [
      ...['run', '--name', 'limited', '--limit', `connections=${limit}`, '--metrics', `127.0.0.1:${metrics}`],
      ...ports.flatMap((port) => ['--allow', `127.0.0.1:${port}`]),
      ...['--', '/usr/bin/python3', '-c'],
      `${PYTHON_CHANNEL}${PRELUDE}${program}\nprint("end", flush=True)\nsys.stdin.readline()`,
      ...ports.map(String),
    ],
    { as: user, stdio: ['pipe', 'pipe', 'pipe'], keepInput: true },
  );
  const pid = child.pid ?? 0;
  if (during !== undefined) {
    await until(() => stdout().includes('now\n') || undefined);
    during(await until(() => brokerOf(pid)));
    child.stdin?.write('\n');
  }
  await until(() => /^end$/m.test(stdout()) || child.exitCode !== null || undefined);
  const page =
    child.exitCode === null ? await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text() : '';
  child.stdin?.end();
  const { stderr } = await result;
  const rejections = /^postern_limit_rejections_total\{plugin="limited",limit="connections"\} (\d+)$/m.exec(
    page,
  );
  return {
    says: stdout().replace('end\n', '').replace('now\n', ''),
    stderr,
    rejections: Number(rejections?.[1]),
  };
}

/** Every listener is closed at the end, and has heard exactly the connections that were open. */
async function withListener(
  serve: Parameters<typeof listen>[0],
  work: (listener: Listener) => Promise<void>,
): Promise<void> {
  const listener = await listen(serve);
  try {
    await work(listener);
  } finally {
    await listener.close();
  }
}

for (const user of userInTurn(0)) {
  test(`connections bounds open connections of both ways together; one more is EAGAIN, counted, and logged with the key (${user})`, () =>
    withListener(undefined, async (listener) => {
      const program = `
a = trap()
say(a, trap(False), ask(), trap(), trap(False), ask())
a.close()
say(ask(), trap())`;
      const { says, stderr, rejections } = await run(user, 3, program, { ports: [listener.port] });
      const cause = '3 connections are open, as many as limits.connections permits';
      const told = `Cannot connect to "127.0.0.1:${listener.port}": ${cause}`;
      assert.deepEqual(
        says.split('\n').filter((line) => !line.startsWith('told')),
        ['open open open EAGAIN EAGAIN EAGAIN', 'open EAGAIN', ''],
      );
      assert.ok(says.includes(`told [Errno 11] ${told}`), says);
      assert.equal(rejections, 4);
      // The line is told once, and its repeats at the end.
      assert.equal(stderr.split(`postern: ${told}\n`).length, 2, stderr);
      assert.ok(stderr.includes(`"127.0.0.1:${listener.port}" (concurrency_limited, 4 times)`), stderr);
      assert.equal(await listener.allConnections(), 4, 'what was refused was not dialled');
    }));

  test(`a place becomes free when its connection is closed or has failed, and not before (${user})`, () =>
    withListener(
      (socket) => socket.end(),
      async (listener) => {
        const nobody = await freePort();
        const program = `
say(*{told if isinstance(told, str) else (told.close(), "open")[1] for told in (trap() for _ in range(300))})
say(*{trap(to=int(sys.argv[2])) for _ in range(20)})
ended = trap()
ended.recv(1)
say(trap())
ended.close()
one = trap()
pair = socket.socketpair()
socket.send_fds(pair[0], [b"x"], [one.fileno()])
one.close()
say(one, trap())
import os
os.close(socket.recv_fds(pair[1], 1, 1)[1][0])
say(trap())`;
        const { says } = await run(user, 1, program, { ports: [listener.port, nobody] });
        assert.deepEqual(says.split('\n'), [
          'open',
          'ECONNREFUSED',
          'EAGAIN', // The peer has ended it, and the program holds it.
          'open EAGAIN', // Nobody holds it but a message that is under way.
          'open',
          '',
        ]);
      },
    ));
}

for (const user of userInTurn(1)) {
  test(`a closed connection takes no place while the kernel still delivers its bytes (${user})`, () =>
    withListener(
      (socket) => socket.pause(),
      async (listener) => {
        const program = `
one = trap()
one.setblocking(False)
try:
    while one.send(bytes(1 << 20)):
        pass
except BlockingIOError:
    pass
say(trap())
one.close()
say(trap())`;
        const { says } = await run(user, 1, program, { ports: [listener.port] });
        assert.equal(says, 'EAGAIN\nopen\n');
      },
    ));

  test(`a broker that dies forgets no open connection, and counts none that was closed meanwhile (${user})`, () =>
    withListener(undefined, async (listener) => {
      const program = `
one, two, three = trap(), trap(), ask()
say(one, two, three, trap())
print("now", flush=True)
sys.stdin.readline()
two.close()
say(trap(), trap())`;
      const { says } = await run(user, 3, program, {
        ports: [listener.port],
        during: (broker) => process.kill(broker, 'SIGKILL'),
      });
      assert.equal(says, 'open open open EAGAIN\nopen EAGAIN\n');
      assert.equal(await listener.allConnections(), 4);
    }));
}
