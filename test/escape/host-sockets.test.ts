// A plugin connects to no AF_UNIX socket of the host that it sees: however the socket was bound, in whatever network namespace, before the
// start or later, in a folder that is visible or writable. It reaches its own, there too.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { anyUser, twin } from '../harness/asked.js';
import { postern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { readableFolder, type User, users } from '../harness/users.js';
import { mutantDist } from '../mutation/mutant-dist.js';

const program = readFileSync(new URL('host-sockets.py', import.meta.url), 'utf8');
const judgeProgram = fileURLToPath(new URL('host-sockets-judge.py', import.meta.url));
const NAMES = [
  ...['hard-link.sock', 'late.sock', 'linked.sock', 'other-namespace.sock', 'packets.seq', 'plain.sock'],
  ...['private.sock', 'relative.sock', 'renamed.sock', 'soft-link.sock', 'ümläut'],
];
/** What the judge calls them. */
const TOLD = ['late', 'linked', 'namespace', 'packets', 'plain', 'private', 'relative', 'renamed', 'umlaut'];
/** The test connects to it after the plugin has ended. */
const LAST = 'shown/plain';
const NOBODY = 65_534;

interface Seen {
  readonly found: ReadonlyMap<string, string>;
  readonly heard: readonly string[];
  readonly stderr: string;
}

async function look(user: User, egress: string, dist?: string): Promise<Seen> {
  const top = readableFolder();
  const folders = ['shown', 'written'].map((name) => join(top, name));
  for (const folder of folders) {
    mkdirSync(folder);
    if (user === 'user' && process.geteuid?.() === 0) chownSync(folder, NOBODY, NOBODY);
  }
  const [shown = '', written = ''] = folders;
  const judge = spawn('/usr/bin/python3', [judgeProgram, ...folders], { stdio: ['pipe', 'pipe', 'inherit'] });
  const heard: string[] = [];
  const lines = createInterface(judge.stdout);
  lines.on('line', (line) => {
    if (line.startsWith('heard ')) heard.push(line.slice(6));
  });
  try {
    await once(lines, 'line');
    const { child, result } = startPostern(
      [
        ...['run', '--egress', egress, '--visible', shown, '--writable', written, '--audit', '/dev/null'],
        ...['--', '/usr/bin/python3', '-c', program, shown, written],
      ],
      { as: user, keepInput: true, ...(dist === undefined ? {} : { dist }) },
    );
    child.stdout?.once('data', async () => {
      judge.stdin.write('\n');
      await once(lines, 'line');
      child.stdin?.end('\n');
    });
    const { stdout, stderr } = await result;
    const found = new Map(
      [...stdout.matchAll(/^result (\S+) (.*)$/gm)].map(([, key = '', value = '']) => [key, value]),
    );
    assert.equal(found.get('ready'), 'yes', stderr);
    // The judge tells of each some time after it was connected to, and of the last one last.
    if (dist !== undefined) await until(() => new Set(heard).size === 2 * TOLD.length || undefined);
    else {
      connect(join(shown, 'plain.sock'));
      await until(() => heard.includes(LAST) || undefined);
    }
    return { found, heard, stderr };
  } finally {
    judge.kill('SIGKILL');
  }
}

for (const egress of ['transparent', 'channel']) {
  // As root the supervisor makes the connects, and as a user the broker. With `channel` a filter refuses them.
  for (const user of egress === 'transparent' ? users : anyUser) {
    // proves: the kernel executes no AF_UNIX connect on the word of the plugin
    // proves: an AF_UNIX socket is connected only to one that was bound in the sandbox
    test(`no socket of the host that shows can be connected to, and its own can (${egress}, ${user})`, async () => {
      const { found, heard, stderr } = await look(user, egress);
      for (const folder of ['shown', 'written'])
        for (const name of NAMES)
          assert.equal(found.get(`${folder}/${name}`), 'EACCES', `${folder}/${name} ${stderr}`);
      const inside = egress === 'transparent';
      assert.equal(found.get('own'), inside ? 'ok ok' : 'EACCES EACCES', stderr);
      assert.equal(found.get('race'), inside ? 'own reached' : 'own never reached', stderr);
      assert.deepEqual(heard, [LAST]);
    });
  }
}

for (const user of users) {
  twin(`each of them is heard once whose socket it is does not count (${user})`, async () => {
    // As root, a tree below /tmp is mapped without groups too, which keeps the kernel from a connect.
    const dist = mutantDist(
      'as root, files of an exposed tree have no group that the plugin could write by',
      'an AF_UNIX socket is connected only to one that was bound in the sandbox',
    );
    const { found, heard } = await look(user, 'transparent', dist);
    for (const folder of ['shown', 'written'])
      for (const name of NAMES) assert.equal(found.get(`${folder}/${name}`), 'ok', `${folder}/${name}`);
    assert.deepEqual(
      [...new Set(heard)].sort(),
      ['shown', 'written'].flatMap((folder) => TOLD.map((name) => `${folder}/${name}`)),
    );
  });
}

const SERVER = `import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen(1)
print("up", flush=True)
server.accept()
print("heard", flush=True)`;
const CLIENT = `import errno, socket, sys
try:
    socket.socket(socket.AF_UNIX).connect(sys.argv[1])
    print("ok")
except OSError as error:
    print(errno.errorcode[error.errno])`;

for (const user of users) {
  test(`a plugin does not reach the socket of another one in a folder that both may write (${user})`, async () => {
    const folder = readableFolder();
    if (user === 'user' && process.geteuid?.() === 0) chownSync(folder, NOBODY, NOBODY);
    const path = join(folder, 'socket');
    const words = (source: string): readonly string[] => [
      ...['run', '--writable', folder, '--audit', '/dev/null'],
      ...['--', '/usr/bin/python3', '-c', source, path],
    ];
    const server = startPostern(words(SERVER), { as: user });
    let said = '';
    server.child.stdout?.on('data', (text) => {
      said += text;
    });
    await until(() => said === 'up\n' || undefined);
    const { stdout, stderr } = await postern(words(CLIENT), { as: user });
    assert.equal(stdout, 'EACCES\n', stderr);
    server.child.kill('SIGTERM');
    await server.result;
    assert.equal(said, 'up\n');
  });
}

/** Prints the best median of connects beside many listeners, as a ratio to that beside few, and whether each was reached. */
const MANY = `import os, signal, socket, statistics, sys, time
folder = sys.argv[1]
def listener(name):
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(f"{folder}/{name}")
    sock.listen(64)
    return sock
def median(server, name):
    times = []
    for _ in range(40):
        client = socket.socket(socket.AF_UNIX)
        start = time.perf_counter()
        client.connect(f"{folder}/{name}")
        times.append(time.perf_counter() - start)
        server.accept()[0].close()
        client.close()
    return statistics.median(times)
def best(server, name):
    # A busy machine makes some of them slow.
    return min(median(server, name) for _ in range(7))
first = listener("first")
made, tell = os.pipe()
few, many = [], []
# What is slow beside many is so every time.
for round in range(5):
    few.append(best(first, "first"))
    children = []
    for child in range(4):
        children.append(os.fork())
        if children[-1] == 0:
            kept = [listener(f"{round}-{child}-{number}") for number in range(900)]
            os.write(tell, b"x")
            time.sleep(1000)
    for _ in children:
        os.read(made, 1)
    last = listener(f"{round}-last")
    many.append((best(first, "first"), best(last, f"{round}-last")))
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    few.append(best(first, "first"))
    ratios = [min(times) / min(few) for times in zip(*many)]
    if max(ratios) < 4:
        break
print(*ratios)`;

// proves: an AF_UNIX connect asks the kernel about one socket, and not about all
for (const user of anyUser)
  test(`thousands of listeners make no connect slow (${user})`, async () => {
    const folder = readableFolder();
    if (user === 'user' && process.geteuid?.() === 0) chownSync(folder, NOBODY, NOBODY);
    const { stdout, stderr } = await postern(
      ['run', '--writable', folder, '--', '/usr/bin/python3', '-c', MANY, folder],
      { as: user, timeoutMs: 180_000 },
    );
    const ratios = stdout.trim().split(' ').map(Number);
    assert.equal(ratios.length, 2, stderr);
    // A list of all takes more than ten times as long.
    for (const ratio of ratios) assert.ok(ratio < 4, stdout);
  });
