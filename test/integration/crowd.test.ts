import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { compile } from '../harness/compile.js';
import { startPostern } from '../harness/postern.js';
import { brokerOf, childrenOf, commandOf, descriptorsOf, socketsOf } from '../harness/processes.js';
import { until } from '../harness/until.js';
import type { User } from '../harness/users.js';
import { Ports } from '../interop/side-by-side.js';

let program = '';
let ports: Ports;
before(async () => {
  program = compile(new URL('crowd.c', import.meta.url));
  ports = await Ports.start();
});
after(() => ports.close());

interface Crowd {
  /** Waits for a line, and takes all lines so far. */
  readonly says: (line: string, timeoutMs?: number) => Promise<string>;
  readonly go: () => void;
  readonly broker: () => Promise<number>;
  /** The program's own process. */
  readonly plugin: () => Promise<number>;
  readonly end: () => Promise<void>;
}

/** A program of crowd.c in a sandbox, and the broker that serves it. */
function start(user: User, words: readonly (string | number)[]): Crowd {
  const rules = ports.rules.flatMap((rule) => ['--allow', rule]);
  const { child, result } = startPostern(
    ['run', '--name', 'crowd', ...rules, '--', program, ...words.map(String)],
    { as: user, stdio: ['pipe', 'pipe', 'pipe'], keepInput: true },
  );
  let seen = '';
  child.stdout?.on('data', (text: string) => {
    seen += text;
  });
  const pid = child.pid ?? 0;
  return {
    says: async (line: string, timeoutMs = 20_000): Promise<string> => {
      await until(() => seen.includes(`${line}\n`) || undefined, timeoutMs);
      const taken = seen;
      seen = '';
      return taken;
    },
    go: (): void => void child.stdin?.write('\n'),
    broker: (): Promise<number> => until(() => brokerOf(pid)),
    plugin: (): Promise<number> =>
      until(() => childrenOf(pid).find((child) => commandOf(child).startsWith(program))),
    end: async (): Promise<void> => {
      child.stdin?.end();
      const { status, stderr } = await result;
      assert.equal(status, 0, stderr.slice(0, 2000));
    },
  };
}

/**
 * Waits until the broker has a duplicate of each caller's socket. The program cannot know this: on a busy machine, some of its threads are
 * late.
 */
async function untilAllWait(crowd: Crowd, broker: number, callers: number): Promise<void> {
  const plugin = await crowd.plugin();
  let waiting = 0;
  const all = (): true | undefined => {
    const duplicates = new Set(socketsOf(broker));
    const sockets = new Set([plugin, ...childrenOf(plugin)].flatMap(socketsOf));
    waiting = [...sockets].filter((socket) => duplicates.has(socket)).length;
    return waiting >= callers || undefined;
  };
  await until(all, 20_000).catch(() => assert.fail(`${waiting} of ${callers} callers wait`));
}

/**
 * Two threads reach callers. Each keeps the latest 64 callers, with a handle, a table and one file for each. The slow lane also opens a few
 * descriptors when it is first used, which happens only on a busy machine.
 */
const HANDLES = 2 * 64 * 3 + 16;

for (const user of userInTurn(0)) {
  test(`a thousand threads that connect at the same time are all answered, and nothing is left (${user})`, async () => {
    const crowd = start(user, ['threads', 1000, ports.open.port]);
    await crowd.says('up');
    const broker = await crowd.broker();
    const before = descriptorsOf(broker);
    crowd.go();
    assert.match(await crowd.says('over'), /^ended 1000 ok$/m);
    await until(() => descriptorsOf(broker) <= before + HANDLES || undefined);
    await crowd.end();
  });
}

for (const user of userInTurn(1)) {
  test(`callers that are ended while they wait leave nothing in the broker (${user})`, async () => {
    const crowd = start(user, ['children', 300, ports.full]);
    await crowd.says('up');
    const broker = await crowd.broker();
    const before = descriptorsOf(broker);
    crowd.go();
    await crowd.says('begun');
    await untilAllWait(crowd, broker, 300);
    crowd.go();
    await crowd.says('over');
    let now = 0;
    const few = (): true | undefined => {
      now = descriptorsOf(broker);
      return now <= before + HANDLES || undefined;
    };
    await until(few).catch(() => assert.fail(`${now} descriptors, ${before} before`));
    await crowd.end();
  });
}

for (const user of userInTurn(2)) {
  // proves: a call that a dead broker had received is answered by the next
  test(`a broker that is killed, again and again, leaves none of 200 waiting threads waiting (${user})`, async () => {
    const crowd = start(user, ['threads', 200, ports.full]);
    await crowd.says('up');
    for (let deaths = 0; deaths < 3; deaths += 1) {
      const broker = await crowd.broker();
      crowd.go();
      await crowd.says('begun');
      await untilAllWait(crowd, broker, 200);
      process.kill(broker, 'SIGKILL');
      // Otherwise they would wait for half a minute, and get ETIMEDOUT.
      assert.match(await crowd.says('over', 60_000), /^ended 200 ECONNABORTED$/m);
    }
    await crowd.end();
  });
}
