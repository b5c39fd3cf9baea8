// An ordinary connect has a path of its own in the broker. What a program, the log and the metrics see of it is what the general path shows.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { listeningSocket } from '../../shared/sys/datagram.js';
import { boundAddress } from '../../shared/sys/socket.js';
import { anyUser, userInTurn } from '../harness/asked.js';
import type { AuditLine } from '../harness/audit-line.js';
import { freePort } from '../harness/free-port.js';
import { listen } from '../harness/listener.js';
import { postern, startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { distFor, type User } from '../harness/users.js';
import type { Wanted } from '../mutation/find-changes.js';
import { mutantDist } from '../mutation/mutant-dist.js';

const GENERAL: Wanted = { at: 'every connect goes the general way', code: 'undefined' };
const v4 = await listen((socket) => socket.on('data', () => socket.end('heard\n')));
const v6 = await listen((socket) => socket.on('data', () => socket.end('heard\n')), '::1');
const other = await listen();
const shut = await freePort();
after(() => Promise.all([v4.close(), v6.close(), other.close()]));

/** Each kind of connect, three times: the first one makes the later ones ordinary. */
const PROGRAM = `
import errno, fcntl, os, select, socket, struct, sys
v4, v6, shut, full = (int(word) for word in sys.argv[1:5])
name = lambda code: errno.errorcode.get(code, code)
def attempt(what, address, blocks=True, prepare=lambda s: None, family=socket.AF_INET):
    s = socket.socket(family)
    s.setblocking(blocks)
    prepare(s)
    twin = os.dup(s.fileno())
    said = [name(s.connect_ex(address))]
    if not blocks:
        select.select([], [s], [], 30)
        said.append(name(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)))
    said += [name(s.connect_ex(address)), name(s.connect_ex(address)), fcntl.fcntl(s, fcntl.F_GETFL), os.get_inheritable(s.fileno())]
    said += [s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)]
    with socket.socket(fileno=twin) as t:
        try:
            said += [t.getpeername()[:2], os.get_inheritable(twin)]
            s.setblocking(True)
            s.send(b"x")
            said.append(s.recv(10))
        except OSError as error:
            said.append(name(error.errno))
    s.close()
    print(what, *said, flush=True)
def options(s):
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    s.set_inheritable(True)
for blocks in (True, False):
    for _ in range(3):
        attempt("v4", ("127.0.0.1", v4), blocks)
        attempt("v6", ("::1", v6), blocks, family=socket.AF_INET6)
        attempt("mapped", ("::ffff:127.0.0.1", v4), blocks, family=socket.AF_INET6)
        attempt("options", ("127.0.0.1", v4), blocks, options)
        attempt("nobody", ("127.0.0.1", shut), blocks)
        attempt("denied", ("192.0.2.1", v4), blocks)
        attempt("inside", ("127.0.0.1", 9), blocks)
held = []
for _ in range(5):
    s = socket.socket()
    held.append(s)
    print("held", name(s.connect_ex(("127.0.0.1", v4))), flush=True)
for s in held: s.close()
print("done", flush=True)
sys.stdin.readline()
held = []
for blocks in (True, True, False):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 200000))
    s.setblocking(blocks)
    held.append(s)
    print("waits", name(s.connect_ex(("127.0.0.1", full))), name(s.connect_ex(("127.0.0.1", full))), flush=True)
print("waited", flush=True)
sys.stdin.readline()
`;

interface Seen {
  readonly said: string;
  readonly events: readonly AuditLine[];
  readonly metrics: readonly string[];
}

async function see(as: User, dist: string): Promise<Seen> {
  // It takes one connection, and every other one waits.
  using full = listeningSocket({ bytes: new Uint8Array([127, 0, 0, 1]), port: 0 }, 0);
  const fullPort = boundAddress(full.number)?.port ?? 0;
  const metrics = await freePort();
  const { child, result, stdout } = startPostern(
    [
      ...['run', '--name', 'scene', '--audit', '-', '--metrics', `127.0.0.1:${metrics}`],
      ...['--limit', 'connections=4', '--allow', `127.0.0.1:${v4.port},${shut},${fullPort}`],
      ...['--allow', `[::1]:${v6.port}`, '--', '/usr/bin/python3', '-c', PROGRAM],
      ...[v4.port, v6.port, shut, fullPort].map(String),
    ],
    { as, dist, stdio: ['pipe', 'pipe', 'pipe'], keepInput: true },
  );
  const says = (word: string): Promise<boolean> =>
    until(() => stdout().includes(word) || child.exitCode !== null || undefined, 30_000);
  await says('done');
  const connected = stdout().match(/^held 0$/gm)?.length ?? 0;
  await until(async () => {
    const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
    const count = (series: RegExp): number => Number(series.exec(page)?.[1]);
    const ended = count(/^postern_connection_duration_seconds_count\S* (\d+)$/m);
    // A failure is counted once it is sure that no other address of the name works.
    const refused = count(/^postern_connect_duration_seconds_count\{outcome="refused"\} (\d+)$/m);
    const counted = count(/^postern_connect_failures_total\S*reason="refused"\} (\d+)$/m);
    return (ended >= 24 + connected && refused > 0 && counted === refused) || undefined;
  }, 30_000);
  // Not before: the broker watches a connect that waits for some seconds, and the end of the program must come within them.
  child.stdin?.write('on\n');
  await says('waited');
  const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
  child.stdin?.end('end\n');
  const { stderr } = await result;
  return {
    said: stdout(),
    events: eventsIn(stderr.replaceAll(String(fullPort), '1')),
    metrics: countsIn(page),
  };
}

/** Without what differs from run to run. */
function eventsIn(log: string): readonly AuditLine[] {
  const events = [...log.matchAll(/^\{.*\}$/gm)].map(([line]) => JSON.parse(line) as AuditLine);
  const ids = new Set(events.map(({ decision_id: id }) => id));
  return events
    .map((event) => {
      const changing = {
        ...{ ts: '', decision_id: ids.has(event['decision_id'] ?? ''), pid: typeof event['pid'] },
        retransmits: typeof event['retransmits'],
      };
      const times = Object.keys(event).filter((key) => key.endsWith('_ms') || key === 'policy_hash');
      return { ...event, ...changing, ...Object.fromEntries(times.map((key) => [key, typeof event[key]])) };
    })
    .sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
}

function countsIn(page: string): readonly string[] {
  return (
    page
      .split('\n')
      .filter((line) => /^postern_\w+(?:_total|_count)\b/.test(line))
      // A busy machine answers a segment so late that it is sent again.
      .filter(
        (line) => !/control_|metrics_|supervisor_|process_|_stalls?_|slow_touches|_retransmits/.test(line),
      )
  );
}

for (const as of anyUser) {
  test(`a program, the log and the metrics see an ordinary connect as they see any other (${as})`, async () => {
    const [ordinary, general] = [await see(as, distFor(as)), await see(as, mutantDist(GENERAL))];
    assert.match(ordinary.said, /^v4 0 EISCONN EISCONN .* b'heard\\n'$/m);
    assert.match(ordinary.said, /^held 0\nheld 0\nheld 0\nheld 0\nheld EAGAIN$/m);
    assert.equal(ordinary.said, general.said);
    assert.deepEqual(ordinary.events, general.events);
    assert.deepEqual(ordinary.metrics, general.metrics);
  });
}

/** Of two connects the second one is ordinary. */
const TWICE = `
import errno, socket, sys
place = ("127.0.0.1", int(sys.argv[1]))
def attempt():
    s = socket.socket()
    s.setblocking(sys.argv[2] == "blocks")
    return s, errno.errorcode.get(s.connect_ex(place), 0)
held = [attempt() for _ in range(2)]
print(*(said for _, said in held), flush=True)
`;

/** Goes on once a line comes, and ends after another one. */
const AGAIN = `
sys.stdin.readline()
for s, _ in held: s.close()
s, said = attempt()
print("again", said, flush=True)
sys.stdin.readline()
`;

const words = (blocks: string, program: string): readonly string[] => [
  ...['run', '--audit', '-', '--allow', `127.0.0.1:${v4.port}`],
  ...['--', '/usr/bin/python3', '-c', program, String(v4.port), blocks],
];

const ELSEWHERE = `startConnect(socket.number, { ...endpoint, port: ${other.port} }, dialer)`;

/** What becomes of a dial, whether its program waits, and what both connects return. */
const DIALS: readonly (readonly [what: string, blocks: string, code: string, said: string])[] = [
  ['that ends at another peer', 'blocks', ELSEWHERE, '0 ECONNABORTED'],
  ['that ends at another peer', 'goes on', ELSEWHERE, 'EINPROGRESS ECONNABORTED'],
  ['that fails at once', 'blocks', `(${ELSEWHERE}, -111)`, '0 ECONNREFUSED'],
];

// proves: an ordinary connect: the peer is compared before the hand-over
for (const [turn, [what, blocks, code, said]] of DIALS.entries())
  for (const as of userInTurn(turn))
    test(`an ordinary dial ${what} gives the program nothing, and is not dialled twice: the program ${blocks} (${as})`, async () => {
      const dist = mutantDist({ at: 'an ordinary connect dials', code });
      const before = await Promise.all([v4.allConnections(), other.allConnections()]);
      const { stdout, stderr } = await postern(words(blocks, TWICE), { as, dist });
      assert.equal(stdout, `${said}\n`, stderr);
      const heard = await Promise.all([v4.allConnections(), other.allConnections()]);
      assert.deepEqual([heard[0] - before[0], heard[1] - before[1]], [1, 1]);
    });

/** Where the broker dies in an ordinary connect, what the program's call returns, and of how many connections the log has the end. */
const DEATHS: readonly (readonly [at: string, said: string, ends: number])[] = [
  ['an ordinary connect dials', 'ECONNABORTED', 2],
  ['an ordinary connect is noted', 'ECONNABORTED', 3],
  ['an ordinary connect is in place', 'ECONNABORTED', 3],
  ['an ordinary connect is answered', '0', 3],
];

// proves: an ordinary connect is noted before the program has it
for (const [turn, [at, said, ends]] of DEATHS.entries())
  for (const as of userInTurn(turn))
    test(`a broker that is killed where ${at} loses no description and no event (${as})`, async () => {
      // Its sandbox lets it kill nothing. This writes and flushes nothing either.
      const kill = 'process.reallyExit(9)';
      const dist = mutantDist({ at, code: at.endsWith('dials') ? `(${kill}, $&)` : `${kill};\n$&` });
      const { child, result, stdout } = startPostern(words('blocks', TWICE + AGAIN), {
        ...{ as, dist, stdio: ['pipe', 'pipe', 'pipe'], keepInput: true },
      });
      const first = await until(() => brokerOf(child.pid ?? 0), 20_000);
      await until(() => stdout().includes('\n') || child.exitCode !== null || undefined, 20_000);
      assert.equal(stdout(), `0 ${said}\n`);
      await until(() => (brokerOf(child.pid ?? 0) ?? first) !== first || undefined, 20_000);
      child.stdin?.write('go\n');
      await until(() => /again 0/.test(stdout()) || child.exitCode !== null || undefined, 20_000);
      child.stdin?.end('end\n');
      const { status, stderr } = await result;
      assert.equal(status, 0, stderr);
      const events = [...stderr.matchAll(/^\{.*\}$/gm)].map(([line]) => JSON.parse(line) as AuditLine);
      const closed = events.filter(({ event }) => event === 'closed');
      const isKnown = ({ host, port, decision_id: id }: AuditLine): boolean =>
        host === '127.0.0.1' && port === v4.port && id !== null;
      assert.equal(closed.length, ends, stderr);
      assert.ok(closed.every(isKnown), stderr);
      const ids = new Set(closed.map(({ decision_id: id }) => id));
      assert.equal(ids.size, closed.length);
      // An event counts before the call returns.
      const lost = events
        .filter(({ event }) => event === 'gap')
        .reduce((sum, { events: gap }) => sum + Number(gap), 0);
      const decided = events.filter(({ event }) => event === 'decision').length;
      assert.ok(decided + lost >= (said === '0' ? 3 : 2), stderr);
    });
