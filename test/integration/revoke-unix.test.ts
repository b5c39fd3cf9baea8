// A withdrawn rule for a UNIX socket of the host ends the connections that it allowed, in whichever process of the sandbox, and no others.
import assert from 'node:assert/strict';
import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { AuditLine } from '../harness/audit-line.js';
import { startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { until } from '../harness/until.js';
import { readableFolder, type User, users } from '../harness/users.js';

/** Says how each connection to the second server ends, and goes on with the one to the first. */
const PRELUDE = `
import os, socket, sys, threading, time
kept, lost = sys.argv[1], sys.argv[2]
def dial(path):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    return s
def talk(s, name):
    s.setblocking(True)
    try:
        while True:
            s.sendall(b"x")
            if not s.recv(1):
                break
            time.sleep(0.005)
    except OSError:
        pass
    print(name, "ended", flush=True)
def go_on(s, name):
    threading.Thread(target=talk, args=(s, name), daemon=True).start()
go_on(dial(kept), "kept")
`;

/** Who holds a connection when its rule is withdrawn. */
const HOLDERS: Readonly<Record<string, string>> = {
  'the program, on which a thread waits': 'go_on(dial(lost), "lost")',
  'the program, by the channel': 'go_on(Channel.from_environment().connect("unix:" + lost, 0, 5000), "lost")',
  'a child, under another number': `
s = dial(lost)
if os.fork() == 0:
    talk(s.dup(), "lost")
    os._exit(0)
s.close()`,
  'another process, which received it': `
ours, theirs = socket.socketpair()
if os.fork() == 0:
    talk(socket.socket(fileno=socket.recv_fds(theirs, 1, 1)[1][0]), "lost")
    os._exit(0)
s = dial(lost)
socket.send_fds(ours, [b"x"], [s.fileno()])
s.close()`,
};

interface Server {
  readonly path: string;
  /** Connections that it still has. */
  readonly open: () => number;
  /** Connections so far. */
  readonly made: () => number;
  /** Bytes so far. */
  readonly carried: () => number;
}

/** Sends back what it hears. */
async function serve(t: TestContext, path: string): Promise<Server> {
  const open = new Set<Socket>();
  let made = 0;
  let carried = 0;
  const server = createServer((socket) => {
    open.add(socket);
    made += 1;
    socket.on('error', () => {}).on('close', () => open.delete(socket));
    socket.on('data', (bytes) => {
      carried += bytes.length;
      socket.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  chmodSync(path, 0o777);
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return { path, open: () => open.size, made: () => made, carried: () => carried };
}

interface Scene {
  readonly kept: Server;
  readonly lost: Server;
  readonly said: () => string;
  readonly revoked: () => readonly AuditLine[];
  /** Puts other rules in force. By default the one for the second server is withdrawn. */
  readonly change: (rules?: { readonly deny?: readonly string[]; readonly revoke?: string }) => void;
  readonly pid: number;
}

async function startScene(t: TestContext, user: User, program: string): Promise<Scene> {
  const folder = readableFolder();
  const kept = await serve(t, join(folder, 'kept.sock'));
  const lost = await serve(t, join(folder, 'lost.sock'));
  const write = (servers: readonly Server[], deny: readonly string[] = [], revoke?: string): void => {
    const script = `${PYTHON_CHANNEL}${PRELUDE}${program}\ntime.sleep(100)`;
    const command = ['/usr/bin/python3', '-c', script, kept.path, lost.path];
    const allow = servers.map(({ path }) => `unix:${path}`);
    const plugins = { talker: { command, cwd: '/', allow, deny } };
    const config = { audit: 'stdout', reload: revoke && { revoke }, plugins };
    writeFileSync(join(folder, 'next'), JSON.stringify(config));
    renameSync(join(folder, 'next'), join(folder, 'postern.yaml'));
  };
  write([kept, lost]);
  const { child } = startPostern(['up'], { as: user, cwd: folder });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (text: Buffer) => {
      said += text.toString();
    });
  await until(() => (lost.open() > 0 && kept.carried() > 0) || undefined, 20_000);
  return {
    ...{ kept, lost, pid: child.pid ?? 0 },
    said: () => said,
    revoked: () =>
      said
        .split('\n')
        .filter((line) => line.startsWith('{') && line.endsWith('}'))
        .map((line) => JSON.parse(line) as AuditLine)
        .filter((event) => event['ended_by'] === 'revoked'),
    change: ({ deny, revoke } = {}) => {
      write(deny === undefined ? [kept] : [kept, lost], deny, revoke);
      child.kill('SIGHUP');
    },
  };
}

async function goesOn({ kept, said }: Scene): Promise<void> {
  const before = kept.carried();
  await until(() => kept.carried() > before + 10 || undefined);
  assert.ok(!said().includes('kept ended'));
  assert.equal(kept.made(), 1);
}

for (const user of users) {
  for (const [who, program] of Object.entries(HOLDERS))
    test(`a withdrawn rule ends the connection to a UNIX socket that ${who} holds (${user})`, async (t) => {
      const scene = await startScene(t, user, program);
      scene.change();
      await until(() => (scene.said().includes('lost ended') && scene.lost.open() === 0) || undefined);
      await until(() => scene.revoked().length === 1 || undefined);
      const [event] = scene.revoked();
      assert.deepEqual([event?.['host'], event?.['port']], [`unix:${scene.lost.path}`, 0]);
      assert.equal(scene.lost.made(), 1);
      await goesOn(scene);
    });

  test(`a deny rule ends it too (${user})`, async (t) => {
    const scene = await startScene(t, user, 'go_on(dial(lost), "lost")');
    scene.change({ deny: [`unix:${scene.lost.path}`] });
    await until(() => (scene.said().includes('lost ended') && scene.lost.open() === 0) || undefined);
    await goesOn(scene);
  });

  test(`drain: the connection to a UNIX socket goes on (${user})`, async (t) => {
    const program = `
go_on(dial(lost), "lost")
while True:
    time.sleep(0.02)
    try:
        dial(lost).close()
    except OSError as error:
        print("refused", error.errno, flush=True)`;
    const scene = await startScene(t, user, program);
    scene.change({ revoke: 'drain' });
    await until(() => /refused \d/.test(scene.said()) || undefined);
    const made = scene.lost.made();
    const before = scene.lost.carried();
    await until(() => scene.lost.carried() > before + 20 || undefined);
    assert.deepEqual(scene.revoked(), []);
    assert.equal(scene.lost.made(), made);
  });

  test(`one that waits in a message, and no process holds, ends with its plugin (${user})`, async (t) => {
    const program = `
ours, theirs = socket.socketpair()
s = dial(lost)
socket.send_fds(ours, [b"x"], [s.fileno()])
s.close()
print("queued", flush=True)`;
    const scene = await startScene(t, user, program);
    await until(() => scene.said().includes('queued') || undefined);
    scene.change();
    await until(() => scene.lost.open() === 0 || undefined);
    await until(() => /no process holds it: the plugin is ended/.test(scene.said()) || undefined);
    await until(() => /talker: ended with signal 9/.test(scene.said()) || undefined);
  });

  test(`a rule that is withdrawn while no broker runs ends its connection once one does (${user})`, async (t) => {
    const scene = await startScene(t, user, 'go_on(dial(lost), "lost")');
    // A broker that dies before the program has its socket ends the connect.
    await until(() => scene.lost.carried() > 0 || undefined);
    process.kill(await until(() => brokerOf(scene.pid)), 'SIGKILL');
    scene.change();
    await until(() => (scene.said().includes('lost ended') && scene.lost.open() === 0) || undefined, 20_000);
    await goesOn(scene);
  });
}
