// The audit log that nobody takes, with when_full: block and drop: what waits, what goes on, and what is in the log in the end.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { constants, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { AuditLine } from '../harness/audit-line.js';
import { brokerOf } from '../harness/broker-of.js';
import { freePort } from '../harness/free-port.js';
import { type Listener, listen } from '../harness/listener.js';
import { type RunningPostern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { readableFolder, type User, users } from '../harness/users.js';

const isRoot = process.geteuid?.() === 0;
const CONNECTS = 3_000;
const THREADS = 4;
/** A rule is in each of its events. A long one fills the log sooner. */
const OTHER_PORTS = Array.from({ length: 500 }, (_, index) => 2 * index + 1).join(',');

/** Connects until so many attempts have worked, and asks for a name that no rule opens. */
const BUSY = `
import socket, sys, threading
port, wanted, threads = map(int, sys.argv[1:])
def work():
    done = 0
    while done < wanted // threads:
        try:
            with socket.create_connection(("127.0.0.1", port)) as sock:
                if sock.recv(1) == b"x": done += 1
        except OSError as error:
            print("failed", error, flush=True)
workers = [threading.Thread(target=work) for _ in range(threads)]
for worker in workers: worker.start()
for worker in workers: worker.join()
print("all worked", flush=True)
`;

/** Has one connection, sends on it again and again, and connects within its sandbox. */
const STEADY = `
import socket, sys, time
own = socket.create_server(("127.0.0.1", 0))
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as sock:
    while True:
        sock.sendall(b"y" * 1000)
        left = 1000
        while left > 0: left -= len(sock.recv(left))
        with socket.create_connection(own.getsockname()): own.accept()[0].close()
        print("moved", flush=True)
        time.sleep(0.02)
`;

/** Has more requests at once than it may have. No rule allows them. */
const CROWD = `
import errno, socket, threading, time
def work():
    while True:
        with socket.socket() as sock: print("got", errno.errorcode.get(sock.connect_ex(("192.0.2.1", 443))), flush=True)
        time.sleep(0.1)
for _ in range(3): threading.Thread(target=work).start()
`;

/** Once the file is there, connects from many threads at once. No rule allows it. */
const HOG_THREADS = 600;
const HOG = `
import errno, os, socket, sys, threading, time
threading.stack_size(65536)
def work():
    with socket.socket() as sock: print("got", errno.errorcode.get(sock.connect_ex(("192.0.2.1", 443))), flush=True)
while not os.path.exists(sys.argv[1]): time.sleep(0.05)
for _ in range(${HOG_THREADS}): threading.Thread(target=work).start()
print("all ask", flush=True)
`;
/** The broker has few descriptors. */
const FEW = ['prlimit', '--nofile=1024:1024', '--'];

interface Scene {
  readonly postern: RunningPostern;
  readonly upstream: Listener;
  readonly said: () => string;
  readonly moved: () => number;
  /** How many connects of the crowd were refused. */
  readonly refused: (plugin?: string) => number;
  /** Lets the hog begin. */
  readonly go: () => void;
  readonly health: () => Promise<number | undefined>;
  readonly metric: (series: string) => Promise<number>;
}

async function start(
  t: TestContext,
  user: User,
  to: string,
  whenFull: string,
  through: readonly string[] = [],
): Promise<Scene> {
  const upstream = await listen((socket) => socket.end('x'));
  const echo = await listen((socket) => socket.pipe(socket));
  t.after(() => Promise.all([upstream.close(), echo.close()]));
  const port = await freePort();
  const folder = readableFolder();
  const python = (text: string, ...words: readonly number[]): readonly string[] => [
    ...['/usr/bin/python3', '-c', text],
    ...words.map(String),
  ];
  const config = {
    metrics: `127.0.0.1:${port}`,
    audit: { to, when_full: whenFull },
    plugins: {
      steady: { command: python(STEADY, echo.port), allow: [`127.0.0.1:${echo.port}`] },
      busy: {
        command: python(BUSY, upstream.port, CONNECTS, THREADS),
        allow: [`127.0.0.1:${OTHER_PORTS},${upstream.port}`],
        after: ['steady'],
      },
      hog: {
        command: ['/usr/bin/python3', '-c', HOG, join(folder, 'go')],
        filesystem: { visible: [folder] },
      },
      crowd: { command: python(CROWD), limits: { concurrent_requests: 1, queued_requests: 0 } },
    },
  };
  writeFileSync(join(folder, 'postern.yaml'), JSON.stringify(config));
  const postern = startPostern(['up'], { as: user, cwd: folder, through, timeoutMs: 120_000 });
  t.after(() => postern.child.kill('SIGKILL'));
  let said = '';
  for (const stream of [postern.child.stdout, postern.child.stderr])
    stream?.on('data', (text: string) => {
      said += text;
    });
  const page = async (path: string): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`);
  return {
    postern,
    upstream,
    said: () => said,
    moved: () => said.match(/steady \| moved/g)?.length ?? 0,
    refused: (plugin = 'crowd') => said.match(new RegExp(`${plugin} \\| got`, 'g'))?.length ?? 0,
    go: () => writeFileSync(join(folder, 'go'), ''),
    health: () => page('/healthz').then(({ status }) => status),
    metric: async (series) => {
      const text = await (await page('/metrics')).text();
      return Number(new RegExp(`^${series.replace(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1]);
    },
  };
}

const saysSo = ({ said }: Scene, text: string): Promise<true> =>
  until(() => said().includes(text) || undefined, 60_000).catch(() => assert.fail(said().slice(-2_000)));

/** The neighbour's data flows on. @returns how often the busy plugin's connects arrived while it did */
async function moveOn({ moved, upstream }: Scene): Promise<number> {
  const [goal, before] = [moved() + 25, upstream.connections()];
  await until(() => moved() >= goal || undefined, 20_000);
  return upstream.connections() - before;
}

const eventsIn = (text: string): readonly AuditLine[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditLine);

const connectsOf = (events: readonly AuditLine[]): number =>
  events.filter(({ plugin, outcome }) => plugin === 'busy' && outcome === 'connected').length;

const refusalsOf = (events: readonly AuditLine[], plugin = 'crowd'): number =>
  events.filter(({ plugin: one }) => one === plugin).length;

/** Reads a pipe until its text is enough. */
async function readPipe(path: string, enough: (text: string) => boolean): Promise<string> {
  const reader = new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK) });
  let text = '';
  reader.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await until(() => enough(text) || undefined, 60_000);
  reader.destroy();
  return text;
}

function pipe(): string {
  const path = join(readableFolder(), 'audit.pipe');
  assert.equal(spawnSync('mkfifo', ['-m', '666', path]).status, 0);
  return path;
}

for (const user of users) {
  test(`block: connections wait for a log that nobody reads, and none is without its line (${user})`, async (t) => {
    const path = pipe();
    const scene = await start(t, user, path, 'block');
    await saysSo(scene, 'the audit log is full');
    await moveOn(scene);
    const refused = scene.refused();
    assert.equal(await moveOn(scene), 0, 'connections went on');
    assert.equal(scene.refused(), refused, 'a connect was refused, which is an event');
    assert.ok(scene.upstream.connections() < CONNECTS, 'the log was not full in time');
    assert.equal(await scene.health(), 200);
    assert.equal(await scene.metric('postern_audit_up'), 0);
    // A new broker must know as well.
    const broker = brokerOf(scene.postern.child.pid ?? 0);
    process.kill(broker ?? 0, 'SIGKILL');
    await saysSo(scene, 'a new one serves');
    assert.equal(await moveOn(scene), 0, 'connections went on with a new broker');
    assert.equal(await scene.health(), 200);
    let lines: readonly AuditLine[] = [];
    await readPipe(path, (text) => {
      if (!scene.said().includes('all worked') || !text.endsWith('\n')) return false;
      lines = eventsIn(text);
      return connectsOf(lines) >= scene.upstream.connections();
    });
    assert.match(scene.said(), /the audit log has room again: new connections go on/);
    assert.equal(connectsOf(lines), scene.upstream.connections());
    assert.ok(refusalsOf(lines) > 0);
    assert.equal(scene.upstream.connections(), CONNECTS);
    assert.ok(!lines.some(({ event }) => event === 'gap'));
    assert.equal(await scene.metric('postern_audit_events_dropped_total'), 0);
    assert.equal(await scene.metric('postern_audit_up'), 1);
    assert.equal(await scene.metric('postern_slow_touches_total{plugin="busy",action="killed"}'), 0);
    scene.postern.child.kill('SIGTERM');
    await scene.postern.result;
  });

  test(`block: SIGTERM ends postern while connections wait, and it says how many events are lost (${user})`, async (t) => {
    const path = pipe();
    const keeper = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const scene = await start(t, user, path, 'block');
    await saysSo(scene, 'the audit log is full');
    await moveOn(scene);
    const at = performance.now();
    scene.postern.child.kill('SIGTERM');
    const { signal, stderr } = await scene.postern.result;
    assert.equal(signal, null);
    // Far less than stop_grace_ms, which would end in SIGKILL.
    assert.ok(performance.now() - at < 20_000);
    const lost = Number(/ends without its last events, (\d+) in number/.exec(stderr)?.[1]);
    const reader = new Socket({ fd: keeper });
    let text = '';
    reader.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    // The neighbour has one connection.
    const made = scene.upstream.connections() + scene.refused() + 1;
    const whole = (): number => text.split('\n').length - 1;
    await until(() => whole() + lost >= made || undefined).finally(() => reader.destroy());
    // At the end, a call of each thread of the crowd may get no answer.
    assert.ok(whole() + lost - made <= 3, `${whole()} lines and ${lost} lost, of ${made}`);
  });

  test(`drop: connections go on, and the log has a gap (${user})`, async (t) => {
    const path = pipe();
    const scene = await start(t, user, path, 'drop');
    await saysSo(scene, 'all worked');
    let lines: readonly AuditLine[] = [];
    await readPipe(path, (text) => {
      if (!text.endsWith('\n')) return false;
      lines = eventsIn(text);
      return lines.some(({ event }) => event === 'gap');
    });
    const gap = lines.find(({ event }) => event === 'gap');
    const inLog = connectsOf(lines) + refusalsOf(lines) + Number(gap?.['events']);
    assert.ok(connectsOf(lines) < CONNECTS && inLog >= CONNECTS, `${inLog}`);
    scene.postern.child.kill('SIGTERM');
    await scene.postern.result;
  });
}

test('block: a call past the share of descriptors waits too, and has its line', async (t) => {
  const path = pipe();
  const scene = await start(t, 'user', path, 'block', FEW);
  await saysSo(scene, 'the audit log is full');
  scene.go();
  await saysSo(scene, 'hog | all ask');
  await moveOn(scene);
  assert.equal(scene.refused('hog'), 0);
  let lines: readonly AuditLine[] = [];
  await readPipe(path, (text) => {
    if (scene.refused('hog') < HOG_THREADS || !text.endsWith('\n')) return false;
    lines = eventsIn(text);
    return refusalsOf(lines, 'hog') >= HOG_THREADS;
  });
  assert.equal(refusalsOf(lines, 'hog'), HOG_THREADS);
  assert.match(scene.said(), /hog \| got EAGAIN/, 'its share was large enough');
  scene.postern.child.kill('SIGTERM');
  await scene.postern.result;
});

test('block: connections wait for a full disk, and none is without its line', {
  skip: !isRoot && 'needs root',
}, async (t) => {
  const disk = join(readableFolder(), 'disk');
  mkdirSync(disk);
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', disk]).status, 0);
  t.after(() => {
    spawnSync('umount', ['--lazy', disk]);
    rmSync(disk, { recursive: true, force: true });
  });
  const path = join(disk, 'audit.log');
  const scene = await start(t, 'root', path, 'block');
  await saysSo(scene, 'ENOSPC');
  await saysSo(scene, 'the audit log is full');
  await moveOn(scene);
  assert.equal(await moveOn(scene), 0, 'connections went on');
  assert.equal(await scene.health(), 200);
  assert.equal(spawnSync('mount', ['-o', 'remount,size=64m', disk]).status, 0);
  await saysSo(scene, 'all worked');
  const text = (): string => readFileSync(path, 'utf8');
  await until(() => (text().endsWith('\n') && connectsOf(eventsIn(text())) >= CONNECTS) || undefined);
  assert.equal(connectsOf(eventsIn(text())), scene.upstream.connections());
  assert.ok(!text().includes('"event":"gap"'));
  scene.postern.child.kill('SIGTERM');
  await scene.postern.result;
});
