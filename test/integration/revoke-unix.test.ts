// A withdrawn rule for a UNIX socket of the host ends the connections that it allowed, in whichever process of the sandbox, and no others.
import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { inTurn, userInTurn } from '../harness/asked.js';
import { brokerOf } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { readableFolder, type User, users } from '../harness/users.js';
import { DIALS_ON, HOLDERS, QUEUES, startTalker, type Talker, type TalkerRules } from './talker.js';

const DIAL = `
def dial(path):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    return s
`;
const BY_CHANNEL = 'go_on(Channel.from_environment().connect("unix:" + lost, 0, 5000), "lost")';

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

interface Scene extends Talker {
  readonly kept: Server;
  readonly lost: Server;
  /** Withdraws the rule for the second server. */
  readonly withdraw: (rules?: Pick<TalkerRules, 'deny' | 'revoke'>) => void;
}

async function startScene(t: TestContext, user: User, program: string): Promise<Scene> {
  const folder = readableFolder();
  const kept = await serve(t, join(folder, 'kept.sock'));
  const lost = await serve(t, join(folder, 'lost.sock'));
  const allow = [kept, lost].map(({ path }) => `unix:${path}`);
  const talker = startTalker(t, {
    ...{ user, folder, dial: DIAL, program },
    places: [kept.path, lost.path],
    rules: { allow },
  });
  await until(() => (lost.open() > 0 && kept.carried() > 0) || undefined, 20_000);
  return {
    ...{ ...talker, kept, lost },
    withdraw: ({ deny, revoke } = {}) =>
      talker.change({ allow: deny === undefined ? allow.slice(0, 1) : allow, deny, revoke }),
  };
}

async function goesOn({ kept, said }: Scene): Promise<void> {
  const before = kept.carried();
  await until(() => kept.carried() > before + 10 || undefined);
  assert.ok(!said().includes('kept ended'));
  assert.equal(kept.made(), 1);
}

/** The peer has the connection before the program does. */
async function programHas({ lost }: Scene): Promise<void> {
  await until(() => lost.carried() > 0 || undefined, 20_000);
}

for (const [turn, [who, program]] of Object.entries({
  ...HOLDERS,
  'the program, by the channel': BY_CHANNEL,
}).entries()) {
  // proves: a withdrawn rule ends connections to UNIX sockets
  for (const user of userInTurn(turn))
    test(`a withdrawn rule ends the connection to a UNIX socket that ${who} holds (${user})`, async (t) => {
      const scene = await startScene(t, user, program);
      await programHas(scene);
      scene.withdraw();
      await until(() => (scene.said().includes('lost ended') && scene.lost.open() === 0) || undefined);
      await until(() => scene.revoked().length === 1 || undefined);
      const [event] = scene.revoked();
      assert.deepEqual([event?.['host'], event?.['port']], [`unix:${scene.lost.path}`, 0]);
      assert.equal(scene.lost.made(), 1);
      await goesOn(scene);
    });
}

for (const user of users) {
  if (inTurn(user, 0))
    test(`a deny rule ends it too (${user})`, async (t) => {
      const scene = await startScene(t, user, 'go_on(dial(lost), "lost")');
      await programHas(scene);
      scene.withdraw({ deny: [`unix:${scene.lost.path}`] });
      await until(() => (scene.said().includes('lost ended') && scene.lost.open() === 0) || undefined);
      await goesOn(scene);
    });

  if (inTurn(user, 1))
    test(`drain: the connection to a UNIX socket goes on (${user})`, async (t) => {
      const scene = await startScene(t, user, DIALS_ON);
      await programHas(scene);
      scene.withdraw({ revoke: 'drain' });
      await until(() => /refused \d/.test(scene.said()) || undefined);
      const made = scene.lost.made();
      const before = scene.lost.carried();
      await until(() => scene.lost.carried() > before + 20 || undefined);
      assert.deepEqual(scene.revoked(), []);
      assert.equal(scene.lost.made(), made);
    });

  // proves: accounts: a connection to a UNIX socket that ends with its plugin has its event
  if (inTurn(user, 2))
    test(`one that waits in a message, and no process holds, ends with its plugin (${user})`, async (t) => {
      const scene = await startScene(t, user, QUEUES);
      await until(() => scene.said().includes('queued') || undefined);
      scene.withdraw();
      await until(() => scene.lost.open() === 0 || undefined);
      await until(() => /no process holds it: the plugin is ended/.test(scene.said()) || undefined);
      await until(() => /talker: ended with signal 9/.test(scene.said()) || undefined);
      const [event] = await until(() => (scene.revoked().length > 0 ? scene.revoked() : undefined));
      assert.equal(event?.['host'], `unix:${scene.lost.path}`);
    });

  if (inTurn(user, 3))
    test(`a rule that is withdrawn while no broker runs ends its connection once one does (${user})`, async (t) => {
      const scene = await startScene(t, user, 'go_on(dial(lost), "lost")');
      // A broker that dies before ends the connect.
      await programHas(scene);
      process.kill(await until(() => brokerOf(scene.pid)), 'SIGKILL');
      scene.withdraw();
      await until(
        () => (scene.said().includes('lost ended') && scene.lost.open() === 0) || undefined,
        20_000,
      );
      await goesOn(scene);
    });
}
