import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { LAYOUT } from '../../shared/sys/layout.js';
import { anyUser } from '../harness/asked.js';
import type { AuditLine } from '../harness/audit-line.js';
import { copyPrograms } from '../harness/copy-programs.js';
import { freePort } from '../harness/free-port.js';
import { listen } from '../harness/listener.js';
import { type PosternResult, postern, type RunningPostern, startPostern } from '../harness/postern.js';
import { brokerOf, childrenOf, commandOf, signalTo } from '../harness/processes.js';
import { type PublicNet, startPublicNet } from '../harness/public-net.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { connectsUnderWay } from '../harness/tcp-table.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder, type User, users } from '../harness/users.js';
import { Ports } from '../interop/side-by-side.js';

const NAME = 'api.example.com';
/**
 * Connects by connect(2) to an address that it looked up once, by the channel, and looks up names, all again and again until it reads a
 * line. One connection stays open, and is used at the end.
 */
const BUSY = `${PYTHON_CHANNEL}
import json, socket, sys, threading, time
name = "${NAME}"
address = socket.getaddrinfo(name, 80, socket.AF_INET, socket.SOCK_STREAM)[0][4]
channel = Channel.from_environment()
kept = socket.create_connection(address)
counts, errors, ended = {}, [], threading.Event()
lock = threading.Lock()

def again(what, work):
    while not ended.is_set():
        begun = time.monotonic()
        try:
            work()
            with lock:
                counts[what] = counts.get(what, 0) + 1
        except Exception as error:
            errors.append(f"{what}, {time.monotonic() - begun:.1f} s: {error!r}")

def lookup():
    # A plugin may ask so many questions a second, and no more.
    time.sleep(0.02)
    socket.getaddrinfo(name, 80, socket.AF_INET, socket.SOCK_STREAM)

work = [("trap", lambda: socket.create_connection(address).close())] * 3
work += [("channel", lambda: channel.connect(name, 80).close()), ("lookup", lookup)]
threads = [threading.Thread(target=again, args=one) for one in work]
for thread in threads:
    thread.start()
print("up", flush=True)
sys.stdin.readline()
ended.set()
for thread in threads:
    thread.join()
kept.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
answer = kept.recv(100).decode("latin1").split()[0]
print(json.dumps({"counts": counts, "errors": errors, "kept": answer}), flush=True)
`;
/** Connects once, and says what came of it. */
const ONCE = `
import errno, socket, sys
s = socket.socket()
error = s.connect_ex(("127.0.0.1", int(sys.argv[1])))
print("ended", errno.errorcode.get(error, error), flush=True)
`;

let net: PublicNet;
before(async () => {
  net = await startPublicNet({ [`${NAME} A`]: ['93.184.216.10'] }, [80]);
});
after(() => net.close());

/** The path of a control socket, in a folder of the user. */
function socketOf(user: User): string {
  const folder = readableFolder();
  chownTo(user, folder);
  return join(folder, 'c.sock');
}

const replace = (user: User, control: string): Promise<PosternResult> =>
  postern(['reload', '--broker', '--json', '--control', control], { as: user });

/** The events of a log on stdout. */
const eventsOf = (stdout: string): readonly AuditLine[] =>
  [...stdout.matchAll(/^\{.*"event":.*\}$/gm)].map(([line]) => JSON.parse(line));

for (const user of anyUser) {
  // proves: the next broker knows the names that were given
  test(`a broker that is replaced refuses nobody, loses no event, and its successor knows the names (${user})`, async (t) => {
    const control = socketOf(user);
    const {
      child,
      result,
      stdout: said,
    } = startPostern(
      [
        ...['run', '--dns', net.dns, '--allow', `${NAME}:80`, '--audit', 'stdout', '--control', control],
        ...['--', '/usr/bin/python3', '-c', BUSY],
      ],
      { as: user, inside: net.within, keepInput: true, ownControl: true, timeoutMs: 120_000 },
    );
    t.after(() => child.kill('SIGKILL'));
    await until(() => said().includes('up\n') || undefined, 20_000);
    const pids = new Set<number>();
    for (let round = 0; round < 5; round += 1) {
      const seen = net.connections().length;
      await until(() => net.connections().length >= seen + 50 || undefined, 20_000);
      const { status, stdout, stderr } = await replace(user, control);
      assert.equal(status, 0, stderr);
      const { pid, in_order: inOrder } = JSON.parse(stdout);
      assert.ok(inOrder);
      pids.add(pid);
      assert.equal(brokerOf(child.pid ?? 0), pid);
    }
    assert.equal(pids.size, 5);
    child.stdin?.end('end\n');
    const { status, stdout, stderr } = await result;
    assert.equal(status, 0, stderr);
    const { counts, errors, kept } = JSON.parse(/^\{"counts.*$/m.exec(stdout)?.[0] ?? '{}');
    assert.deepEqual(errors, []);
    assert.equal(kept, 'HTTP/1.1');
    const events = eventsOf(stdout);
    assert.equal(events.filter(({ event }) => event === 'gap').length, 0);
    const decisions = events.filter(({ event }) => event === 'decision');
    const made = counts.trap + counts.channel + 1;
    assert.equal(decisions.filter(({ outcome }) => outcome === 'connected').length, made);
    assert.equal(decisions.length, made);
    // A broker may take the kernel's report of a connection that the one before has not accounted for.
    const ids = new Set(decisions.map(({ decision_id: id }) => id));
    const closed = events.filter(({ event }) => event === 'closed');
    assert.deepEqual(
      closed.filter((event) => !ids.has(event['decision_id']) || event['host'] === null),
      [],
    );
    t.diagnostic(`${JSON.stringify(counts)}, ${net.connections().length} connections in all`);
  });
}

/** Connects a hundred times to a port, and as often to what no rule allows. Says when that is done. */
const COUNTED = `
import socket, sys, time
for _ in range(100):
    socket.socket().connect_ex(("127.0.0.1", int(sys.argv[1])))
    socket.socket().connect_ex(("93.184.216.10", 80))
print("done", flush=True)
time.sleep(600)
`;

for (const user of anyUser) {
  // proves: metrics: what a broker has counted stays when it is replaced
  test(`what a broker has counted before it is replaced stands in the next page, if no page was served before (${user})`, async (t) => {
    const server = await listen((socket) => socket.end());
    t.after(() => server.close());
    const control = socketOf(user);
    const metrics = await freePort();
    const { child, stdout: said } = startPostern(
      [
        ...['run', '--name', 'counted', '--metrics', `127.0.0.1:${metrics}`, '--control', control],
        ...[
          '--allow',
          `127.0.0.1:${server.port}`,
          '--',
          '/usr/bin/python3',
          '-c',
          COUNTED,
          String(server.port),
        ],
      ],
      { as: user, ownControl: true, timeoutMs: 120_000 },
    );
    t.after(() => child.kill('SIGKILL'));
    await until(() => said().includes('done') || undefined, 60_000);
    for (let round = 0; round < 2; round += 1) {
      const { stdout, stderr } = await replace(user, control);
      assert.equal(JSON.parse(stdout).in_order, true, stderr);
    }
    const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
    const series = 'postern_decisions_total{plugin="counted",decision=';
    assert.ok(page.includes(`\n${series}"allow",reason="rule"} 100\n`), page);
    assert.ok(page.includes(`\n${series}"deny",reason="no_rule"} 100\n`), page);
  });
}

/** Sends datagrams to the outside until it reads a line, and says how many were refused. */
const DATAGRAMS = `
import socket, sys, threading, time
ended = threading.Event()
def send():
    refused = 0
    while not ended.is_set():
        try:
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("93.184.216.10", 9))
        except OSError:
            refused += 1
        if refused == 1:
            print("up", flush=True)
        time.sleep(0.01)
    print("refused", refused, flush=True)
sender = threading.Thread(target=send)
sender.start()
sys.stdin.readline()
ended.set()
sender.join()
`;

for (const user of anyUser) {
  // proves: what gathers in a trap is written before its broker is replaced
  test(`refusals that gather for one line are in the log when the broker is replaced meanwhile (${user})`, async (t) => {
    const control = socketOf(user);
    const running = startPostern(
      ['run', '--audit', 'stdout', '--control', control, '--', '/usr/bin/python3', '-c', DATAGRAMS],
      { as: user, keepInput: true, ownControl: true, timeoutMs: 120_000 },
    );
    t.after(() => running.child.kill('SIGKILL'));
    await until(() => running.stdout().includes('up\n') || undefined, 20_000);
    for (let round = 0; round < 3; round += 1) {
      const { stdout, stderr } = await replace(user, control);
      assert.equal(JSON.parse(stdout).in_order, true, stderr);
    }
    running.child.stdin?.end('end\n');
    const { stdout } = await running.result;
    const counts = eventsOf(stdout).map(({ reason, count }) =>
      reason === 'udp_refused' ? Number(count) : 0,
    );
    const told = counts.reduce((sum, count) => sum + count, 0);
    assert.equal(told, Number(/^refused (\d+)$/m.exec(stdout)?.[1]));
  });
}

/** Looks a name up, waits for a line, and connects to the address. A signal comes meanwhile. */
const SIGNALLED = `
import signal, socket, sys
address = socket.getaddrinfo("${NAME}", 80, socket.AF_INET, socket.SOCK_STREAM)[0][4]
print("up", flush=True)
sys.stdin.readline()
class Handled(Exception):
    pass
def handle(*_):
    raise Handled
signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.2)
try:
    socket.create_connection(address)
    print("connected", flush=True)
except Handled:
    print("handled", flush=True)
sys.stdin.readline()
`;

for (const user of anyUser) {
  // proves: a caller with a signal does not wait for DNS
  test(`a signal ends a connect for which DNS is asked again, and nothing is dialled for it (${user})`, async (t) => {
    const control = socketOf(user);
    const { child, result, stdout } = startPostern(
      [
        ...['run', '--dns', net.dns, '--allow', `${NAME}:80`, '--audit', 'stdout', '--control', control],
        ...['--', '/usr/bin/python3', '-c', SIGNALLED],
      ],
      { as: user, inside: net.within, keepInput: true, ownControl: true, timeoutMs: 60_000 },
    );
    t.after(() => child.kill('SIGKILL'));
    await until(() => stdout().includes('up\n') || undefined, 20_000);
    // The next broker asks DNS before a name counts that the former one gave.
    assert.equal((await replace(user, control)).status, 0);
    const before = net.connections().length;
    net.stop(true);
    t.after(() => net.stop(false));
    child.stdin?.write('go on\n');
    await until(() => /^(handled|connected)$/m.test(stdout()) || undefined, 20_000);
    net.stop(false);
    child.stdin?.end('end\n');
    const { stdout: said, stderr } = await result;
    assert.match(said, /^handled$/m, stderr);
    assert.deepEqual(
      eventsOf(said).filter(({ event }) => event === 'decision'),
      [],
    );
    assert.equal(net.connections().length, before);
  });
}

/** Programs whose broker says of each connect(2) that it leaves that it is a setsockopt(2), which the kernel may execute. */
function lyingPrograms(): string {
  const dist = copyPrograms();
  const broker = join(dist, 'run/broker-main.cjs');
  const honest = readFileSync(broker, 'utf8');
  const number = process.arch === 'arm64' ? 208 : 54;
  const at = LAYOUT['struct seccomp_notif']['data.nr'];
  const lying = honest.replace(
    /function markNotification\((\w+), (\w+)\) \{/,
    `$& if ($2) $1[${at}] = ${number};`,
  );
  assert.notEqual(lying, honest);
  writeFileSync(broker, lying);
  return dist;
}

for (const [former, programs, asked] of [
  ['', () => undefined, users],
  [', also if the former one says that it is another call', lyingPrograms, anyUser],
] as const)
  for (const user of asked) {
    // proves: a call that waits goes on with the broker that takes the place of another
    // proves: a call that a former broker left is taken as a connect, and not executed on its word
    test(`a call that waits when the broker is replaced goes on with the next one${former} (${user})`, async (t) => {
      const ports = await Ports.start();
      t.after(() => ports.close());
      const dist = programs();
      const control = socketOf(user);
      const known = new Set(ports.filling);
      /** Waits for a connect that is neither the listener's own nor one of a broker before. */
      const another = async (): Promise<void> => {
        known.add(
          await until(() => [...connectsUnderWay(ports.full)].find((local) => !known.has(local)), 20_000),
        );
      };
      const { child, result } = startPostern(
        [
          ...['run', '--allow', `127.0.0.1:${ports.full}`, '--control', control],
          ...['--', '/usr/bin/python3', '-c', ONCE, String(ports.full)],
        ],
        { as: user, ownControl: true, timeoutMs: 120_000, ...(dist && { dist }) },
      );
      t.after(() => child.kill('SIGKILL'));
      await another();
      for (let round = 0; round < 2; round += 1) {
        const { status, stderr } = await replace(user, control);
        assert.equal(status, 0, stderr);
        await another();
      }
      // The kernel resets it with the listener.
      await ports.close();
      const { stdout, stderr } = await result;
      assert.equal(stdout, 'ended ECONNREFUSED\n', stderr);
    });
  }

interface Changed {
  readonly dist: string;
  readonly control: string;
  readonly up: RunningPostern;
  readonly said: () => string;
  readonly connected: () => number;
}

/** A postern of a copy whose files a test changes, with a plugin that connects again and again. */
async function startChanged(
  t: TestContext,
  user: User,
  change: (broker: string) => string = (text) => text,
): Promise<Changed> {
  const dist = copyPrograms();
  const broker = join(dist, 'run/broker-main.cjs');
  writeFileSync(broker, change(readFileSync(broker, 'utf8')));
  const server = await listen((socket) => socket.end());
  t.after(() => server.close());
  const control = socketOf(user);
  const program = `
import socket, sys, time
while True:
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()
    except ConnectionAbortedError:
        pass
    time.sleep(0.02)
`;
  const up = startPostern(
    [
      ...['run', '--allow', `127.0.0.1:${server.port}`, '--control', control],
      ...['--', '/usr/bin/python3', '-c', program, String(server.port)],
    ],
    { as: user, dist, ownControl: true, timeoutMs: 120_000 },
  );
  t.after(() => up.child.kill('SIGKILL'));
  const { stderr: said } = up;
  await until(() => server.connections() > 0 || undefined, 20_000);
  return { dist, control, up, said, connected: () => server.connections() };
}

const [anyone = 'user'] = users;

test('the code of the new broker is what is installed by then, and status tells its version', async (t) => {
  const { dist, control, connected } = await startChanged(t, anyone);
  const file = join(dirname(dist), 'package.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), version: '9.8.7' }));
  const { stdout, stderr } = await replace(anyone, control);
  assert.equal(JSON.parse(stdout).version, '9.8.7', stderr);
  const status = await postern(['status', '--json', '--control', control], { as: anyone });
  assert.equal(JSON.parse(status.stdout).broker.version, '9.8.7');
  const seen = connected();
  await until(() => connected() > seen + 5 || undefined, 20_000);
});

// proves: a broker of another link serves nobody
for (const [what, wrong, told] of [
  ['does not start', "throw new Error('broken')", /The broker does not run: it ended with status/],
  ['has another link', 'var LINK_VERSION = 999', /postern was installed anew/],
] as const)
  test(`where the new broker ${what}, the former one goes on`, async (t) => {
    const { dist, control, up, connected } = await startChanged(t, anyone);
    const file = join(dist, 'run/broker-main.cjs');
    writeFileSync(file, readFileSync(file, 'utf8').replace('var LINK_VERSION = 1', wrong));
    const before = brokerOf(up.child.pid ?? 0);
    const { status, stderr } = await replace(anyone, control);
    assert.equal(status, 1);
    assert.match(stderr, told);
    assert.equal(brokerOf(up.child.pid ?? 0), before);
    const seen = connected();
    await until(() => connected() > seen + 5 || undefined, 20_000);
  });

// proves: a broker that died while the former one ended its work serves nobody
test('where the new broker dies while the former one ends its work, a third one serves', async (t) => {
  const { dist, control, up, said, connected } = await startChanged(t, anyone);
  const file = join(dist, 'run/broker-main.cjs');
  const honest = readFileSync(file, 'utf8');
  const saying = honest.replace(/^.*type: "plugin_ready".*$/m, "console.error('it has its rules');\n$&");
  assert.notEqual(saying, honest);
  writeFileSync(file, saying);
  const pid = up.child.pid ?? 0;
  const before = brokerOf(pid);
  // It is killed seconds after it was to end its work.
  signalTo(before, 'SIGSTOP');
  const replaced = replace(anyone, control);
  await until(() => said().includes('it has its rules') || undefined, 20_000);
  const [next] = childrenOf(pid).filter((one) => one !== before && commandOf(one).includes('broker.cjs'));
  await setTimeout(1_000);
  signalTo(next, 'SIGKILL');
  const { status, stderr } = await replaced;
  assert.equal(status, 1);
  assert.match(stderr, /it ended with SIGKILL/);
  const seen = connected();
  await until(() => connected() > seen + 5 || undefined, 20_000);
  assert.ok(![before, next].includes(brokerOf(pid) ?? before));
});

// proves: a broker that does not retire is killed
for (const [what, isHung] of [
  ['hangs', true],
  ['answers and does not retire', false],
] as const)
  test(`a broker that ${what} is killed when it is replaced, and the next one serves`, async (t) => {
    const keepsOn = (text: string): string => text.replace('void retire(', 'void (() => {})(');
    const { control, up, said, connected } = await startChanged(t, anyone, isHung ? undefined : keepsOn);
    const before = brokerOf(up.child.pid ?? 0) ?? 0;
    if (isHung) process.kill(before, 'SIGSTOP');
    const { stdout, stderr } = await replace(anyone, control);
    assert.equal(JSON.parse(stdout).in_order, false, stderr);
    await until(() => said().includes('the former one did not end in order') || undefined);
    const seen = connected();
    await until(() => connected() > seen + 5 || undefined, 20_000);
    assert.notEqual(brokerOf(up.child.pid ?? 0), before);
  });
