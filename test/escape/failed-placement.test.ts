// The broker cannot put a connection at the descriptor that a connect(2) names: its number is above the program's limit by then. So nothing gets the
// connection, also no duplicate of that descriptor: it would count for no limit, and nothing could end it. Where kcmp(2) is refused, the broker
// places sockets as it does on the slow lane.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { listen } from '../harness/listener.js';
import { type PosternOptions, postern } from '../harness/postern.js';
import { distFor, type User, users } from '../harness/users.js';
import { mutantDist } from '../mutation/mutant-dist.js';

const host = await listen();
after(() => host.close());

const PROGRAM = `
import errno, os, resource, socket
place = ("127.0.0.1", ${host.port})
def attempt():
    near = socket.socket()
    far = os.dup2(near.fileno(), 150)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        print("connected", socket.socket(fileno=far).connect(place))
    except OSError as error:
        print("call", errno.errorcode[error.errno])
    try:
        print("duplicate", near.send(b"heard"))
    except OSError as error:
        print("duplicate", errno.errorcode[error.errno])
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
for _ in range(3):
    attempt()
# A place that was not given back would be missing now.
with socket.create_connection(place) as one:
    one.send(b"allowed")
`;

const slow = { at: 'a trapped call begins', code: 'stall.wasSlow(false, 30, 30); $&' };

/** How the broker places a socket otherwise than by its usual way. */
const LANES: readonly (readonly [
  lane: string,
  asked: readonly User[],
  options: (as: User) => Omit<PosternOptions, 'as'>,
])[] = [
  [
    'where kcmp(2) is refused',
    users,
    (as) => ({
      through: [process.execPath, join(distFor(as), 'test/integration/call-refuser.js'), 'kcmp', 'EPERM'],
    }),
  ],
  ['on the slow lane', anyUser, () => ({ dist: mutantDist(slow) })],
];

// proves: accounts: no duplicate gets a connection that the call does not get
for (const [lane, asked, options] of LANES)
  for (const as of asked)
    test(`${lane}, a connection that its descriptor does not get is no duplicate's, and takes no place (${as})`, async () => {
      const before = host.heard().length;
      const { stdout, stderr } = await postern(
        [
          ...['run', '--limit', 'connections=1', '--allow', `127.0.0.1:${host.port}`],
          ...['--', '/usr/bin/python3', '-c', PROGRAM],
        ],
        { as, ...options(as) },
      );
      const attempt = ['call EBADF', 'duplicate EPIPE'];
      assert.deepEqual(stdout.split('\n'), [...attempt, ...attempt, ...attempt, ''], stderr);
      await host.allConnections();
      assert.equal(host.heard().slice(before), 'allowed');
    });
