// Destinations that go around the proxy (`via.direct`), in a network of the test's own with public addresses. Nobody serves the proxy, so what
// arrives there went around it.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { type PublicNet, startPublicNet } from '../harness/public-net.js';
import { chownTo, readableFolder, type User } from '../harness/users.js';

const INNER = '93.184.216.10';
const FAR = '93.184.216.20';
const PROXY = 'http://198.51.100.1:3128';
const PORT = 8080;

let net: PublicNet;
before(async () => {
  net = await startPublicNet({ 'db.inner.test A': [INNER], 'far.test A': [FAR] }, [PORT]);
});
after(() => net.close());

/** Prints what becomes of a blocking and a non-blocking connect to each name. */
const PROGRAM = `
import errno, select, socket, sys
def blocking(place):
    return socket.create_connection(place)
def non_blocking(place):
    one = socket.socket()
    one.setblocking(False)
    result = one.connect_ex((socket.gethostbyname(place[0]), place[1]))
    if result not in (0, errno.EINPROGRESS): raise OSError(result, "")
    select.select([], [one], [])
    one.setblocking(True)
    return one
for host in sys.argv[1:]:
    for way in (blocking, non_blocking):
        try:
            one = way((host, ${PORT}))
            one.sendall(b"GET / HTTP/1.0\\r\\nHost: " + host.encode() + b"\\r\\n\\r\\n")
            print(way.__name__, host, b"served" in b"".join(iter(lambda: one.recv(4096), b"")), one.getpeername()[0])
        except OSError as error:
            print(way.__name__, host, errno.errorcode.get(error.errno, error.errno))
`;
const ALLOW = ['--allow', `**.test:${PORT}`];

const run = (as: User, via: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
  postern(
    [
      'run',
      ...ALLOW,
      '--dns',
      net.dns,
      ...via,
      '--',
      '/usr/bin/python3',
      '-c',
      PROGRAM,
      'db.inner.test',
      'far.test',
    ],
    { as, inside: net.within },
  );

for (const [turn, rule] of ['*.inner.test', `${INNER}:${PORT}`].entries()) {
  for (const as of userInTurn(turn))
    test(`a program reaches ${rule} without the proxy, and nothing else (${as})`, async () => {
      const before = net.connections().length;
      const { stdout, stderr } = await run(as, ['--via', PROXY, '--via-direct', rule]);
      assert.deepEqual(
        stdout.trimEnd().split('\n'),
        [
          `blocking db.inner.test True ${INNER}`,
          `non_blocking db.inner.test True ${INNER}`,
          'blocking far.test EHOSTUNREACH',
          'non_blocking far.test EHOSTUNREACH',
        ],
        stderr,
      );
      assert.deepEqual(net.connections().slice(before), Array(2).fill(`${PORT} ${INNER}`));
    });
}

for (const as of anyUser) {
  test(`with resolve: proxy, a name that goes around the proxy is resolved here (${as})`, async () => {
    const { stdout, stderr } = await run(as, [
      ...['--via', PROXY, '--via-resolve', 'proxy'],
      ...['--via-direct', '*.inner.test'],
    ]);
    assert.match(stdout, new RegExp(`^blocking db.inner.test True ${INNER}$`, 'm'), stderr);
    assert.match(stdout, /^blocking far.test EHOSTUNREACH$/m, stderr);
  });
}

test('explain says which way a destination goes', async () => {
  const folder = readableFolder();
  const file = join(folder, 'postern.yaml');
  writeFileSync(
    file,
    `plugins:
  web:
    command: [a]
    allow: ["**.test:${PORT}", "127.0.0.1:${PORT}"]
    via: {proxy: "${PROXY}", direct: ["*.inner.test"]}
`,
  );
  chownTo('user', file);
  const explain = async (host: string, options: readonly string[] = []): Promise<string> => {
    const words = ['explain', 'web', `${host}:${PORT}`, '--config', file, '--dns', net.dns, ...options];
    const { stdout, stderr } = await postern(words, { as: 'user', inside: net.within });
    assert.notEqual(stdout, '', stderr);
    return /^way +(.*)$/m.exec(stdout)?.[1] ?? stdout;
  };
  for (const options of [[], ['--egress', 'channel']]) {
    assert.equal(
      await explain('db.inner.test', options),
      'around the proxy: "*.inner.test" of via.direct covers it',
    );
    assert.equal(await explain('far.test', options), `through ${PROXY}, which is asked for ${FAR}:${PORT}`);
    assert.equal(
      await explain('127.0.0.1', options),
      'around the proxy: it is an address of this host or of its link',
    );
  }
  assert.doesNotMatch(await explain('other.example'), /proxy/);
});

for (const [words, said] of [
  [['--via', PROXY, '--via-direct', '*.com'], /--via-direct: .*\*\.com/],
  [['--via', PROXY, '--via-direct', 'unix:/run/x.sock'], /a socket of this host, which no proxy leads to/],
  [['--via-direct', 'inner.test'], /are about a proxy; add --via URL/],
] as const)
  test(`run refuses ${words.join(' ')}`, async () => {
    const { status, stderr } = await postern(['run', ...words, '--', '/bin/true'], { as: 'user' });
    assert.equal(status, 125);
    assert.match(stderr, said);
  });
