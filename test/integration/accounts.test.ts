import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import type { AuditLine } from '../harness/audit-line.js';
import { freePort } from '../harness/free-port.js';
import { listen } from '../harness/listener.js';
import { startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { until } from '../harness/until.js';
import type { User } from '../harness/users.js';

/** What a peer counted of one connection. */
interface Counted {
  received: number;
  sent: number;
}

/**
 * A peer for the program below. It answers a line `A B WHO` and A bytes with B bytes, and closes first if WHO is `peer`. It counts payload as
 * a server does.
 */
function peer(counts: Counted[]): (socket: Socket) => void {
  return (socket) => {
    const counted: Counted = { received: 0, sent: 0 };
    counts.push(counted);
    let head = '';
    let wanted: number | undefined;
    socket.on('data', (bytes: Buffer) => {
      counted.received += bytes.length;
      if (wanted === undefined) {
        head += bytes.toString('latin1');
        const end = head.indexOf('\n');
        if (end < 0) return;
        const [takes = '0', gives = '0', who] = head.slice(0, end).split(' ');
        wanted = end + 1 + Number(takes);
        counted.sent = Number(gives);
        socket.write(Buffer.alloc(counted.sent, 'x'));
        if (who !== 'peer') wanted = Number.POSITIVE_INFINITY;
      }
      if (counted.received === wanted) socket.end();
    });
  };
}

/** Talks to the peer over connections of random size, some at a time, by both ways out. Each end is orderly, from either side. */
const PROGRAM = `
import random, socket, sys, threading
port, count, seed = (int(word) for word in sys.argv[1:4])
rng = random.Random(seed)
jobs = [(rng.choice((0, 1, 2, rng.randrange(2000), rng.randrange(300000))), rng.choice((0, 1, rng.randrange(2000), rng.randrange(300000))),
         rng.choice(("peer", "close", "half")), rng.random() < 0.2) for _ in range(count)]
channel = Channel.from_environment()
lock = threading.Lock()
def dial(by_channel):
    while not by_channel:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionAbortedError:
            pass # The broker died.
    with lock:
        return channel.connect("127.0.0.1", port)
def talk(takes, gives, who, by_channel):
    with dial(by_channel) as s:
        s.setblocking(True)
        s.sendall(b"%d %d %s\\n" % (takes, gives, who.encode()) + b"y" * takes)
        if who == "half":
            s.shutdown(socket.SHUT_WR)
        got = 0
        while got < gives or who != "close":
            data = s.recv(1 << 16)
            if not data:
                break
            got += len(data)
        assert got == gives, (got, gives)
def work():
    while True:
        with lock:
            if not jobs:
                return
            job = jobs.pop()
        talk(*job)
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("done", flush=True)
sys.stdin.readline()
`;

interface Run {
  readonly events: readonly AuditLine[];
  readonly page: string;
}

/** @param during gets the broker's pid while the program talks */
async function run(
  user: User,
  port: number,
  count: number,
  during?: (broker: number) => Promise<void>,
): Promise<Run> {
  const metrics = await freePort();
  const {
    child,
    result,
    stdout,
    stderr: log,
  } = startPostern(
    [
      ...['run', '--name', 'talker', '--audit', '-', '--metrics', `127.0.0.1:${metrics}`],
      ...['--allow', `127.0.0.1:${port}`, '--', '/usr/bin/python3', '-c', `${PYTHON_CHANNEL}${PROGRAM}`],
      ...[String(port), String(count), String(Date.now() % 1_000_000)],
    ],
    { as: user, stdio: ['pipe', 'pipe', 'pipe'], keepInput: true, timeoutMs: 120_000 },
  );
  const closed = (): number => eventsIn(log()).reduce((all, event) => all + accounted(event), 0);
  if (during !== undefined) await during(await until(() => brokerOf(child.pid ?? 0)));
  await until(() => stdout().includes('done') || child.exitCode !== null || undefined, 50_000);
  await until(() => closed() >= count || child.exitCode !== null || undefined, 30_000);
  const page = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
  child.stdin?.end();
  const { stderr } = await result;
  return { events: eventsIn(stderr), page };
}

function eventsIn(log: string): readonly AuditLine[] {
  const lines = log.split('\n').slice(0, -1);
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as AuditLine);
}

/** For how many closed connections a line of the log may stand. */
function accounted({ event, events }: AuditLine): number {
  return event === 'closed' ? 1 : event === 'gap' ? Number(events) : 0;
}

const metric = (page: string, name: string): number =>
  Number(new RegExp(`^postern_${name}\\{plugin="talker"\\} (\\d+)$`, 'm').exec(page)?.[1]);

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

const sorted = (pairs: readonly (readonly [unknown, unknown])[]): string[] =>
  pairs.map(([one, other]) => `${one} ${other}`).sort();

for (const user of userInTurn(0)) {
  // proves: accounts: a socket waits for its peer's end, so that a count is exact
  // proves: accounts: a connection is noted before the plugin has it
  test(`each connection's bytes, both ways, are what its peer counted; its decision is named (${user})`, async () => {
    const counts: Counted[] = [];
    const listener = await listen(peer(counts));
    try {
      const { events, page } = await run(user, listener.port, 1_000);
      const closed = events.filter(({ event }) => event === 'closed');
      assert.equal(closed.length, 1_000);
      assert.deepEqual(
        sorted(closed.map((event) => [event['sent_bytes'], event['received_bytes']])),
        sorted(counts.map(({ received, sent }) => [received, sent])),
      );
      const decisions = new Map(events.map((event) => [event['decision_id'], event] as const));
      assert.equal(new Set(closed.map((event) => event['decision_id'])).size, 1_000);
      for (const event of closed) {
        const decision = decisions.get(event['decision_id']);
        for (const field of ['plugin', 'pid', 'program', 'door', 'host', 'port', 'dialed'])
          assert.equal(event[field], decision?.[field], field);
        assert.equal(event['ended_by'], 'closed');
        assert.ok(Number(event['duration_ms']) > 0 && Number(event['rtt_ms']) > 0, JSON.stringify(event));
      }
      assert.equal(metric(page, 'sent_bytes_total'), sum(counts.map(({ received }) => received)));
      assert.equal(metric(page, 'received_bytes_total'), sum(counts.map(({ sent }) => sent)));
      assert.equal(metric(page, 'connection_duration_seconds_count'), 1_000);
      assert.equal(metric(page, 'connections_open'), 0);
    } finally {
      await listener.close();
    }
  });
}

for (const user of userInTurn(1)) {
  // proves: accounts: the next broker finds the connections of the one before
  // proves: accounts: reports of ends wait for the next broker
  test(`a broker that dies takes no account along: the next one goes on, also with what ended meanwhile (${user})`, async () => {
    const counts: Counted[] = [];
    const listener = await listen(peer(counts));
    try {
      const { events } = await run(user, listener.port, 400, async (broker) => {
        await until(() => counts.length > 100 || undefined, 30_000);
        process.kill(broker, 'SIGKILL');
      });
      const closed = events.filter(({ event }) => event === 'closed');
      // It may have died before it accounted for a connection that the program has.
      for (const event of closed)
        for (const field of ['decision_id', 'door', 'host', 'port', 'dialed'])
          assert.notEqual(event[field], null, JSON.stringify(event));
      const pairs = sorted(counts.map(({ received, sent }) => [received, sent]));
      for (const pair of sorted(closed.map((event) => [event['sent_bytes'], event['received_bytes']]))) {
        assert.ok(pairs.includes(pair), `${pair} was not counted by a peer`);
        pairs.splice(pairs.indexOf(pair), 1);
      }
      // The program always sends a line. The broker that died connected a peer that got nothing, and the program never had that socket.
      const missing = pairs.filter((pair) => !pair.startsWith('0 '));
      // Lines that the broker had not written when it died are counted.
      assert.ok(
        missing.length <= sum(events.map(accounted)) - closed.length,
        `missing: ${missing.join(', ')}`,
      );
    } finally {
      await listener.close();
    }
  });
}

/** Sends so much at each line of its input, and keeps its connection. */
const KEEPS = `
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
for line in sys.stdin:
    s.sendall(b"x" * int(line))
    assert s.recv(2) == b"ok"
    print("sent", flush=True)
`;

for (const user of anyUser) {
  test(`the bytes of an open connection count while it is open, and no counter falls when a broker dies (${user})`, async () => {
    let received = 0;
    const listener = await listen((socket) => {
      socket.on('error', () => {});
      socket.on('data', (bytes: Buffer) => {
        received += bytes.length;
        if (received % 1_000 === 0) socket.write('ok');
      });
    });
    const metrics = await freePort();
    const { child, result } = startPostern(
      [
        ...[
          'run',
          '--name',
          'talker',
          '--metrics',
          `127.0.0.1:${metrics}`,
          '--allow',
          `127.0.0.1:${listener.port}`,
        ],
        ...['--', '/usr/bin/python3', '-c', KEEPS, String(listener.port)],
      ],
      { as: user, stdio: ['pipe', 'pipe', 'pipe'], keepInput: true },
    );
    try {
      let said = '';
      child.stdout?.on('data', (text: string) => {
        said += text;
      });
      const page = async (): Promise<string> => (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
      const send = async (bytes: number, rounds: number): Promise<void> => {
        child.stdin?.write(`${bytes}\n`);
        await until(() => said.split('sent').length > rounds || child.exitCode !== null || undefined);
      };
      await send(50_000, 1);
      const open = await until(async () => {
        const text = await page();
        return metric(text, 'sent_bytes_total') === 50_000 ? text : undefined;
      });
      assert.equal(metric(open, 'received_bytes_total'), 2);
      assert.equal(metric(open, 'connections_open'), 1);
      assert.ok(Number(/^postern_oldest_connection_seconds\{.*\} (\S+)$/m.exec(open)?.[1]) > 0, open);
      assert.doesNotMatch(open, /connection_duration_seconds_count/, 'none has ended');
      const broker = await until(() => brokerOf(child.pid ?? 0));
      process.kill(broker, 'SIGKILL');
      await until(async () => brokerOf(child.pid ?? 0) !== broker || undefined);
      const after = await until(async () => {
        const text = await page();
        return text.includes('postern_sent_bytes_total') ? text : undefined;
      });
      assert.equal(metric(after, 'sent_bytes_total'), 50_000);
      const connects = /^postern_connects_total\{plugin="talker",outcome="connected"\} 1$/m;
      assert.match(open, connects);
      assert.match(after, connects);
      await send(7_000, 2);
      await until(async () => (metric(await page(), 'sent_bytes_total') === 57_000 ? true : undefined));
      child.stdin?.end();
      assert.equal((await result).status, 0);
    } finally {
      child.kill('SIGKILL');
      await listener.close();
    }
  });
}
