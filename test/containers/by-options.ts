// The tests for each user of a container: without options, doctor names the options with which it passes. With them a program reaches
// what a rule allows, and nothing else.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { listen } from '../harness/listener.js';
import { readableFolder } from '../harness/users.js';
import { noContainers, type Outcome, run, succeed } from './podman.js';

/** Connects one of two copies of a socket, and reads from the other. */
const COPIED = `use Socket; socket(S, PF_INET, SOCK_STREAM, 0) or die $!; open(D, "+<&S") or die $!;
connect(S, sockaddr_in($ARGV[0], inet_aton("127.0.0.1"))) or die "connect: $!\\n"; print scalar <D>`;

export function container(
  image: string,
  options: readonly string[],
  words: readonly string[],
  cwd?: string,
): Promise<Outcome> {
  return run(['podman', 'run', '--rm', ...options, image, ...words], cwd);
}

/** @param own words of `podman run` that say who runs in the container */
export function testByOptions(who: string, own: readonly string[], image: () => string): void {
  test(`doctor in a container names options with which postern works there, for ${who}`, {
    skip: noContainers,
  }, async (context) => {
    const without = await container(image(), own, ['doctor', '--json']);
    assert.equal(without.status, 1, without.stdout + without.stderr);
    const { kind, options, fix } = adviceIn(without.stdout);
    assert.equal(kind, 'podman');
    const folder = await makeProfile(fix, image());
    const withThem = await container(image(), [...own, ...options], ['doctor'], folder);
    assert.equal(withThem.status, 0, withThem.stdout + withThem.stderr);
    assert.doesNotMatch(withThem.stdout, /^missing|^container options/m);
    await reachesWhatIsAllowed(context, (words) => container(image(), [...own, ...options], words, folder));
  });
}

interface Advice {
  readonly kind: string;
  readonly options: readonly string[];
  readonly fix: string;
}

function adviceIn(json: string): Advice {
  return (JSON.parse(json) as { container: Advice }).container;
}

/** Makes the file exactly as doctor says. */
async function makeProfile(told: string, image: string): Promise<string> {
  const command = /^ +(podman run .* IMAGE .* >postern-seccomp\.json)$/m.exec(told)?.[1];
  assert.ok(command, told);
  const folder = readableFolder();
  await succeed(['sh', '-c', command.replace(' IMAGE ', ` ${image} `)], folder);
  return folder;
}

async function reachesWhatIsAllowed(
  context: TestContext,
  postern: (words: readonly string[]) => Promise<Outcome>,
): Promise<void> {
  const allowed = await listen((socket) => socket.end('good day\n'));
  const forbidden = await listen();
  context.after(() => Promise.all([allowed.close(), forbidden.close()]));
  const program = (port: number): Promise<Outcome> =>
    postern(['run', '--allow', `127.0.0.1:${allowed.port}`, '--', 'perl', '-e', COPIED, `${port}`]);
  const reached = await program(allowed.port);
  assert.deepEqual([reached.status, reached.stdout], [0, 'good day\n'], reached.stderr);
  const refused = await program(forbidden.port);
  assert.notEqual(refused.status, 0);
  assert.match(refused.stderr, /^connect: /m);
  assert.equal(await forbidden.allConnections(), 0);
}
