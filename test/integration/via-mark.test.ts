// The mark of a plugin's connections (`via.mark`), in a network of the test's own whose rules let only marked packets through.
import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { listen } from '../harness/listener.js';
import { ownNetworkWith } from '../harness/own-network.js';
import { postern, startPostern } from '../harness/postern.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { until } from '../harness/until.js';
import { readableFolder, users } from '../harness/users.js';

const isRoot = process.geteuid?.() === 0;
const skip = isRoot ? false : 'only root can mark sockets';
const MARK = 42;
const PORT = 4430;
const PROXY = 3128;
const PEER_6 = '2001:db8::9';
const SO_MARK = 36;

/** At PORT it greets, and at PROXY it answers as a proxy does. */
const SERVER = `
import socket, threading
def greet(one):
    one.sendall(b"straight")
    one.close()
def tunnel(one):
    head = b""
    while b"\\r\\n\\r\\n" not in head: head += one.recv(4096)
    one.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
    one.sendall(b"tunnel")
    one.close()
def serve(family, port, answer):
    server = socket.create_server(("::" if family == socket.AF_INET6 else "0.0.0.0", port), family=family)
    while True: answer(server.accept()[0])
for family in (socket.AF_INET, socket.AF_INET6):
    threading.Thread(target=serve, args=(family, ${PORT}, greet)).start()
serve(socket.AF_INET, ${PROXY}, tunnel)
`;
/** The rule for local addresses comes after the two about the mark: a packet to these ports without the mark is refused (EACCES). */
const SETUP = `ip -6 addr add ${PEER_6}/128 dev lo nodad
for version in -4 -6; do
  ip $version rule add pref 3 fwmark ${MARK} lookup local
  for port in ${PORT} ${PROXY}; do ip $version rule add pref 5 dport $port prohibit; done
  ip $version rule add pref 10 lookup local
  ip $version rule del pref 0
done
python3 -c '${SERVER}' >/dev/null 2>&1 </dev/null &
server=$!
until [ "$(ss -Hltn '( sport = :${PORT} or sport = :${PROXY} )' | wc -l)" = 3 ]; do sleep 0.02; done`;

const inside = ownNetworkWith(SETUP);

/** Prints what each way out gives: what the peer said, the socket's mark, and what becomes of another mark. */
const PROGRAM = `${PYTHON_CHANNEL}
import errno, select
def told(one):
    mark = one.getsockopt(socket.SOL_SOCKET, ${SO_MARK})
    try: changed = one.setsockopt(socket.SOL_SOCKET, ${SO_MARK}, 7)
    except OSError as error: changed = errno.errorcode[error.errno]
    return (b"".join(iter(lambda: one.recv(4096), b"")).decode(), mark, changed)
def blocking(address):
    return told(socket.create_connection((address, ${PORT})))
def non_blocking(address):
    one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    one.setblocking(False)
    result = one.connect_ex((address, ${PORT}))
    if result not in (0, errno.EINPROGRESS): raise OSError(result, "")
    select.select([], [one], [])
    one.setblocking(True)
    return told(one)
channel = Channel.from_environment()
def by_channel(address):
    return told(channel.connect(address, ${PORT}, 5000))
for way in (blocking, non_blocking, by_channel):
    for address in ("127.0.0.1", "${PEER_6}"):
        try: print(way.__name__, *way(address))
        except ConnectError as error: print(way.__name__, error.name)
        except OSError as error: print(way.__name__, errno.errorcode[error.errno])
`;
const ALLOW = [`127.0.0.1:${PORT}`, `[${PEER_6}]:${PORT}`].flatMap((rule) => ['--allow', rule]);

async function run(via: readonly string[]): Promise<readonly string[]> {
  const { stdout, stderr } = await postern(
    ['run', ...ALLOW, ...via, '--', '/usr/bin/python3', '-c', PROGRAM],
    { as: 'root', inside },
  );
  assert.notEqual(stdout, '', stderr);
  return stdout.trimEnd().split('\n');
}

const WAYS = ['blocking', 'non_blocking', 'by_channel'];
const each = (result: string): readonly string[] =>
  WAYS.flatMap((way) => [`${way} ${result}`, `${way} ${result}`]);

// proves: a socket is marked before it connects, on the channel
// proves: a socket is marked before it connects, in a trapped call
test('every connection has the mark before it looks for its way, and the program cannot change it', {
  skip,
}, async () => {
  assert.deepEqual(await run(['--via-mark', '0x2a']), each(`straight ${MARK} EPERM`));
});

test('without the mark, and with another one, the network lets nothing through', { skip }, async () => {
  assert.deepEqual(await run([]), each('EACCES'));
  assert.deepEqual(await run(['--via-mark', '43']), each('EACCES'));
});

test('the connection to a proxy has the mark', { skip }, async () => {
  const { stdout, stderr } = await postern(
    [
      ...[
        'run',
        '--via',
        `http://127.0.0.1:${PROXY}`,
        '--via-mark',
        String(MARK),
        '--allow',
        '192.0.2.7:443',
      ],
      ...['--', '/usr/bin/python3', '-c'],
      'import socket; print(socket.create_connection(("192.0.2.7", 443)).recv(9).decode())',
    ],
    { as: 'root', inside },
  );
  assert.equal(stdout, 'tunnel\n', stderr);
});

/** Prints the mark of a further connection whenever it has changed. */
const WATCH = `
import socket, sys, time
last = None
while True:
    mark = socket.create_connection(("127.0.0.1", int(sys.argv[1]))).getsockopt(socket.SOL_SOCKET, ${SO_MARK})
    if mark != last: print("mark", mark, flush=True)
    last = mark
    time.sleep(0.1)
`;

test('a reload changes the mark of a plugin that runs', { skip }, async (t) => {
  const { port, close } = await listen();
  t.after(close);
  const folder = readableFolder();
  const file = join(folder, 'postern.yaml');
  const write = (via: string): void => {
    const command = JSON.stringify(['/usr/bin/python3', '-c', WATCH, String(port)]);
    writeFileSync(
      `${file}.new`,
      `plugins:\n  watch:\n    command: ${command}\n    allow: ["127.0.0.1:${port}"]\n${via}`,
    );
    renameSync(`${file}.new`, file);
  };
  write('    via: {mark: 42}\n');
  const { child, result, stdout } = startPostern(['up', '--config', file], { as: 'root' });
  t.after(() => {
    child.kill('SIGTERM');
    return result;
  });
  const said = (): readonly string[] => stdout().match(/mark -?\d+/g) ?? [];
  await until(() => said().length === 1 || undefined);
  for (const via of ['    via: {mark: 4294967295}\n', '']) {
    const known = said().length;
    write(via);
    child.kill('SIGHUP');
    await until(() => said().length > known || undefined);
  }
  // As a signed number, which is how Python reads it.
  assert.deepEqual(said(), ['mark 42', 'mark -1', 'mark 0']);
});

// proves: postern does not start where it may not mark sockets
for (const user of users)
  test(`postern does not start where it may not mark sockets (${user})`, async () => {
    const withoutCapability =
      user === 'root'
        ? ['setpriv', '--bounding-set=-net_admin,-net_raw', '--inh-caps=-net_admin,-net_raw', '--']
        : [];
    const { status, stdout, stderr } = await postern(['run', '--via-mark', '42', '--', 'echo', 'started'], {
      as: user,
      through: withoutCapability,
    });
    assert.equal(stdout, '');
    assert.equal(status, 125, stderr);
    assert.match(stderr, /Connections cannot have the mark 42: EPERM/);
    assert.match(stderr, /root with CAP_NET_ADMIN/);
  });
