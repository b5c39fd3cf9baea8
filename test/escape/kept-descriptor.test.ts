// A descriptor of a shown folder outlives the run that opened it, in another plugin or in the queue of the run's own listener. What covers paths in
// that folder outlives the run with it.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder, type User, users } from '../harness/users.js';

const SHARED = `
import errno, os, select, socket, sys, time
place, folder = sys.argv[1:]
def opened():
    return [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in (folder, "/proc")]
def received(client):
    client.setblocking(True)
    return socket.recv_fds(client, 1, 2)[1]
def tried(work):
    try:
        return work()
    except OSError as error:
        return errno.errorcode[error.errno]
def read(name, folder):
    with os.fdopen(os.open(name, os.O_RDONLY, dir_fd=folder)) as file:
        return file.read().strip()
def write(name, folder):
    with os.fdopen(os.open(name, os.O_WRONLY | os.O_APPEND, dir_fd=folder), "w") as file:
        file.write("# WRITTEN\\n")
    return "written"
def look(who, shown, proc):
    for name in ("shown", "secret/key", "covered"):
        print(who, name, tried(lambda: read(name, shown)) or "empty", flush=True)
    print(who, "cmdline", tried(lambda: read("cmdline", proc)) or "empty", flush=True)
    print(who, "postern.yaml", tried(lambda: write("postern.yaml", shown)), flush=True)
    print(who, "looked", flush=True)
def connected():
    while True:
        to = socket.socket(socket.AF_UNIX)
        try:
            to.connect(place)
            return to
        except OSError:
            # As root the broker has other ids than the file.
            to.close()
            time.sleep(0.05)
`;

/** Keeps what it gets from the first run, and passes it back to the next one. */
const KEEPER = `${SHARED}
own = socket.socket(fileno=3)
first, _ = own.accept()
first.send(b"0")
kept = received(first)
first.send(b"x")
next, _ = own.accept()
look("keeper", *kept)
next.send(b"1")
socket.send_fds(next, [b"x"], kept)
time.sleep(1000)
`;
const MAKER = `${SHARED}
to = connected()
if to.recv(1) == b"0":
    socket.send_fds(to, [b"x"], opened())
    to.recv(1)
    os._exit(0)
look("next", *received(to))
time.sleep(1000)
`;
/** Leaves it in the queue of its own listener. */
const SOLO = `${SHARED}
own = socket.socket(fileno=3)
if select.select([own], [], [], 0)[0]:
    look("next", *received(own.accept()[0]))
    time.sleep(1000)
socket.send_fds(connected(), [b"x"], opened())
os._exit(0)
`;

/** @returns what the plugins said until the next run had looked */
async function see(
  t: TestContext,
  user: User,
  plugins: (scene: { place: string; folder: string; python: (program: string) => object }) => object,
): Promise<string> {
  const folder = readableFolder();
  const place = join(readableFolder(), 'held.sock');
  chownTo(user, join(place, '..'));
  const file = join(folder, 'postern.yaml');
  const python = (program: string): object => ({
    command: ['/usr/bin/python3', '-c', program, place, folder],
    cwd: '/usr',
  });
  mkdirSync(join(folder, 'secret'));
  for (const [name, content] of [
    ['shown', 'SHOWN'],
    ['secret/key', 'SECRET'],
    ['covered', 'SECRET'],
    ['postern.yaml', JSON.stringify({ plugins: plugins({ place, folder, python }) })],
  ] as const)
    writeFileSync(join(folder, name), content);
  for (const name of ['', 'shown', 'secret', 'secret/key', 'covered', 'postern.yaml'])
    chownTo(user, join(folder, name));
  const before = readFileSync(file, 'utf8');
  const { child, said } = startPostern(['up', '--config', file], { as: user, cwd: '/' });
  t.after(() => child.kill('SIGKILL'));
  await until(() => existsSync(place) || undefined, 20_000);
  chmodSync(place, 0o777);
  await until(() => said().includes('next looked') || undefined, 30_000);
  assert.ok(readFileSync(file, 'utf8') === before, said());
  return said();
}

const filesystem = (folder: string): object => ({
  filesystem: { writable: [folder], hidden: [join(folder, 'secret'), join(folder, 'covered')] },
  restart: { policy: 'always', delay_ms: 50 },
});

function seesTheCovers(said: string, who: string): void {
  const found = new Map(
    [...said.matchAll(new RegExp(`\\| ${who} (\\S+) (\\S.*)$`, 'gm'))].map(([, name = '', value = '']) => [
      name,
      value,
    ]),
  );
  assert.equal(found.get('shown'), 'SHOWN', said);
  assert.equal(found.get('secret/key'), 'ENOENT', said);
  assert.equal(found.get('covered'), 'empty', said);
  assert.equal(found.get('cmdline'), 'empty', said);
  assert.match(found.get('postern.yaml') ?? '', /^(?:EROFS|EACCES)$/, said);
}

for (const user of users) {
  // proves: root: what covers a path stays there after the run
  test(`another plugin sees nothing below what covered a path in a run that has ended (${user})`, async (t) => {
    const said = await see(t, user, ({ place, folder, python }) => ({
      keeper: { ...python(KEEPER), listen: [{ name: 'held', address: place }] },
      maker: { ...python(MAKER), allow: [`unix:${place}`], after: ['keeper'], ...filesystem(folder) },
    }));
    for (const who of ['keeper', 'next']) seesTheCovers(said, who);
  });

  // proves: root: what covers a path stays there after the run
  test(`the next run sees nothing below what covered a path, by its listener's queue (${user})`, async (t) => {
    const said = await see(t, user, ({ place, folder, python }) => ({
      solo: {
        ...python(SOLO),
        listen: [{ name: 'held', address: place }],
        allow: [`unix:${place}`],
        ...filesystem(folder),
      },
    }));
    seesTheCovers(said, 'next');
  });
}
