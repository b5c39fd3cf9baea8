import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { anyUser, inTurn, userInTurn } from '../harness/asked.js';
import { type PublicNet, startPublicNet } from '../harness/public-net.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { chownTo, readableFolder, type User, users } from '../harness/users.js';
import { SteeredPlugin } from './ask-scene.js';

const PUBLIC = '93.184.216.20';
/** Fetches `HOST PORT` of each argument, one after the other. */
const FETCH = `
import http.client, socket, sys
def fetch(place, connect=socket.create_connection):
    host, port = place.split()
    try:
        with connect((host, int(port))) as connection:
            connection.sendall(f"GET / HTTP/1.0\\r\\nHost: {host}\\r\\n\\r\\n".encode())
            data = b""
            while part := connection.recv(4096):
                data += part
            print(data.decode().splitlines()[-1], flush=True)
    except OSError as error:
        print(type(error).__name__, error.errno, place, flush=True)
`;
const EACH = `${FETCH}
for place in sys.argv[1:]:
    fetch(place)
`;
const CHANNEL = `${PYTHON_CHANNEL}${FETCH}
channel = Channel.from_environment()
for place in sys.argv[1:]:
    fetch(place, lambda at: channel.connect(*at))
`;

let net: PublicNet;
before(async () => {
  net = await startPublicNet(
    {
      'api.example.com A': ['93.184.216.10'],
      'api.example.com AAAA': [],
      'other.example.com A': ['93.184.216.11'],
      'other.example.com AAAA': [],
      'db.example.com A': ['10.1.2.3'],
      'db.example.com AAAA': [],
    },
    [80, 443, 8443],
  );
});
after(() => net.close());

/** How many connections came to `PORT ADDRESS` since. */
function heardFrom(place: string): () => number {
  const count = (): number => net.connections().filter((line) => line === place).length;
  const before = count();
  return () => count() - before;
}

function run(
  t: TestContext,
  as: User,
  program: string,
  places: readonly string[],
  scene: Partial<ConstructorParameters<typeof SteeredPlugin>[2]> = {},
): SteeredPlugin {
  const plugin = new SteeredPlugin(as, net, {
    command: ['/usr/bin/python3', '-c', program, ...places],
    ...scene,
  });
  t.after(() => plugin.stop());
  return plugin;
}

for (const user of userInTurn(0)) {
  // proves: an approval for once is spent
  test(`a connect that no rule allows waits, and goes on once it is approved (${user})`, async (t) => {
    const heard = heardFrom(`8443 ${PUBLIC}`);
    const plugin = run(t, user, EACH, [`${PUBLIC} 8443`, `${PUBLIC} 8443`]);
    const { id, port, door, suggestion, program } = await plugin.asked(PUBLIC);
    assert.deepEqual([port, door, suggestion, program], [8443, 'trap', `${PUBLIC}:8443`, 'python3']);
    assert.equal(plugin.output.length, 0);
    assert.equal(heard(), 0);
    await plugin.say(`approve ${id} once`);
    // The second connect is another one.
    const again = await plugin.asked(PUBLIC, 1);
    assert.notEqual(again.id, id);
    await plugin.say(`deny ${again.id}`);
    assert.deepEqual(await plugin.ended(), [`served ${PUBLIC}`, `PermissionError 13 ${PUBLIC} 8443`]);
    assert.equal(heard(), 1);
    const [allowed, denied] = plugin.decisions();
    assert.deepEqual(
      [allowed?.['decision'], allowed?.['reason'], allowed?.['answer'], allowed?.['answered_by']],
      ['allow', 'approved', 'once', 'control'],
    );
    assert.deepEqual(
      [denied?.['decision'], denied?.['reason'], denied?.['answer'], denied?.['answered_by']],
      ['deny', 'no_rule', 'deny', 'control'],
    );
  });

  test(`a look-up that no rule allows waits, and its connections go on with it (${user})`, async (t) => {
    const heard = heardFrom('443 93.184.216.11');
    const plugin = run(t, user, EACH, [
      'api.example.com 443',
      'api.example.com 443',
      'other.example.com 443',
    ]);
    const { id, door, suggestion } = await plugin.asked('api.example.com');
    assert.deepEqual([door, suggestion], ['dns', 'api.example.com:443']);
    await plugin.say(`approve ${id} run`);
    await plugin.say(`deny ${(await plugin.asked('other.example.com')).id}`);
    const [first, second, third] = await plugin.ended();
    assert.deepEqual([first, second], ['served api.example.com', 'served api.example.com']);
    assert.match(third ?? '', /^gaierror/);
    assert.equal(heard(), 0);
    const connects = plugin.decisions().filter(({ event }) => event === 'decision');
    assert.deepEqual(
      connects.map(({ reason, answer }) => [reason, answer]),
      [
        ['approved', 'run'],
        ['approved', 'run'],
      ],
    );
    const [question] = plugin.decisions().filter(({ event }) => event === 'question');
    assert.deepEqual([question?.['name'], question?.['answer']], ['other.example.com', 'deny']);
  });

  test(`a request of a channel waits for its answer, and holds no place of the queue (${user})`, async (t) => {
    const plugin = run(t, user, CHANNEL, ['api.example.com 8443', 'other.example.com 443'], {
      egress: 'channel',
      allow: ['other.example.com'],
    });
    const { id, port, door } = await plugin.asked('api.example.com');
    assert.deepEqual([port, door], [8443, 'channel']);
    await plugin.say(`approve ${id} once`);
    assert.deepEqual(await plugin.ended(), ['served api.example.com', 'served other.example.com']);
  });

  // proves: ask: what a rule denies stays denied
  test(`nobody is asked about special addresses, sockets or what a rule denies, and none is opened (${user})`, async (t) => {
    const places = ['10.1.2.3 443', '169.254.169.254 80', '198.51.100.1 443', '93.184.216.30 443'];
    const plugin = run(t, user, EACH, [...places, 'db.example.com 443'], {
      deny: ['93.184.216.30'],
      library: { 'db.example.com': 'run' },
    });
    const output = await plugin.ended();
    assert.deepEqual(
      output.slice(0, 4),
      places.map((place) => `PermissionError 13 ${place}`),
    );
    assert.equal(output.length, 5);
    assert.deepEqual(
      plugin.questions.map(({ host }) => host),
      ['db.example.com'],
    );
  });
}

for (const user of userInTurn(1)) {
  test(`a broker that dies while a connect waits: the next one asks nobody again, and serves the call (${user})`, async (t) => {
    const plugin = run(t, user, EACH, [`${PUBLIC} 80`]);
    const { id } = await plugin.asked(PUBLIC);
    await plugin.say('kill');
    await plugin.line(({ notice }) => notice?.includes('a new one serves') === true);
    await plugin.say(`approve ${id} once`);
    assert.deepEqual(await plugin.ended(), [`served ${PUBLIC}`]);
    assert.equal(plugin.questions.length, 1);
  });

  for (const end of ['kill', 'replace'])
    test(`a name whose connect waits is not asked about again by its address after "${end}" (${user})`, async (t) => {
      const plugin = run(t, user, EACH, ['api.example.com 8443'], { allow: ['api.example.com:443'] });
      const { id, door, port } = await plugin.asked('api.example.com');
      assert.deepEqual([door, port], ['trap', 8443]);
      await plugin.say(end);
      await plugin.line(({ notice }) => notice?.includes('serves') === true);
      await plugin.say(`approve ${id} once`);
      assert.deepEqual(await plugin.ended(), ['served api.example.com']);
      assert.equal(plugin.questions.length, 1);
    });

  test(`an answer while no broker runs reaches the next one (${user})`, async (t) => {
    const plugin = run(t, user, EACH, [`${PUBLIC} 80`]);
    const { id } = await plugin.asked(PUBLIC);
    await plugin.say('kill');
    await plugin.say(`approve ${id} once`);
    assert.deepEqual(await plugin.ended(), [`served ${PUBLIC}`]);
    assert.equal(plugin.questions.length, 1);
  });
}

/** Asks for the first place without waiting, and for the second one later. */
const TWO = `${FETCH}
import struct, time
first, later = sys.argv[1:]
impatient = socket.socket()
impatient.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 300_000))
host, port = first.split()
print("first", impatient.connect_ex((host, int(port))), flush=True)
time.sleep(1)
fetch(later)
`;

for (const user of users) {
  if (inTurn(user, 0))
    test(`an answer to what was asked before a broker was replaced opens nothing else (${user})`, async (t) => {
      const other = '93.184.216.66';
      const [heard, heardOther] = [heardFrom(`8443 ${PUBLIC}`), heardFrom(`8443 ${other}`)];
      const plugin = run(t, user, TWO, [`${PUBLIC} 8443`, `${other} 8443`]);
      const { id } = await plugin.asked(PUBLIC);
      await plugin.line(({ out }) => out?.startsWith('first') === true);
      await plugin.say('replace');
      const later = await plugin.asked(other);
      assert.notEqual(later.id, id);
      assert.equal(await plugin.say(`approve ${id} run`), undefined);
      await plugin.say(`deny ${later.id}`);
      assert.deepEqual((await plugin.ended()).slice(1), [`PermissionError 13 ${other} 8443`]);
      assert.deepEqual([heard(), heardOther()], [0, 0]);
    });

  if (inTurn(user, 1))
    test(`an approval for once that was used serves no further broker (${user})`, async (t) => {
      const heard = heardFrom(`8443 ${PUBLIC}`);
      const program = `${FETCH}
fetch(sys.argv[1])
import time
time.sleep(1)
fetch(sys.argv[1])
`;
      const plugin = run(t, user, program, [`${PUBLIC} 8443`]);
      await plugin.say(`approve ${(await plugin.asked(PUBLIC)).id} once`);
      await plugin.line(({ out }) => out === `served ${PUBLIC}`);
      await plugin.say('kill');
      await plugin.say(`deny ${(await plugin.asked(PUBLIC, 1)).id}`);
      assert.deepEqual((await plugin.ended())[1], `PermissionError 13 ${PUBLIC} 8443`);
      assert.equal(heard(), 1);
    });
}

for (const user of users) {
  // proves: ask: an approval as a rule lasts as long as the rule
  test(`an approval as a rule is a rule, and ends with it (${user})`, async (t) => {
    const program = `${FETCH}
import time
while True:
    fetch(sys.argv[1])
    time.sleep(0.1)
`;
    const folder = readableFolder();
    const ruleFile = join(folder, 'postern.yaml');
    writeFileSync(ruleFile, 'plugins:\n  asker:\n    command: [python3]\n');
    for (const path of [folder, ruleFile]) chownTo(user, path);
    const plugin = run(t, user, program, [`${PUBLIC} 8443`], { ruleFile });
    const served = (): number => plugin.output.filter((line) => line === `served ${PUBLIC}`).length;
    const { id } = await plugin.asked(PUBLIC);
    assert.equal(await plugin.say(`approve ${id} rule`), undefined);
    await plugin.line(() => served() >= 2);
    assert.equal(plugin.questions.length, 1);
    assert.match(readFileSync(ruleFile, 'utf8'), new RegExp(`- ${PUBLIC}:8443`));
    await plugin.say('withdraw');
    const again = await plugin.asked(PUBLIC, 1);
    await plugin.say(`deny ${again.id}`);
    await plugin.line(({ out }) => out === `PermissionError 13 ${PUBLIC} 8443`);
    const reasons = new Set(plugin.decisions().map((event) => event['reason']));
    assert.deepEqual([...reasons], ['rule', 'no_rule']);
  });
}

const [anyone = 'user'] = anyUser;

test('without an answer the destination is denied, and not asked about again at once', async (t) => {
  const plugin = run(t, anyone, EACH, [`${PUBLIC} 443`, `${PUBLIC} 443`], { askMs: 300 });
  assert.deepEqual(await plugin.ended(), [
    `PermissionError 13 ${PUBLIC} 443`,
    `PermissionError 13 ${PUBLIC} 443`,
  ]);
  assert.equal(plugin.questions.length, 1);
  assert.equal(await plugin.decisions()[0]?.['answered_by'], 'nobody');
});

test('the library answers; a callback that fails is no answer, and a late one changes nothing', async (t) => {
  const plugin = run(t, anyone, EACH, ['api.example.com 443', `${PUBLIC} 443`, 'other.example.com 443'], {
    library: { 'api.example.com': 'once', [PUBLIC]: 'throws' },
  });
  const failing = await plugin.asked(PUBLIC);
  await plugin.line(({ notice }) => notice?.includes('the callback failed') === true);
  assert.equal(await plugin.say(`approve ${failing.id} rule`), 'rule_not_written');
  assert.equal(await plugin.say(`approve ${failing.id} once`), undefined);
  assert.equal(await plugin.say(`approve ${failing.id} once`), 'no_such_ask');
  assert.equal(await plugin.say('approve 99 once'), 'no_such_ask');
  const other = await plugin.asked('other.example.com');
  await plugin.say(`deny ${other.id}`);
  await plugin.line(({ aborted }) => aborted === other.id);
  const output = await plugin.ended();
  assert.deepEqual(output.slice(0, 2), ['served api.example.com', `served ${PUBLIC}`]);
});

test('a caller that is killed takes its question along; one that a signal interrupts is asked about once', async (t) => {
  const program = `${FETCH}
import os, signal, threading, time
child = os.fork()
if child == 0:
    fetch(sys.argv[1])
    os._exit(0)
# It waits for its answer by then.
while open(f"/proc/{child}/stat").read().rsplit(")", 1)[1].split()[0] != "S":
    time.sleep(0.05)
time.sleep(2)
os.kill(child, signal.SIGKILL)
os.wait()
signal.signal(signal.SIGALRM, lambda *_: print("alarm", flush=True))
signal.siginterrupt(signal.SIGALRM, False)
signal.setitimer(signal.ITIMER_REAL, 0.5)
fetch(sys.argv[2])
`;
  const heard = heardFrom(`443 ${PUBLIC}`);
  const plugin = run(t, anyone, program, [`${PUBLIC} 443`, `${PUBLIC} 8443`]);
  const gone = await plugin.asked(PUBLIC);
  await plugin.line(({ closed, ending }) => closed === gone.id && ending === 'withdrawn');
  const { id } = await plugin.asked(PUBLIC, 1);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await plugin.say(`approve ${id} once`);
  assert.deepEqual([...(await plugin.ended())].sort(), ['alarm', `served ${PUBLIC}`]);
  assert.equal(plugin.questions.length, 2);
  assert.equal(heard(), 0);
});

test('a plugin that asks without end is bounded, and its other requests go on', async (t) => {
  const program = `${FETCH}
import threading
for last in range(100, 140):
    threading.Thread(target=fetch, args=(f"93.184.216.{last} 443",), daemon=True).start()
fetch(sys.argv[1])
import time
time.sleep(60)
`;
  const plugin = run(t, anyone, program, ['other.example.com 443'], { allow: ['other.example.com'] });
  await plugin.line(({ out }) => out === 'served other.example.com');
  await plugin.line(({ event }) => String(event?.['message']).includes('nobody was asked') === true);
  assert.ok(plugin.questions.length <= 16, `${plugin.questions.length} questions`);
});
