// Programs that know nothing of a proxy, behind a proxy that the operator names: what their own connect(2) does.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import { listen } from '../harness/listener.js';
import { PATIENCE } from '../harness/patience.js';
import { type PosternResult, postern } from '../harness/postern.js';
import { FAR, proxyScene, SECRET } from '../harness/proxy-scene.js';
import { chownTo, readableFolder, type User, users } from '../harness/users.js';

/** Nothing answers there either. */
const SHARED = '203.0.113.8';
const ALLOW = ['far.test:*', 'one.test:*', 'two.test:*', '203.0.113.0/24:*'];

const scene = await proxyScene({ 'far.test A': [FAR], 'one.test A': [SHARED], 'two.test A': [SHARED] });
const { withProxy } = scene;

function run(
  as: User,
  via: readonly string[],
  program: string,
  words: readonly string[] = [],
  options: readonly string[] = [],
): Promise<PosternResult> {
  const rules = ALLOW.flatMap((rule) => ['--allow', rule]);
  const command = ['/usr/bin/python3', '-c', program, ...words];
  return postern(['run', ...rules, '--dns', scene.dns.address, ...via, ...options, '--', ...command], { as });
}

/** A blocking socket. Prints what the peer says, for each HOST:PORT. */
const BLOCKING = `
import socket, sys
for word in sys.argv[1:]:
    host, port = word.rsplit(":", 1)
    one = socket.create_connection((host, int(port)))
    one.sendall(b"ping")
    print(b"".join(iter(lambda: one.recv(4096), b"")).decode(), one.getblocking(), flush=True)
`;

/** An event loop with many connections at once. A busy machine may need more than the second for a tunnel, which the next connect then gets. */
const LOOP = `
import asyncio, sys
async def opened(word):
    host, port = word.rsplit(":", 1)
    for left in reversed(range(5)):
        try: return await asyncio.open_connection(host, int(port))
        except TimeoutError:
            if left == 0: raise
async def talk(word):
    reader, writer = await opened(word)
    writer.write(b"ping")
    return (await reader.read()).decode()
async def main():
    print(*await asyncio.gather(*map(talk, sys.argv[1:])), sep="\\n")
asyncio.run(main())
`;

/** What connect(2) returns on a non-blocking socket, how long it took, and whether anything of the former attempt stays. */
const NON_BLOCKING = `
import errno, select, socket, sys, time
one = socket.socket()
one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
one.setblocking(False)
begun = time.monotonic()
result = one.connect_ex((sys.argv[1], int(sys.argv[2])))
took = time.monotonic() - begun
print(errno.errorcode.get(result, result), took < float(sys.argv[3]))
if result == errno.EINPROGRESS:
    select.select([], [one], [])
    print(one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    again = one.connect_ex((sys.argv[1], int(sys.argv[2])))
    print(errno.errorcode.get(again, again), one.getpeername())
    one.sendall(b"ping")
    one.setblocking(True)
    print(b"".join(iter(lambda: one.recv(4096), b"")).decode())
else:
    try:
        print(one.getpeername())
    except OSError as error:
        print(errno.errorcode[error.errno])
`;

/** A busy machine may need more than the second for a tunnel. */
async function runNonBlocking(
  as: User,
  via: readonly string[],
  words: readonly string[],
): Promise<PosternResult> {
  for (let left = 5 * PATIENCE; ; left -= 1) {
    const result = await run(as, via, NON_BLOCKING, words);
    if (left === 0 || !result.stdout.startsWith('ETIMEDOUT')) return result;
  }
}

for (const [turn, kind] of (['http', 'socks5'] as const).entries()) {
  for (const as of userInTurn(turn))
    test(`${kind}: ordinary programs go by the proxy, with resolve: both names as names (${as})`, () =>
      withProxy({ kind, surplus: 'hello, ' }, async (proxy) => {
        const via = ['--via', `${kind}://127.0.0.1:${proxy.port}`, '--via-resolve', 'both'];
        const blocking = await run(as, via, BLOCKING, ['far.test:443', `${FAR}:8443`, `${SHARED}:443`]);
        assert.equal(blocking.stdout, 'hello, peer heard ping True\n'.repeat(3), blocking.stderr);
        const loop = await run(as, via, LOOP, ['far.test:443', 'far.test:22', 'one.test:443']);
        assert.equal(loop.stdout, 'hello, peer heard ping\n'.repeat(3), loop.stderr);
        assert.deepEqual(proxy.asked.slice(0, 3), ['far.test:443', 'far.test:8443', `${SHARED}:443`]);
        assert.deepEqual(proxy.asked.slice(3).sort(), ['far.test:22', 'far.test:443', 'one.test:443']);
      }));
}

for (const as of anyUser) {
  // proves: upstream: by default a proxy gets no name that it would look up anew
  test(`by default the proxy gets the address that was checked, and never the name (${as})`, () =>
    withProxy({}, async (proxy) => {
      const via = ['--via', `http://127.0.0.1:${proxy.port}`];
      const { stdout, stderr } = await run(as, via, BLOCKING, ['far.test:443', 'one.test:443']);
      assert.equal(stdout, 'peer heard ping True\n'.repeat(2), stderr);
      assert.deepEqual(proxy.asked, [`${FAR}:443`, `${SHARED}:443`]);
    }));

  test(`a proxy that permits names alone: the line says what to do (${as})`, async () => {
    const proxy = await listen((socket) => socket.write('HTTP/1.1 403 Forbidden\r\n\r\n'));
    const via = ['--via', `http://127.0.0.1:${proxy.port}`];
    const checked = await run(as, via, BLOCKING, ['far.test:443']);
    const named = await run(as, [...via, '--via-resolve', 'both'], BLOCKING, ['far.test:443']);
    await proxy.close();
    assert.match(
      checked.stderr,
      /permit this destination \(403\); it was asked for .*--via-resolve both\)$/m,
    );
    assert.match(named.stderr, /permit this destination \(403\)$/m);
  });

  // proves: upstream: an address with two names is not sent as one of them
  test(`an address that DNS gave for two permitted names goes to the proxy as an address (${as})`, () =>
    withProxy({}, async (proxy) => {
      const both = `import socket\nfor name in ("one.test", "two.test"): socket.gethostbyname(name)\n${BLOCKING}`;
      const via = ['--via', `http://127.0.0.1:${proxy.port}`, '--via-resolve', 'both'];
      const { stdout, stderr } = await run(as, via, both, ['one.test:443']);
      assert.equal(stdout, 'peer heard ping True\n', stderr);
      assert.deepEqual(proxy.asked, [`${SHARED}:443`]);
    }));

  test(`a non-blocking connect gets a socket that is connected, with its options (${as})`, () =>
    withProxy({ delayMs: 1500 }, async (proxy) => {
      const via = ['--via', `http://127.0.0.1:${proxy.port}`];
      const { stdout, stderr } = await runNonBlocking(as, via, [FAR, '443', '30']);
      assert.equal(
        stdout,
        `EINPROGRESS True\n0 1\nEISCONN ('127.0.0.1', ${proxy.port})\npeer heard ping\n`,
        stderr,
      );
    }));

  // proves: no program holds a socket of a proxy that has not answered
  // proves: an event loop does not wait for a proxy's answer for long
  test(`a program never holds a socket of a proxy that has not answered (${as})`, async () => {
    const proxy = await listen(() => {});
    const via = ['--via', `http://127.0.0.1:${proxy.port}`, '--audit', '-'];
    const { stdout, stderr } = await run(as, via, NON_BLOCKING, [FAR, '443', '10']);
    assert.equal(stdout, 'ETIMEDOUT True\nENOTCONN\n', stderr);
    assert.match(stderr, /by \\?"http:\/\/127\.0\.0\.1:\d+\\?": the proxy gave no answer in time/);
    assert.equal(proxy.heard(), `CONNECT ${FAR}:443 HTTP/1.1\r\nHost: ${FAR}:443\r\n\r\n`);
    await proxy.close();
  });

  test(`a refusal of the proxy is the program's errno, and a line for the operator (${as})`, async () => {
    const proxy = await listen((socket) => socket.write('HTTP/1.1 403 Forbidden\r\n\r\n'));
    const via = ['--via', `http://127.0.0.1:${proxy.port}`];
    const { stdout, stderr } = await runNonBlocking(as, via, [FAR, '443', '10']);
    assert.equal(stdout, 'EACCES True\nENOTCONN\n');
    assert.match(
      stderr,
      /^postern: Cannot connect to "203\.0\.113\.7:443" by "http:\/\/127\.0\.0\.1:\d+": the proxy does not permit this destination \(403\)$/m,
    );
    await proxy.close();
  });
}

for (const as of users) {
  // proves: a program that would see the credentials does not start
  test(`credentials come from a file, and reach the proxy alone (${as})`, () =>
    withProxy({ credentials: SECRET }, async (proxy) => {
      const folder = readableFolder();
      const file = join(folder, 'credentials');
      writeFileSync(file, `${SECRET}\n`, { mode: 0o600 });
      chownTo(as, file);
      const via = ['--via', `http://127.0.0.1:${proxy.port}`, '--via-credentials', file];
      const search = `${BLOCKING}
import os, subprocess
print([key for key in os.environ if "s3cret" in os.environ[key]], os.path.exists("${file}"))
`;
      const { stdout, stderr } = await run(as, [...via, '--audit', '-'], search, ['far.test:443']);
      assert.equal(stdout, 'peer heard ping True\n[] False\n', stderr);
      assert.doesNotMatch(stderr, /s3cret|czNjcmV0/);
      assert.equal(proxy.asked.length, 1);
      const seen = await run(as, via, search, [], ['--visible', folder]);
      assert.equal(seen.status, 125);
      assert.match(seen.stderr, /would see the credentials in ".*", or its folder/);
      const hidden = await run(as, via, search, [], ['--visible', folder, '--hidden', folder]);
      assert.equal(hidden.stdout, '[] False\n', hidden.stderr);
    }));
}

/** Looks names up, and connects to addresses of other names. */
const BY_PROXY = `
import socket, sys
first = socket.gethostbyname("only-the-proxy.test")
print(first.startswith("198.18."), socket.gethostbyname("only-the-proxy.test") == first)
for name in ("refused.test", "localhost"):
    try:
        print(name, socket.gethostbyname(name))
    except OSError as error:
        print(name, error.args[0])
for place in ((first, 443), (first, 22), ("198.18.77.77", 443)):
    one = socket.socket()
    try:
        one.connect(place)
        one.sendall(b"ping")
        print(b"".join(iter(lambda: one.recv(4096), b"")).decode())
    except OSError as error:
        print(error.errno)
`;

for (const as of anyUser)
  test(`with resolve: proxy, a name goes to the proxy without a question to DNS (${as})`, () =>
    withProxy({}, async (proxy) => {
      const before = scene.dns.questions.length;
      const via = ['--via', `http://127.0.0.1:${proxy.port}`, '--via-resolve', 'proxy'];
      const options = ['--allow', 'only-the-proxy.test', '--audit', '-'];
      const { stdout, stderr } = await run(as, via, BY_PROXY, [], options);
      assert.deepEqual(
        stdout.split('\n'),
        ['True True', 'refused.test -2', 'localhost 127.0.0.1', 'peer heard ping', '13', '13', ''],
        stderr,
      );
      assert.deepEqual(proxy.asked, ['only-the-proxy.test:443']);
      assert.equal(scene.dns.questions.length, before);
      const events = stderr.split('\n').filter((line) => line.startsWith('{'));
      const event = events.map((line) => JSON.parse(line)).find(({ outcome }) => outcome === 'connected');
      const { host, names, addresses_considered, tunnel } = event ?? {};
      assert.deepEqual(
        { host, names, addresses_considered, tunnel },
        {
          host: 'only-the-proxy.test',
          names: ['only-the-proxy.test'],
          addresses_considered: [],
          tunnel: 'only-the-proxy.test:443',
        },
      );
    }));

// proves: a name that no rule names does not go to a proxy unchecked
test('with resolve: proxy, a name that no rule names is not sent, whatever the mode', () =>
  withProxy({}, async (proxy) => {
    const via = ['--via', `http://127.0.0.1:${proxy.port}`, '--via-resolve', 'proxy', '--mode', 'audit'];
    const { stdout } = await run('user', via, BLOCKING, ['unnamed.test:443']);
    assert.equal(stdout, '');
    assert.equal(await proxy.allConnections(), 0);
  }));

test('a signal ends a blocking connect that waits for the proxy', async () => {
  const proxy = await listen(() => {});
  const { stdout, stderr } = await run(
    'user',
    ['--via', `http://127.0.0.1:${proxy.port}`],
    `
import ctypes, os, signal, struct, threading, time
libc = ctypes.CDLL(None, use_errno=True)
signal.signal(signal.SIGUSR1, lambda *_: None)
signal.siginterrupt(signal.SIGUSR1, True)
fd = libc.socket(2, 1, 0)
def interrupt():
    # A first signal may come before the connect.
    while True:
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGUSR1)
threading.Thread(target=interrupt, daemon=True).start()
address = struct.pack("=H", 2) + struct.pack("!H", 443) + bytes([203, 0, 113, 7]) + bytes(8)
print(libc.connect(fd, address, 16), os.strerror(ctypes.get_errno()))
`,
  );
  assert.equal(stdout, '-1 Interrupted system call\n', stderr);
  await proxy.close();
});

// proves: the URL of a proxy takes no credentials
for (const [url, said] of [
  ['http://user:word@127.0.0.1:3128', /credentials do not belong into the URL.*--via-credentials FILE/],
  ['https://127.0.0.1:3128', /does not speak TLS to a proxy/],
  ['127.0.0.1:3128', /not the URL of a proxy; write http:\/\/HOST:PORT/],
  ['http://127.0.0.1', /needs a host and a port/],
] as const)
  test(`run refuses --via ${url}`, async () => {
    const { status, stderr } = await run('user', ['--via', url], 'pass');
    assert.equal(status, 125);
    assert.match(stderr, said);
    assert.doesNotMatch(stderr, /word@|user:word/);
  });

test('run refuses a source that is no address of this host', async () => {
  const { status, stderr } = await run('user', ['--via-source', '192.0.2.77'], 'pass');
  assert.equal(status, 125);
  assert.match(stderr, /Connections cannot leave from "192\.0\.2\.77": it is no address of this host/);
});
