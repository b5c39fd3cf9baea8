import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { compile } from '../harness/compile.js';
import { startPostern } from '../harness/postern.js';
import { brokerOf, descriptorsOf } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { type User, users } from '../harness/users.js';
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
    end: async (): Promise<void> => {
      child.stdin?.end();
      const { status, stderr } = await result;
      assert.equal(status, 0, stderr.slice(0, 2000));
    },
  };
}

/**
 * Two threads reach callers. Each keeps the latest 64 callers, with a handle, a table and one file for each. The slow lane also opens a few
 * descriptors when it is first used, which happens only on a busy machine.
 */
const HANDLES = 2 * 64 * 3 + 16;

for (const user of users) {
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

  test(`callers that are ended while they wait leave nothing in the broker (${user})`, async () => {
    const crowd = start(user, ['children', 300, ports.full]);
    await crowd.says('up');
    const broker = await crowd.broker();
    const before = descriptorsOf(broker);
    crowd.go();
    await crowd.says('begun');
    assert.ok(descriptorsOf(broker) >= before + 300, 'a duplicate of each one that waits');
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

  test(`a broker that is killed, again and again, leaves none of 200 waiting threads waiting (${user})`, async (t) => {
    const crowd = start(user, ['threads', 200, ports.full]);
    await crowd.says('up');
    for (let deaths = 0; deaths < 3; deaths += 1) {
      crowd.go();
      await crowd.says('begun');
      const broker = await crowd.broker();
      const started = Date.now();
      process.kill(broker, 'SIGKILL');
      // Otherwise they would wait for half a minute.
      assert.match(await crowd.says('over', 8_000), /^ended 200 ECONNABORTED$/m);
      t.diagnostic(`all had returned after ${Date.now() - started} ms`);
    }
    await crowd.end();
  });
}
