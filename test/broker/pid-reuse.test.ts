// proves: G6
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { anyUser, twin } from '../harness/asked.js';
import { compile } from '../harness/compile.js';
import { listen } from '../harness/listener.js';
import { PATIENCE } from '../harness/patience.js';
import { asUser, distFor, type User, users } from '../harness/users.js';
import { mutantDist } from '../mutation/mutant-dist.js';

const run = promisify(execFile);
const TRUSTS_PIDS = "what was reached by a thread's id counts only where its call waits still";
/** A pid namespace in which the test may choose a pid, as root of a user namespace may. */
const IN_PID_NAMESPACE = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--mount-proc', '--'];

let program = '';
before(() => {
  program = compile(new URL('reuse-pid.c', import.meta.url));
});
const own = await listen();
const other = await listen();
after(() => Promise.all([own.close(), other.close()]));

interface Served {
  readonly swapped: boolean;
  readonly told: Readonly<Record<'brokered' | 'own' | 'refused' | 'error', number>>;
  /** Descriptors that were open at the end and not before. */
  readonly kept: number;
  readonly said: string;
  readonly own: number;
  readonly other: number;
}

async function serve(user: User, dist: string, ...words: readonly string[]): Promise<Served> {
  const script = join(dist, 'test/broker/pid-reuse-inside.js');
  const before = { own: own.connections(), other: other.connections() };
  const ports = [own.port, other.port].map(String);
  const [command = '', ...args] = [
    ...asUser(user),
    ...IN_PID_NAMESPACE,
    ...[process.execPath, script, program, ...ports, ...words],
  ];
  const { stdout } = await run(command, args, { cwd: '/', timeout: 60_000 * PATIENCE });
  const heard = {
    own: (await own.allConnections()) - before.own,
    other: (await other.allConnections()) - before.other,
  };
  return { ...JSON.parse(stdout), ...heard };
}

const none = { brokered: 0, own: 0, refused: 0, error: 0 };

for (const user of users) {
  // proves: what was reached by a thread's id counts only where its call waits still
  test(`A call whose caller's pid is another process's reads nothing of it: nothing is heard (${user})`, async () => {
    assert.deepEqual(await serve(user, distFor(user)), {
      swapped: true,
      told: { ...none, error: 1 },
      kept: 0,
      said: '',
      own: 0,
      other: 0,
    });
  });
}

for (const user of anyUser) {
  test(`A call whose caller waits is served (${user})`, async () => {
    assert.deepEqual(await serve(user, distFor(user), 'stay'), {
      swapped: false,
      told: { ...none, brokered: 1 },
      kept: 0,
      said: 'connect: connected\n',
      own: 1,
      other: 0,
    });
  });
}

const [user = 'user'] = users;
twin(
  `A call whose caller's pid is another process's: heard without asking whether it waits (${user})`,
  async () => {
    const { swapped, other: heard } = await serve(user, mutantDist(TRUSTS_PIDS));
    assert.deepEqual({ swapped, heard }, { swapped: true, heard: 1 });
  },
);
