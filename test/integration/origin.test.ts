import assert from 'node:assert/strict';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import { type PosternResult, postern } from '../harness/postern.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { readableFile, readableFolder, type User, users } from '../harness/users.js';

const [anyone = 'user'] = users;

interface Event extends Readonly<Record<string, unknown>> {
  readonly event: string;
  readonly repeated?: boolean;
}

interface Ran extends PosternResult {
  /** The unchanged lines of the audit log. */
  readonly lines: readonly string[];
  readonly events: readonly Event[];
}

/** Runs a Python program without any allow rule. */
async function audited(as: User, program: string, command?: readonly string[]): Promise<Ran> {
  const folder = readableFolder();
  chmodSync(folder, 0o777);
  const audit = join(folder, 'audit');
  const file = readableFile('program.py', program);
  const words = ['/usr/bin/python3', file];
  const result = await postern(
    [
      'run',
      '--audit',
      audit,
      '--visible',
      file,
      '--',
      ...(command ?? words),
      ...(command === undefined ? [] : words),
    ],
    { as },
  );
  const lines = readFileSync(audit, 'utf8').split('\n').slice(0, -1);
  const events = lines.map((line) => JSON.parse(line) as Event);
  // The program asks for both A and AAAA of each name.
  return { ...result, lines, events: events.filter(({ repeated }) => repeated !== true) };
}

const ASKS = `
import os, socket, sys
def connect(address):
    try:
        socket.create_connection(address, timeout=5)
    except OSError:
        pass
`;

for (const user of userInTurn(1)) {
  test(`refusals of a connect, a question and a UDP socket name egress, process and program (${user})`, async () => {
    const program = `${ASKS}
connect(("93.184.216.20", 80))
connect(("tracker.example.net", 443))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try:
    udp.connect(("93.184.216.20", 123))
except OSError:
    pass
print(os.getppid(), flush=True)
`;
    const { events, stderr } = await audited(user, program, ['sh', '-c', '"$0" "$@"; true']);
    const told = Object.fromEntries(events.map((event) => [event.event, event]));
    assert.deepEqual(Object.keys(told).sort(), ['datagram', 'decision', 'question'], JSON.stringify(events));
    const pids = events.map(({ pid }) => pid);
    for (const { door, program: name, pid } of events) {
      assert.deepEqual([door, name], ['trap', 'python3']);
      assert.ok(typeof pid === 'number' && pid > 2 && pid === pids[0], String(pids));
    }
    // The plugin is a shell. The line names the program that the shell started.
    const [pid] = pids;
    assert.match(
      stderr,
      new RegExp(`^postern: .*"93\\.184\\.216\\.20" \\("python3", pid ${pid}\\); to allow it: `, 'm'),
    );
    assert.match(
      stderr,
      new RegExp(`^postern: Cannot resolve "tracker.*allows it \\("python3", pid ${pid}\\); `, 'm'),
    );
  });
}

for (const user of anyUser) {
  test(`a request by the channel names the channel and no process (${user})`, async () => {
    const program = `${PYTHON_CHANNEL}
try:
    Channel.from_environment().connect("tracker.example.net", 443)
except OSError:
    pass
`;
    const { events, stderr } = await audited(user, program);
    assert.deepEqual(
      events.map(({ event, door, pid, program: name, names }) => [event, door, pid, name, names]),
      [['decision', 'channel', null, null, []]],
    );
    assert.match(stderr, /^postern: Cannot connect to "tracker\.example\.net:443": [^()]*; to allow it: /);
  });
}

/** At most 15 bytes each, because the kernel keeps no more. */
const HOSTILE = [
  'a\n{"event":"x"}',
  '\x1b[2J\x1b]0;x\x07',
  '"; postern: "',
  '\\u001b\\',
  "'$(x)'",
  '\r\u0085\u2028\u202e',
  ' ',
  '\n\n',
];

// proves: the audit log has one line an event, in ASCII
test("a program's hostile name forges no audit line and no terminal line", async () => {
  const names = [...HOSTILE.map((name) => [...Buffer.from(name).subarray(0, 15)]), [0xff, 0xfe, 0x80, 0x41]];
  const program = `${ASKS}
import ctypes
libc = ctypes.CDLL(None)
for index, name in enumerate(${JSON.stringify(names)}):
    if os.fork() == 0:
        libc.prctl(15, bytes(name), 0, 0, 0)
        connect(("93.184.216.20", 1000 + index))
        connect((f"n{index}.example.net", 443))
        os._exit(0)
    os.wait()
`;
  const { lines, events, stderr } = await audited(anyone, program);
  assert.equal(events.length, 2 * names.length);
  for (const line of lines) assert.match(line, /^\{"event":"(?:decision|question)",[ -~]*\}$/);
  for (const [index, bytes] of names.entries()) {
    const name = Buffer.from(bytes).toString('utf8');
    const [decision, question] = events.slice(2 * index, 2 * index + 2);
    assert.deepEqual(
      [decision?.event, decision?.['port'], decision?.['program']],
      ['decision', 1000 + index, name],
    );
    assert.deepEqual(
      [question?.event, question?.['name'], question?.['program']],
      ['question', `n${index}.example.net`, name],
    );
  }
  const said = stderr.split('\n').slice(0, -1);
  const [refused, allowing, ...more] = said.slice(2 * names.length);
  assert.match(refused ?? '', /^postern: refused: [ -~]*$/);
  assert.match(allowing ?? '', /^postern: to allow all of this: [ -~]*$/);
  assert.deepEqual(more, [], stderr);
  for (const line of said.slice(0, 2 * names.length)) {
    assert.match(
      line,
      /^postern: Cannot (?:connect to "93|resolve "n\d)[ -~]* \("(?:[^"\\]|\\.)*", pid \d+\); to allow it(?: on port 443)?: --allow '[a-z0-9.:]+'$/,
    );
  }
});

test("a thread's own name is not its program's", async () => {
  const program = `${ASKS}
import ctypes, threading
def work():
    ctypes.CDLL(None).prctl(15, b"worker", 0, 0, 0)
    connect(("93.184.216.20", 80))
    connect(("tracker.example.net", 443))
thread = threading.Thread(target=work)
thread.start()
thread.join()
`;
  const { events, stderr } = await audited(anyone, program);
  assert.deepEqual(
    events.map(({ event, program: name }) => [event, name]),
    [
      ['decision', 'python3'],
      ['question', 'python3'],
    ],
  );
  // A refusal of the command itself does not name it.
  assert.doesNotMatch(stderr, /pid/);
});
