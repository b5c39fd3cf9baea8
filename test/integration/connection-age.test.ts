import assert from 'node:assert/strict';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { PATIENCE } from '../harness/patience.js';
import { until } from '../harness/until.js';
import { startScene } from './quota-scene.js';

const SECONDS = 3;

/** Starts a second connection a second later, and says when each has ended. */
const PROGRAM = `
def watch(name, by):
    s = dial(by)
    try:
        s.recv(1)
    except OSError:
        pass
    say(name, "ended")
first = threading.Thread(target=watch, args=("first", "trap"))
first.start()
time.sleep(1)
watch("second", "channel")
first.join()
third = dial()
say(isinstance(third, socket.socket))
sys.stdin.readline()
`;

for (const user of userInTurn(0)) {
  // proves: a connection that is too old ends
  test(`connection_seconds ends each connection at its own age, and new ones are made (${user})`, async (t) => {
    const scene = await startScene(t, user, [`connection_seconds=${SECONDS}`], PROGRAM);
    await until(() => scene.said().includes('True') || undefined, 30_000);
    const ages = scene.peers
      .slice(0, 2)
      .map(({ openedAt, closedAt }) => ((closedAt ?? 0) - openedAt) / 1_000);
    for (const age of ages) assert.ok(age >= SECONDS - 1 && age <= SECONDS + 1.5 * PATIENCE, `${age} s`);
    // The third one is young.
    assert.equal(scene.peers[2]?.closedAt, undefined);
    const [first, second] = scene.peers;
    assert.ok((first?.closedAt ?? 0) <= (second?.closedAt ?? 0));
    const ended = await until(() => {
      const found = scene.events().filter(({ ended_by }) => ended_by === 'age');
      return found.length === 2 ? found : undefined;
    });
    assert.deepEqual(
      ended.map(({ door }) => door),
      ['trap', 'channel'],
    );
    assert.equal(await scene.metric('connections_ended_total', ',cause="age"'), 2);
  });
}

for (const user of userInTurn(1)) {
  // proves: age: a further broker goes on
  test(`a connection that is too old ends though the broker died meanwhile (${user})`, async (t) => {
    const program = `
s = dial()
say("open")
try: s.recv(1)
except OSError: pass
say("ended")
sys.stdin.readline()`;
    const scene = await startScene(t, user, [`connection_seconds=${SECONDS}`], program);
    await until(() => scene.said().includes('open') || undefined, 30_000);
    process.kill(await scene.broker(), 'SIGKILL');
    await until(() => scene.said().includes('ended') || undefined, 30_000);
    const [peer] = scene.peers;
    const closedAt = await until(() => peer?.closedAt);
    const age = (closedAt - (peer?.openedAt ?? 0)) / 1_000;
    assert.ok(age >= SECONDS - 1, `${age} s`);
  });
}
