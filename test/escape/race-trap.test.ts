import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { anyUser, twin, userInTurn } from '../harness/asked.js';
import { compile } from '../harness/compile.js';
import { freePort } from '../harness/free-port.js';
import { listen } from '../harness/listener.js';
import { PATIENCE } from '../harness/patience.js';
import { type PosternOptions, postern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { users } from '../harness/users.js';
import { mutantDist } from '../mutation/mutant-dist.js';

interface Race {
  readonly what: string;
  readonly sentence: string;
  readonly without: string;
  readonly lost: () => Omit<PosternOptions, 'as'>;
}

/** The ordinary connect has a copy of its own, and would win the most races. */
const copiesTwice = (): string =>
  mutantDist('an address is copied once', 'every connect goes the general way');

const RACES: readonly Race[] = [
  // proves: an address is copied once
  {
    what: 'address',
    sentence: 'The address of a trapped call changes while it is decided',
    without: 'copying it once',
    lost: () => ({ dist: copiesTwice() }),
  },
  {
    what: 'deaths',
    sentence: 'Callers whose addresses change die at any moment',
    without: 'copying it once',
    lost: () => ({ dist: copiesTwice() }),
  },
  // proves: a descriptor is taken once
  {
    what: 'descriptor',
    sentence: 'The file behind the descriptor of a trapped call changes while it is decided',
    without: 'taking it once',
    lost: () => ({ dist: mutantDist('a descriptor is taken once') }),
  },
  // proves: interfaces are those of the socket that was taken
  {
    what: 'interfaces',
    sentence: 'The socket whose interfaces are asked for becomes one of the host',
    without: 'taking it once',
    lost: () => ({ dist: mutantDist('interfaces are those of the socket that was taken') }),
  },
  {
    what: 'unix',
    sentence: 'An AF_UNIX bind that goes on becomes one of an inet socket',
    without: 'Landlock',
    lost: () => ({ without: ['landlock'] }),
  },
];

let program = '';
before(() => {
  program = compile(new URL('race-trap.c', import.meta.url));
});
const allowed = await listen();
const forbidden = await listen();
/** The same port of another address. */
const neighbour = await listen((socket) => socket.destroy(), '127.0.0.2', allowed.port);
const refusing = await freePort();
after(async () => {
  await Promise.all([allowed.close(), forbidden.close(), neighbour.close()]);
});

const heard = (): number => forbidden.connections() + neighbour.connections();
const words = (what: string): readonly string[] => [
  ...['run', '--name', 'race', '--allow', `127.0.0.1:${allowed.port},${refusing}`, '--audit', '/dev/null'],
  ...['--env', `PATIENCE=${PATIENCE}`],
  ...['--', program, what, String(allowed.port), String(forbidden.port), String(refusing)],
];

for (const [turn, { what, sentence, without, lost }] of RACES.entries()) {
  for (const user of userInTurn(turn)) {
    test(`${sentence}: nothing is heard (${user})`, async () => {
      const reached = allowed.connections();
      const before = heard();
      const { stdout, stderr } = await postern(words(what), { as: user });
      assert.equal(stdout, 'result flips enough\nresult calls enough\nresult wrong 0\n', stderr);
      await Promise.all([forbidden.allConnections(), neighbour.allConnections()]);
      assert.equal(heard(), before);
      assert.ok((await allowed.allConnections()) > reached, 'what a rule allows was reached');
    });
  }
  const [user = 'user'] = users;
  twin(`${sentence}: heard without ${without} (${user})`, async () => {
    const before = heard();
    const { child, result } = startPostern([...words(what), 'endless'], { as: user, ...lost() });
    let said = '';
    child.stdout?.on('data', (text) => {
      said += text;
    });
    const isHeard = (): boolean => heard() > before || /result wrong (?:bound|told)/.test(said);
    try {
      await until(() => isHeard() || undefined, 40_000);
    } finally {
      child.kill('SIGTERM');
      await result;
    }
  });
}

for (const user of anyUser) {
  // proves: an AF_UNIX bind goes on only where Landlock denies TCP
  test(`where Landlock denies no TCP, an AF_UNIX bind does not go on (${user})`, async () => {
    const source =
      'import socket\nfor act in ("connect", "bind"):\n try: getattr(socket.socket(socket.AF_UNIX), act)("/tmp/path")\n except OSError as e: print(act, e.errno)\n else: print(act, "went on")';
    const { stdout, stderr } = await postern(['run', '--', '/usr/bin/python3', '-c', source], {
      as: user,
      dist: mutantDist('Landlock for TCP'),
    });
    assert.equal(stdout, 'connect 2\nbind 13\n', stderr);
  });
}
