import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { AuditLine } from '../harness/audit-line.js';
import { type Listener, listen } from '../harness/listener.js';
import { startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { until } from '../harness/until.js';
import { readableFolder, type User, users } from '../harness/users.js';

/** Says how each connection to the second port ends, and goes on with those to the first. */
const PRELUDE = `
import array, os, socket, sys, threading, time
kept, lost = int(sys.argv[1]), int(sys.argv[2])
def dial(port):
    return socket.create_connection(("127.0.0.1", port))
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
  'the program, by the channel': 'go_on(Channel.from_environment().connect("127.0.0.1", lost), "lost")',
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

interface Scene {
  readonly kept: Listener;
  readonly lost: Listener;
  /** Bytes so far of the connections to the first port. */
  readonly carried: () => number;
  /** Connections to the second port that the peer still has. */
  readonly open: () => number;
  readonly said: () => string;
  readonly events: () => readonly AuditLine[];
  /** Withdraws the rule for the second port. */
  readonly withdraw: (revoke?: string) => void;
  readonly pid: number;
}

async function startScene(t: TestContext, user: User, program: string): Promise<Scene> {
  let carried = 0;
  const open = new Set<Socket>();
  const kept = await listen((socket) =>
    socket.on('data', (bytes) => {
      carried += bytes.length;
      socket.write(bytes);
    }),
  );
  const lost = await listen((socket) => {
    open.add(socket);
    socket.on('data', (bytes) => socket.write(bytes)).on('close', () => open.delete(socket));
  });
  t.after(() => Promise.all([kept.close(), lost.close()]));
  const folder = readableFolder();
  const write = (ports: readonly number[], revoke?: string): void => {
    const command = ['/usr/bin/python3', '-c', `${PYTHON_CHANNEL}${PRELUDE}${program}\ntime.sleep(100)`];
    const plugin = {
      command: [...command, String(kept.port), String(lost.port)],
      allow: ports.map((port) => `127.0.0.1:${port}`),
    };
    const config = { audit: 'stdout', reload: revoke && { revoke }, plugins: { talker: plugin } };
    writeFileSync(join(folder, 'next'), JSON.stringify(config));
    renameSync(join(folder, 'next'), join(folder, 'postern.yaml'));
  };
  write([kept.port, lost.port]);
  const { child } = startPostern(['up'], { as: user, cwd: folder });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (text: Buffer) => {
      said += text.toString();
    });
  await until(() => (open.size > 0 && carried > 0) || undefined, 20_000);
  return {
    ...{ kept, lost, pid: child.pid ?? 0 },
    carried: () => carried,
    open: () => open.size,
    said: () => said,
    events: () =>
      said
        .split('\n')
        .filter((line) => line.startsWith('{') && line.endsWith('}'))
        .map((line) => JSON.parse(line) as AuditLine),
    withdraw: (revoke) => {
      write([kept.port], revoke);
      child.kill('SIGHUP');
    },
  };
}

const revoked = (scene: Scene): readonly AuditLine[] =>
  scene.events().filter((event) => event['ended_by'] === 'revoked');

for (const user of users) {
  for (const [who, program] of Object.entries(HOLDERS)) {
    test(`a withdrawn rule ends the connection that ${who} holds, and no other (${user})`, async (t) => {
      const scene = await startScene(t, user, program);
      scene.withdraw();
      await until(() => (scene.said().includes('lost ended') && scene.open() === 0) || undefined);
      await until(() => revoked(scene).length === 1 || undefined);
      const [event] = revoked(scene);
      assert.equal(event?.['port'], scene.lost.port);
      assert.ok(Number(event['sent_bytes']) > 0 && Number(event['received_bytes']) > 0);
      const before = scene.carried();
      await until(() => scene.carried() > before + 10 || undefined);
      assert.ok(!scene.said().includes('kept ended'));
      assert.equal(scene.kept.connections(), 1);
      assert.equal(scene.lost.connections(), 1);
    });
  }

  test(`drain: a withdrawn rule refuses new connections, and lets those that are open go on (${user})`, async (t) => {
    const program = `
go_on(dial(lost), "lost")
while True:
    time.sleep(0.02)
    try:
        dial(lost).close()
    except OSError as error:
        print("refused", error.errno, flush=True)`;
    const scene = await startScene(t, user, program);
    scene.withdraw('drain');
    // Without a rule for it, the address is the sandbox's own.
    await until(() => scene.said().includes('refused 111') || undefined);
    const made = scene.lost.connections();
    const heard = scene.lost.heard().length;
    await until(() => scene.lost.heard().length > heard + 20 || undefined);
    assert.deepEqual(revoked(scene), []);
    assert.equal(scene.lost.connections(), made);
  });

  test(`a connection that waits in a message, and no process holds, ends with its plugin (${user})`, async (t) => {
    const program = `
ours, theirs = socket.socketpair()
s = dial(lost)
socket.send_fds(ours, [b"x"], [s.fileno()])
s.close()
print("queued", flush=True)`;
    const scene = await startScene(t, user, program);
    await until(() => scene.said().includes('queued') || undefined);
    scene.withdraw();
    await until(() => scene.open() === 0 || undefined);
    await until(() => /no process holds it: the plugin is ended/.test(scene.said()) || undefined);
    await until(() => /talker: ended with signal 9/.test(scene.said()) || undefined);
  });

  test(`a rule that is withdrawn while no broker runs ends its connections once one does (${user})`, async (t) => {
    const scene = await startScene(t, user, 'go_on(dial(lost), "lost")');
    const broker = await until(() => brokerOf(scene.pid));
    // The program has the connection: what a dying broker has not answered is aborted.
    await until(() => scene.lost.heard() !== '' || undefined);
    process.kill(broker, 'SIGKILL');
    scene.withdraw();
    await until(() => (scene.said().includes('lost ended') && scene.open() === 0) || undefined, 20_000);
    const before = scene.carried();
    await until(() => scene.carried() > before + 10 || undefined);
    assert.ok(!scene.said().includes('kept ended'));
  });
}
