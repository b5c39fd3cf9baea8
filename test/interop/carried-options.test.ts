// A program sets every option of the table before it connects, and reads it afterwards: outside, and in one sandbox. The table says which
// ones the connected socket must have.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { type OptionKind, SOCKET_OPTIONS, type SocketOption } from '../../shared/sys/option-table.js';
import { SOL_SOCKET } from '../../shared/sys/socket.js';
import { anyUser } from '../harness/asked.js';
import { postern, startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { readableFolder } from '../harness/users.js';

const CARRIED: readonly OptionKind[] = [
  'always',
  'buffer',
  'keep_alive',
  'with_keep_alive',
  'rare',
  'judged',
];
const NOT_PERMITTED: readonly OptionKind[] = ['off', 'refused'];

const ints = (...values: readonly number[]): string =>
  Buffer.from(new Int32Array(values).buffer).toString('hex');
const long = (value: number): string => `${ints(value)}${ints(0)}`;
/** A value that no fresh socket has, if it is not 1. */
const VALUES: Readonly<Record<string, string>> = {
  SO_RCVLOWAT: ints(7),
  SO_RCVTIMEO: `${long(4)}${long(250_000)}`,
  SO_SNDTIMEO: `${long(3)}${long(500_000)}`,
  SO_SNDBUF: ints(20_000),
  SO_RCVBUF: ints(30_000),
  TCP_KEEPIDLE: ints(77),
  TCP_KEEPINTVL: ints(11),
  TCP_KEEPCNT: ints(3),
  SO_LINGER: ints(1, 0),
  SO_PRIORITY: ints(3),
  SO_PEEK_OFF: ints(5),
  IP_TOS: ints(0x10),
  IP_TTL: ints(33),
  IP_MTU_DISCOVER: ints(0),
  IP_MINTTL: ints(5),
  IPV6_UNICAST_HOPS: ints(44),
  IPV6_MTU_DISCOVER: ints(0),
  IPV6_TCLASS: ints(0x20),
  IPV6_MINHOPCOUNT: ints(5),
  // Then no address of IPv4 is reached.
  IPV6_V6ONLY: ints(0),
  TCP_MAXSEG: ints(600),
  TCP_SYNCNT: ints(2),
  TCP_LINGER2: ints(5),
  TCP_DEFER_ACCEPT: ints(3),
  TCP_WINDOW_CLAMP: ints(20_000),
  TCP_CONGESTION: Buffer.from('reno').toString('hex'),
  TCP_USER_TIMEOUT: ints(12_345),
  TCP_NOTSENT_LOWAT: ints(16_384),
};

/** Prints a line for each socket, state and option. */
const PROGRAM = `
import errno, json, select, socket, struct, sys
options, port, path = json.loads(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

def said(what):
    try:
        return what()
    except OSError as error:
        return errno.errorcode[error.errno]

def show(sock, target, state):
    for name, level, number, size, _ in options:
        print(target, state, name, said(lambda: sock.getsockopt(level, number, size).hex()))
    if kind == socket.SOCK_STREAM and target != "unix":
        info = said(lambda: sock.getsockopt(6, 11, 88))
        print(target, state, "advertised", struct.unpack_from("=I", info, 84)[0])

# SO_TIMESTAMPNS takes the place of SO_TIMESTAMP. The times of keep-alive are carried while SO_KEEPALIVE is off, too.
LEFT_OUT = {"ipv4": "SO_TIMESTAMPNS", "non-blocking": "SO_KEEPALIVE"}

def change(sock, target):
    show(sock, target, "fresh")
    for name, level, number, _, value in options:
        if name != LEFT_OUT.get(target):
            print(target, "setsockopt", name, said(lambda: sock.setsockopt(level, number, bytes.fromhex(value))))
    show(sock, target, "asked")

TARGETS = {
    "ipv4": (socket.AF_INET, ("127.0.0.1", port)),
    "non-blocking": (socket.AF_INET, ("127.0.0.1", port)),
    "ipv6": (socket.AF_INET6, ("::1", port)),
    "mapped": (socket.AF_INET6, ("::ffff:127.0.0.1", port)),
    "unix": (socket.AF_UNIX, path),
    "udp": (socket.AF_INET, ("127.0.0.1", port)),
    "udp6": (socket.AF_INET6, ("::1", port)),
}
for target, (family, address) in TARGETS.items():
    kind = socket.SOCK_DGRAM if target.startswith("udp") else socket.SOCK_STREAM
    for changes in (True, False):
        sock = socket.socket(family, kind)
        sock.setblocking(target != "non-blocking")
        if changes:
            change(sock, target)
        if said(lambda: sock.connect(address)) == "EINPROGRESS":
            select.select([], [sock], [])
        show(sock, target, "set" if changes else "untouched")
        sock.close()
`;

const path = join(readableFolder(), 'options.sock');
const ignore = (socket: Socket): unknown => socket.on('error', () => socket.destroy()).resume();
const inet = createServer(ignore).listen(0, '::');
const unix = createServer(ignore).listen(path);
let port = 0;
before(async () => {
  await Promise.all([inet, unix].map((server) => once(server, 'listening')));
  port = (inet.address() as AddressInfo).port;
  chmodSync(path, 0o777);
});
after(() => {
  inet.close();
  unix.close();
});

const [user = 'user'] = anyUser;
const rules = (): readonly string[] => [`127.0.0.1:${port}`, `[::1]:${port}`, `unix:${path}`];
const allow = (): readonly string[] => rules().flatMap((rule) => ['--allow', rule]);

const PERMITTED = SOCKET_OPTIONS.filter(({ kind }) => !NOT_PERMITTED.includes(kind));
const isCarried = ({ kind, level }: SocketOption, target: string): boolean =>
  target === 'unix'
    ? level === SOL_SOCKET && (kind === 'unix' || CARRIED.includes(kind))
    : CARRIED.includes(kind);

/** What a run printed, by socket, state and option. */
type Findings = ReadonlyMap<string, string>;
const findingsOf = (stdout: string): Findings =>
  new Map(
    stdout
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]),
  );

// proves: a rare option is read once a program has set it
test('a connected socket has the options that the table carries, as the program set them', async () => {
  const words = PERMITTED.map(({ name, level, number, bytes }) => {
    return [name, level, number, bytes, VALUES[name] ?? ints(1)];
  });
  const command = ['/usr/bin/python3', '-c', PROGRAM, JSON.stringify(words), String(port), path];
  const { stdout } = await promisify(execFile)(command[0] ?? '', command.slice(1));
  const ran = await postern(['run', ...allow(), '--', ...command], { as: user });
  const [outside, inside] = [findingsOf(stdout), findingsOf(ran.stdout)];
  assert.deepEqual([...inside.keys()], [...outside.keys()], ran.stderr);
  // An older kernel does not tell it.
  const tellsSegment = outside.get('ipv4 asked TCP_MAXSEG') === ints(600);
  const isCompared = (finding: string): boolean => {
    const [target = '', state = '', name = ''] = finding.split(' ');
    // Before the connect it is the program's own socket, for options that are not carried too.
    if (state === 'setsockopt' || state === 'asked') return true;
    if (state !== 'set' && state !== 'untouched') return false;
    if (name === 'advertised' || name === 'TCP_MAXSEG') return tellsSegment;
    // The account of a connection needs another value.
    if (state === 'untouched' && name === 'TCP_LINGER2') return false;
    const option = PERMITTED.find((one) => one.name === name);
    return option !== undefined && isCarried(option, target);
  };
  const different = [...outside]
    .filter(([finding, value]) => isCompared(finding) && inside.get(finding) !== value)
    .map(([finding, value]) => `${finding}: ${value} outside, ${inside.get(finding)} inside`);
  assert.deepEqual(different, []);
  // What the SYN has said, without the room for a time stamp.
  if (tellsSegment) assert.ok(Number(inside.get('ipv4 set advertised')) <= 600);
  const isUnusual = ([finding, value]: readonly [string, string]): boolean =>
    value !== outside.get(finding.replace(' set ', ' fresh '));
  for (const { name } of PERMITTED.filter(({ kind }) => CARRIED.includes(kind)))
    assert.ok(
      [...outside].some((one) => one[0].endsWith(` set ${name}`) && isUnusual(one)),
      name,
    );
});

const OUTLIVES = `
import socket, sys
one = socket.socket()
one.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 33)
print("set", flush=True)
sys.stdin.readline()
one.connect(("127.0.0.1", int(sys.argv[1])))
print(one.getsockopt(socket.IPPROTO_IP, socket.IP_TTL))
`;

// proves: a later broker reads the rare options too
test('a rare option outlives the broker that saw it set', async () => {
  const {
    child,
    result,
    stdout: said,
  } = startPostern(['run', ...allow(), '--', '/usr/bin/python3', '-c', OUTLIVES, String(port)], {
    as: user,
    keepInput: true,
  });
  await until(() => said().includes('set\n') || undefined);
  const supervisor = child.pid ?? 0;
  const former = await until(() => brokerOf(supervisor));
  process.kill(former, 'SIGKILL');
  await until(() => (brokerOf(supervisor) ?? former) !== former || undefined);
  child.stdin?.end('\n');
  const { stdout, stderr } = await result;
  assert.equal(stdout, 'set\n33\n', stderr);
});
