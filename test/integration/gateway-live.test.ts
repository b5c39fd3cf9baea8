// What a gateway does as time goes on: it is killed, its secret changes, and a running postern is asked about it. And what no door and no memory has.
import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Denial } from '../../sandbox/supervisor/control/denials.js';
import type { OpenConnection } from '../../shared/protocol/open-connections.js';
import { anyUser, inTurn } from '../harness/asked.js';
import { type PosternResult, postern, type RunningPostern, startPostern } from '../harness/postern.js';
import { childrenOf, commandOf, hasEnded, signalTo } from '../harness/processes.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder, type User, users } from '../harness/users.js';
import {
  type GatewayPlan,
  type GatewayScene,
  gatewayOf,
  HOST,
  linesOf,
  OTHER,
  PORT,
  SECRET,
  searchFor,
  useOutside,
  writeScene,
} from './gateway-scene.js';

const outside = useOutside();

interface Live extends GatewayScene, RunningPostern {
  readonly control: string;
  readonly lines: () => readonly string[];
  /** Waits until the program has printed that line. */
  readonly told: (line: string) => Promise<void>;
  readonly ask: (...words: readonly string[]) => Promise<PosternResult>;
}

function startLive(
  t: TestContext,
  as: User,
  { script, ...plan }: Partial<GatewayPlan> & { readonly script: string },
): Live {
  const command = ['/usr/bin/python3', '-c', script];
  const scene = writeScene(as, { gateway: GATEWAY, ...plan, command });
  const folder = readableFolder();
  chownTo(as, folder);
  const control = join(folder, 'c.sock');
  const running = startPostern(['up', '--config', scene.config, '--control', control], {
    as,
    inside: outside.internet.within,
  });
  t.after(() => running.child.kill('SIGKILL'));
  const lines = (): readonly string[] => linesOf(running.stdout());
  return {
    ...{ ...scene, ...running, control, lines },
    told: async (line) => {
      await until(() => {
        if (running.child.exitCode !== null) throw new Error(running.said());
        return lines().includes(line) || undefined;
      }, 20_000);
    },
    ask: (...words) => postern([...words, '--control', control], { as }),
  };
}

const GATEWAY =
  '{headers: {authorization: "Bearer {github}"}, allow: ["GET /headers", "GET /hold", "GET /allowed"]}';
const PLACE = `("${HOST}", ${PORT})`;
/** A client that says each answer. */
const CLIENT = `
import http.client, os, socket, ssl, sys, time
trusted = ssl.create_default_context()
def say(*words):
    print(*words, flush=True)
def connect():
    return http.client.HTTPSConnection(*${PLACE}, context=trusted)
def ask(client, method, path):
    client.request(method, path)
    answer = client.getresponse()
    answer.read()
    say(method, path, answer.status)
`;

function replaceToken(as: User, { token }: GatewayScene, secret: string): void {
  writeFileSync(`${token}.next`, secret, { mode: 0o600 });
  chownTo(as, `${token}.next`);
  renameSync(`${token}.next`, token);
}

for (const as of users) {
  // proves: gateway: the plugin itself reaches no host with a gateway
  test(`a plugin that asks by its channel reaches no host with a gateway (${as})`, async () => {
    const { config, audit } = writeScene(as, {
      gateway: GATEWAY,
      command: [
        '/usr/bin/python3',
        '-c',
        `${PYTHON_CHANNEL}
channel = Channel.from_environment()
for host in ("${HOST}", "${HOST.toUpperCase()}", "${HOST}.", "${outside.internet.addresses[HOST]}"):
    try:
        channel.connect(host, ${PORT}).sendall(b"x")
        print("connected")
    except ConnectError as error:
        print(error.name)
channel.connect("${OTHER}", 443).close()
print("done")
`,
      ],
    });
    const from = outside.internet.connections().length;
    const heard = outside.upstream.heard().length;
    const { stdout, stderr } = await postern(['up', '--config', config], {
      as,
      inside: outside.internet.within,
    });
    assert.deepEqual(linesOf(stdout), [...Array(4).fill('EACCES'), 'done'], stderr);
    assert.deepEqual(outside.internet.connections().slice(from), [`${OTHER}:443`]);
    assert.equal(outside.upstream.heard().length, heard);
    assert.match(readFileSync(audit, 'utf8'), /"reason":"denied_by_rule"/);
  });

  // proves: gateway: what a killed gateway took along is told
  // proves: gateway: a request is announced before it goes out
  if (inTurn(as, 0))
    test(`a killed gateway ends its connections, and the next one serves who waits and checks them (${as})`, async (t) => {
      const up = startLive(t, as, {
        script: `${CLIENT}
held = connect()
held.request("GET", "/hold")
while not os.path.exists("go"):
    time.sleep(0.02)
# It stands still: the connection waits in the queue of its listener.
waiting = socket.create_connection(${PLACE})
say("waits")
client = connect()
client.sock = trusted.wrap_socket(waiting, server_hostname="${HOST}")
ask(client, "GET", "/headers")
ask(connect(), "POST", "/headers")
try:
    held.getresponse()
    say("answered")
except OSError:
    say("ended")
`,
      });
      const from = outside.upstream.heard().length;
      await until(() => outside.upstream.heard()[from]?.path === '/hold' || undefined, 20_000);
      const killed = gatewayOf(up.child.pid ?? 0);
      assert.ok(killed !== undefined);
      process.kill(killed, 'SIGSTOP');
      writeFileSync(join(up.folder, 'go'), '');
      await up.told('waits');
      process.kill(killed, 'SIGKILL');
      const { status, stderr } = await up.result;
      assert.equal(status, 0, stderr);
      assert.deepEqual(up.lines(), ['waits', 'GET /headers 200', 'POST /headers 403', 'ended']);
      assert.match(
        stderr,
        /the gateway of "agent" has ended, and its connections with it; another one starts/,
      );
      const heard = outside.upstream.heard().slice(from);
      assert.deepEqual(
        heard.map(({ method, path, authorization }) => `${method} ${path} ${authorization}`),
        [`GET /hold Bearer ${SECRET}`, `GET /headers Bearer ${SECRET}`],
      );
      const logged = readFileSync(up.audit, 'utf8');
      assert.match(logged, /"event":"gap","ts":"[^"]*","events":1,/, logged);
    });

  // proves: gateway: at SIGTERM it says what was under way
  if (inTurn(as, 1))
    test(`at its end open requests end and are in the log, no process is left, and one that hangs holds up no stop (${as})`, async (t) => {
      const up = startLive(t, as, {
        gateway: GATEWAY.replace('"GET /hold"', '"GET /hold", "GET /events"'),
        script: `${CLIENT}
held = connect()
held.request("GET", "/hold")
stream = connect()
stream.request("GET", "/events")
answer = stream.getresponse()
say(answer.readline().decode().strip())
for wait in (held.getresponse, answer.read):
    try:
        wait()
    except (OSError, http.client.HTTPException):
        pass
say("ended")
time.sleep(600)
`,
      });
      const pid = up.child.pid ?? 0;
      const from = outside.upstream.heard().length;
      await up.told('data: begun');
      await until(() => outside.upstream.heard().length >= from + 2 || undefined);
      const first = gatewayOf(pid);
      signalTo(first, 'SIGTERM');
      await up.told('ended');
      await until(() => hasEnded(first) || undefined);
      const paths = await until(() => {
        const found = [...readFileSync(up.audit, 'utf8').matchAll(/"event":"http".*"path":"([^"]*)"/g)];
        return found.length < 2 ? undefined : found.map(([, path]) => path);
      });
      assert.deepEqual(paths.sort(), ['/events', '/hold']);
      const next = await until(() => gatewayOf(pid), 20_000);
      process.kill(next, 'SIGSTOP');
      const stopped = await up.ask('stop', 'agent');
      assert.equal(stopped.status, 0, stopped.stderr);
      // One that is ending has no command line any more.
      await until(() => (gatewayOf(pid) === undefined && hasEnded(next)) || undefined);
      up.child.kill('SIGTERM');
      await up.result;
    });

  if (inTurn(as, 2))
    test(`a reload takes another secret, and the program goes on (${as})`, async (t) => {
      const up = startLive(t, as, {
        script: `${CLIENT}
say("began")
while not os.path.exists("end"):
    try:
        ask(connect(), "GET", "/headers")
    except (OSError, http.client.HTTPException):
        pass
`,
      });
      const next = 'ghs_the-next-one-0123456789';
      const from = outside.upstream.heard().length;
      const has = (secret: string): boolean =>
        outside.upstream
          .heard()
          .slice(from)
          .some(({ authorization }) => authorization === `Bearer ${secret}`);
      await until(() => has(SECRET) || undefined, 20_000);
      replaceToken(as, up, next);
      up.child.kill('SIGHUP');
      await until(() => has(next) || undefined, 20_000);
      const since = outside.upstream.heard().length;
      // One that cannot be read leaves the former in force.
      writeFileSync(up.token, '');
      up.child.kill('SIGHUP');
      await until(() => /the former configuration stays/.test(up.stderr()) || undefined);
      await until(() => outside.upstream.heard().length > since + 2 || undefined);
      writeFileSync(join(up.folder, 'end'), '');
      const { status, stderr } = await up.result;
      assert.equal(status, 0, stderr);
      assert.equal(up.lines().filter((line) => line === 'began').length, 1);
      const later = outside.upstream.heard().slice(since);
      assert.ok(later.every(({ authorization }) => authorization === `Bearer ${next}`));
      for (const secret of [SECRET, next])
        for (const text of [up.stdout(), stderr, readFileSync(up.audit, 'utf8')])
          assert.ok(!text.includes(secret));
    });
}

for (const as of anyUser) {
  // proves: gateway: a start takes the secrets that are in force after its last wait
  test(`a start that waits while a reload brings another secret begins with that one (${as})`, async (t) => {
    const up = startLive(t, as, {
      script: `${CLIENT}
while True:
    try:
        ask(connect(), "GET", "/headers")
    except (OSError, http.client.HTTPException):
        pass
    time.sleep(0.1)
`,
    });
    const pid = up.child.pid ?? 0;
    await up.told('GET /headers 200');
    const program = below(pid).find((one) => commandOf(one).startsWith('/usr/bin/python3')) ?? 0;
    const next = 'ghs_the-next-one-0123456789';
    const from = outside.upstream.heard().length;
    replaceToken(as, up, next);
    // The next start waits until it has been killed.
    signalTo(gatewayOf(pid), 'SIGSTOP');
    const restarted = up.ask('restart', 'agent');
    await until(() => hasEnded(program) || undefined);
    up.child.kill('SIGHUP');
    assert.equal((await restarted).status, 0);
    const heard = (): readonly (string | null)[] =>
      outside.upstream
        .heard()
        .slice(from)
        .map(({ authorization }) => authorization);
    await until(() => heard().includes(`Bearer ${next}`) || undefined, 10_000);
    up.child.kill('SIGTERM');
    await up.result;
  });

  test(`a secret that the program would see refuses the start (${as})`, async () => {
    const { config, token } = writeScene(as, {
      command: ['echo', 'started'],
      gateway: GATEWAY,
      more: ['filesystem: {visible: [/tmp]}'],
    });
    const { stdout, stderr } = await postern(['up', '--config', config], {
      as,
      inside: outside.internet.within,
    });
    assert.ok(stderr.includes(`would see the secret in "${token}"`), stderr);
    assert.ok(!stdout.includes('started'));
  });

  test(`the host's /etc in place of the certificates is refused by check and at the start, and a hidden bundle stays hidden (${as})`, async () => {
    const scene = writeScene(as, {
      command: ['echo', 'started'],
      gateway: GATEWAY,
      more: ['filesystem: {visible: [/etc]}'],
    });
    const refused =
      /"agent": "\/etc" shows in its sandbox, and postern writes the certificates of its gateway to \/etc\/postern there; name the files below/;
    const checked = await postern(['check', scene.config], { as });
    assert.deepEqual([checked.status, refused.test(checked.stdout)], [1, true], checked.stdout);
    const { stdout, stderr } = await postern(['up', '--config', scene.config], {
      as,
      inside: outside.internet.within,
    });
    assert.match(stderr, refused);
    assert.ok(!stdout.includes('started'));
    const hidden = writeScene(as, {
      command: ['bash', '-c', `ls -A /etc/ssl/certs | wc -l; curl -sS https://${HOST}:${PORT}/headers; echo`],
      gateway: GATEWAY,
      more: ['filesystem: {hidden: [/etc/ssl/certs]}'],
    });
    const run = await postern(['up', '--config', hidden.config], { as, inside: outside.internet.within });
    const [count, answer] = linesOf(run.stdout);
    assert.equal(count, '0', run.stderr);
    assert.match(String(answer), /"authorization":"Bearer \*+"/, run.stderr);
  });

  test(`explain --live says what goes through the gateway, and explain says it of a request (${as})`, async (t) => {
    const up = startLive(t, as, {
      gateway: GATEWAY.replace('{', '{base_url: true, '),
      script: 'print("up", flush=True)\nwhile True: __import__("time").sleep(9)',
    });
    await up.told('up');
    const live = await up.ask('explain', 'agent', `${HOST}:${PORT}`);
    assert.equal(live.status, 0, live.stderr);
    assert.match(live.stdout, /decision +allow\n[\s\S]*because .*through the gateway/);
    const other = await up.ask('explain', 'agent', `${HOST}:9`);
    assert.equal(other.status, 1);
    const bare = await up.ask('explain', 'agent', `${outside.internet.addresses[HOST]}:${PORT}`);
    assert.match(
      bare.stdout,
      new RegExp(`it is an address of "${HOST}", which has a gateway\\. Connect by that name\n`),
    );
    assert.ok(bare.status === 1 && !/--allow|suggest/.test(bare.stdout), bare.stdout);
    const ask = (...words: readonly string[]): Promise<PosternResult> =>
      postern(['explain', ...words, '--config', up.config], { as });
    const plain = `${HOST}.gateway.internal`;
    const addresses = ['--resolved', '93.184.216.34'];
    const running = (place: string): Promise<PosternResult> =>
      up.ask('explain', 'agent', place, ...addresses);
    for (const inside of [await running(`${plain}:80`), await ask('agent', `${plain}:80`, ...addresses)]) {
      assert.equal(inside.status, 0, inside.stderr);
      assert.match(inside.stdout, new RegExp(`request +${plain}:80\\n`));
      assert.match(
        inside.stdout,
        /through the gateway, which serves plain HTTP under this name in the sandbox\n/,
      );
    }
    const elsewhere = await running(`${plain}:443`);
    assert.equal(elsewhere.status, 1);
    assert.match(elsewhere.stdout, /because +the gateway serves this name on port 80 alone\n/);
    assert.doesNotMatch(elsewhere.stdout, /to allow it/);
    const byPlain = await ask('agent', `GET http://${plain}/headers`);
    assert.match(byPlain.stdout, /way +by plain HTTP in the sandbox[\s\S]*decision +allow\n/);
    const allowed = await ask('agent', `GET https://${HOST}:${PORT}/headers?x`);
    assert.deepEqual(
      [allowed.status, /rule +GET \/headers\n/.test(allowed.stdout)],
      [0, true],
      allowed.stdout,
    );
    const refused = await ask('--json', `POST https://${HOST}/repos/x`);
    assert.equal(refused.status, 1);
    const { decision, suggestion } = JSON.parse(refused.stdout);
    assert.deepEqual([decision, suggestion], ['deny', 'POST /repos/x']);
    // As the gateway reads it: curl sends no fragment, and a path in front of a bare query.
    for (const url of ['/headers#part', '/headers?x#part'])
      assert.equal((await ask('agent', `GET https://${HOST}:${PORT}${url}`)).status, 0, url);
    const query = JSON.parse((await ask('--json', `GET https://${HOST}?x`)).stdout);
    assert.deepEqual([query.target, query.suggestion], ['/?x', 'GET /']);
    for (const [method, path, why] of [
      ['CONNECT', '/headers', 'the gateway makes no tunnel'],
      ['GET', '/é', 'the target has odd characters'],
      ['A'.repeat(33), '/', 'the method is not of capital letters, 32 at most'],
    ]) {
      const { status, stdout } = await ask('agent', `${method} https://${HOST}${path}`);
      assert.deepEqual([status, stdout.includes(`bad_request: ${why}\n`)], [1, true], stdout);
    }
    const ruled = await ask('agent', `GET https://${HOST}/headers`, '--deny', HOST);
    assert.equal(ruled.status, 2);
    assert.match(ruled.stderr, /do not change what a gateway permits/);
    const both = await up.ask('explain', 'agent', `GET https://${HOST}/headers`);
    assert.equal(both.status, 2);
    assert.match(both.stderr, /leave out --live/);
  });

  test(`an operator sees who talks through the gateway, and what it refused (${as})`, async (t) => {
    const up = startLive(t, as, {
      script: `${CLIENT}
held = connect()
held.request("GET", "/hold")
for path in ("/issues", "/issues", "/repos/x"):
    ask(connect(), "POST", path)
say("asked")
held.getresponse()
`,
    });
    const from = outside.upstream.heard().length;
    await up.told('asked');
    await until(() => outside.upstream.heard()[from] ?? undefined, 20_000);
    const answer = async (...words: readonly string[]) =>
      JSON.parse((await up.ask(...words, '--json')).stdout);
    for (const words of [[], ['agent']]) {
      const { connections } = await answer('connections', ...words);
      assert.deepEqual(
        connections.map((one: OpenConnection) => [one.plugin, one.door, one.host, one.port]),
        [['agent', 'gateway', HOST, PORT]],
      );
    }
    const { denials } = await answer('denials', 'agent');
    assert.deepEqual(
      denials.map((one: Denial) => [one.count, one.reason, one.request, one.suggestion]),
      [
        [2, 'path_not_allowed', `POST https://${HOST}:${PORT}/issues`, 'POST /issues'],
        [1, 'path_not_allowed', `POST https://${HOST}:${PORT}/repos/x`, 'POST /repos/x'],
      ],
    );
    const shown = await up.ask('denials');
    assert.match(shown.stdout, /POST https:\/\/\S+\/issues +path_not_allowed +"POST \/issues"\n/);
    const [row] = (await answer('top', '--count', '1')).plugins;
    assert.deepEqual([row.name, row.connections, row.connects, row.denials], ['agent', 1, 1, 3]);
    assert.equal(up.stderr().match(/refused POST/g)?.length, 2, up.stderr());
  });

  test(`learn prints the rules for the requests that a gateway refuses (${as})`, async (t) => {
    const up = startLive(t, as, {
      script: `${CLIENT}
while True:
    for method, path in (("POST", "/issues"), ("GET", "/allowed"), ("GET", "/repos/x%2Fy?q=1")):
        ask(connect(), method, path)
    say("asked")
    time.sleep(0.3)
`,
    });
    await up.told('asked');
    const learn = startPostern(['learn', 'agent', '--control', up.control], { as });
    t.after(() => learn.child.kill('SIGKILL'));
    await until(() => /until Ctrl-C\n/.test(learn.stderr()) || undefined);
    const begun = up.lines().length;
    await until(() => up.lines().length > begun + 9 || undefined);
    learn.child.kill('SIGINT');
    const { stdout } = await learn.result;
    const line = `requests of a gateway: ${HOST}: {allow: ["GET /repos/x%2Fy", "POST /issues"]}`;
    assert.ok(stdout.split('\n').includes(line), stdout);
  });
}

const ASKED = `${CLIENT}
import http.client
client = connect()
client.request("GET", "/headers")
kept = client.getresponse().read()
print(b"authorization" in kept, os.environ["KEY"][:8], flush=True)
`;

for (const as of users)
  test(`a search of all that the program can read, and of all that postern prints, finds no secret (${as})`, async (t) => {
    const plan = (reflect: string): GatewayPlan => ({
      command: ['/usr/bin/python3', '-c', ASKED + searchFor(SECRET)],
      gateway: `{headers: {authorization: "Bearer {github}"}, reflect: ${reflect}, placeholder: {name: KEY, secret: github, in: [x-key]}}`,
    });
    const run = (reflect: string): { scene: GatewayScene; running: RunningPostern } => {
      const scene = writeScene(as, plan(reflect));
      const running = startPostern(['up', '--config', scene.config], { as, inside: outside.internet.within });
      t.after(() => running.child.kill('SIGKILL'));
      return { scene, running };
    };
    const masked = run('mask');
    const kinds = new Set<string>();
    const pid = masked.running.child.pid ?? 0;
    while (masked.running.child.exitCode === null && !kinds.has('gateway')) {
      for (const one of below(pid)) {
        const command = commandOf(one);
        for (const text of [command, textOf(`/proc/${one}/environ`)]) assert.ok(!text.includes(SECRET));
        if (command.includes('run/gateway.cjs')) kinds.add('gateway');
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const { stdout, stderr, status } = await masked.running.result;
    assert.equal(status, 0, stderr);
    assert.deepEqual(linesOf(stdout), ['True postern_', 'searched True']);
    const audit = readFileSync(masked.scene.audit, 'utf8');
    for (const text of [stdout, stderr, audit]) assert.ok(!text.includes(SECRET));
    // The search finds one that the upstream has told.
    const told = await run('allow').running.result;
    assert.match(told.stdout, /found in memory of \d+/, told.stderr);
  });

function below(pid: number): readonly number[] {
  return [pid, ...childrenOf(pid).flatMap(below)];
}

/** As far as it can be read. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
