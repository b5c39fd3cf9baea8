// postern top: what each plugin uses, with the bytes that its peer has counted, as root and as a user.
import assert from 'node:assert/strict';
import { existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { TopRow } from '../../sandbox/cli/control/top.js';
import { anyUser } from '../harness/asked.js';
import { listen } from '../harness/listener.js';
import { postern, startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { chownTo, readableFile, readableFolder, type User, users } from '../harness/users.js';

/** Holds one connection, over which it sends 1,000 bytes ten times a second, ends others, is refused, and keeps a processor busy in a child. */
const BUSY = `
import os, socket, sys, time
port = int(sys.argv[1])
kept = bytearray(50 << 20)
if os.fork() == 0:
    while True:
        end = time.process_time() + 0.02
        while time.process_time() < end:
            pass
        time.sleep(0.1)
held = socket.create_connection(("127.0.0.1", port))
while True:
    held.sendall(b"x" * 1000)
    # A broker that dies may cost an error.
    try:
        with socket.create_connection(("127.0.0.1", port)) as short:
            short.sendall(b"y" * 100)
    except OSError:
        pass
    try:
        socket.create_connection(("192.0.2.7", 99))
    except OSError:
        pass
    time.sleep(0.1)
`;
const driver = readableFile('top-screen.py', readFileSync(new URL('top-screen.py', import.meta.url), 'utf8'));

interface Shown {
  readonly at_ms: number;
  readonly plugins: readonly TopRow[];
}

interface Scene {
  readonly path: string;
  readonly pid: number;
  readonly top: (...words: readonly string[]) => ReturnType<typeof postern>;
  /** The plugin's last report. */
  readonly busy: (words?: readonly string[]) => Promise<TopRow>;
  /** What the peer has received so far. */
  readonly received: () => number;
}

async function start(t: TestContext, user: User): Promise<Scene> {
  let received = 0;
  const upstream = await listen((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      received += bytes.length;
    });
  });
  t.after(() => upstream.close());
  const folder = readableFolder();
  chownTo(user, folder);
  const command = ['/usr/bin/python3', '-c', BUSY, String(upstream.port)];
  const plugins = {
    busy: { command, allow: [`127.0.0.1:${upstream.port}`] },
    quiet: { command: ['sleep', '1000'] },
  };
  writeFileSync(join(folder, 'postern.yaml'), JSON.stringify({ audit: '/dev/null', plugins }));
  const path = join(folder, 'c.sock');
  const { child } = startPostern(['up', '--control', path], { as: user, cwd: folder });
  t.after(() => child.kill('SIGKILL'));
  await until(() => existsSync(path) || child.exitCode !== null || undefined);
  const top: Scene['top'] = (...words) => postern(['top', ...words, '--control', path], { as: user });
  const busy: Scene['busy'] = async (words = ['--json', '--count', '1']) => {
    const { stdout, stderr } = await top(...words);
    assert.equal(stderr, '');
    const { plugins: rows } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Shown;
    const found = rows.find(({ name }) => name === 'busy');
    assert.ok(found !== undefined);
    return found;
  };
  return { path, pid: child.pid ?? 0, top, busy, received: () => received };
}

for (const user of anyUser) {
  test(`top shows connections, rates, bytes, denials, memory and processor time of each plugin (${user})`, async (t) => {
    const scene = await start(t, user);
    const first = await until(async () => {
      const row = await scene.busy();
      // On a busy machine a report may cover less than one round of the program.
      const rates = [row.denials_per_second, row.connects_per_second, row.cpu_percent].map(Number);
      return rates.every((rate) => rate > 0) && Number(row.sent_bytes_per_second) > 100 ? row : undefined;
    }, 30_000);
    assert.ok(Number(first.connections) >= 1, JSON.stringify(first));
    assert.equal(first.measured, 'processes');
    assert.ok(Number(first.memory_bytes) > 50 * 2 ** 20, 'the memory of the program');
    assert.ok(Number(first.cpu_seconds) > 0, 'the processor time of a child');
    // What the plugin's kernel has sent, the peer has, and soon counts.
    const before = await scene.busy();
    await until(() => scene.received() >= Number(before.sent_bytes) || undefined);
    const counted = scene.received();
    await until(async () => (Number((await scene.busy()).sent_bytes) >= counted ? true : undefined));

    const { stdout: lines } = await scene.top('--json', '--count', '2');
    const [one, two] = lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Shown);
    assert.ok(two !== undefined && one !== undefined && two.at_ms - one.at_ms >= 250);
    const { stdout: table, status } = await scene.top('--sort', 'memory');
    assert.equal(status, 0);
    assert.match(
      table,
      /^postern for .*, 2 plugins\nPLUGIN +STATE +CONNS .*CPU%\nbusy +running .*\nquiet +running .*\n$/,
    );
    assert.doesNotMatch(table, /\p{Cc}(?<!\n)/u);
    const wrong = await scene.top('--sort', 'size');
    assert.equal(wrong.status, 2);

    // While a broker is replaced, what the kernel says stays known.
    const broker = await until(() => brokerOf(scene.pid));
    process.kill(broker, 'SIGKILL');
    const after = await until(async () => {
      const row = await scene.busy();
      return Number(row.connections) >= 1 && brokerOf(scene.pid) !== broker ? row : undefined;
    });
    assert.ok(Number(after.memory_bytes) > 50 * 2 ** 20);
    assert.ok(Number(after.sent_bytes_per_second) >= 0);
  });
}

const [anyone = 'user'] = users;

test('a table that goes to a file is whole', async (t) => {
  const { path } = await start(t, anyone);
  const words = ['top', '--count', '1', '--control', path];
  const files = Array.from({ length: 8 }, (_, index) => readableFile(`top-${index}`, ''));
  await Promise.all(
    files.map((file) => postern(words, { as: anyone, stdio: ['ignore', openSync(file, 'w'), 'pipe'] })),
  );
  for (const file of files)
    assert.match(readFileSync(file, 'utf8'), /^postern for .*\nPLUGIN .*\nbusy .*\nquiet .*\n$/);
});

test('at a terminal top draws without clearing, fits its size, and gives the terminal back', async (t) => {
  const { path } = await start(t, anyone);
  const { stdout, stderr, status } = await postern([], {
    as: anyone,
    through: ['/usr/bin/python3', driver, path],
  });
  assert.equal(status, 0, `${stdout}${stderr}`);
  const told = JSON.parse(stdout) as Record<string, unknown>;
  assert.match(String(told['head']), /^PLUGIN +STATE +CONNS/);
  const left = { restored: true, left: 1, cleared: 0 };
  delete told['head'];
  assert.deepEqual(told, {
    raw: true,
    plugins: ['busy', 'quiet'],
    narrow: [true, 3, 'and 2 more'],
    q: { status: 0, ...left },
    'Ctrl-C': { status: 0, ...left },
    SIGTERM: { status: 143, ...left },
  });
});
