import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { listen } from '../harness/listener.js';
import { readableFolder } from '../harness/users.js';
import { image } from './image.js';
import { noContainers, type Outcome, run, succeed } from './podman.js';

const USERS = [
  { who: 'root', options: ['--user', '0:0'] },
  { who: 'a user', options: ['--user', '1000:1000'] },
  {
    who: 'root of a user namespace',
    options: ['--user', '0:0', '--uidmap', '0:100000:65536', '--gidmap', '0:100000:65536'],
  },
  { who: 'root with SYS_ADMIN', options: ['--user', '0:0', '--cap-add', 'SYS_ADMIN'] },
  {
    who: 'root with SYS_ADMIN and SYS_PTRACE',
    options: ['--user', '0:0', '--cap-add', 'SYS_ADMIN', '--cap-add', 'SYS_PTRACE'],
  },
];
/** Connects one of two copies of a socket, and reads from the other. */
const COPIED = `use Socket; socket(S, PF_INET, SOCK_STREAM, 0) or die $!; open(D, "+<&S") or die $!;
connect(S, sockaddr_in($ARGV[0], inet_aton("127.0.0.1"))) or die "connect: $!\\n"; print scalar <D>`;

let name = '';
before(
  async () => {
    if (noContainers === false) name = await image();
  },
  { timeout: 240_000 },
);

const container = (options: readonly string[], words: readonly string[], cwd?: string): Promise<Outcome> =>
  run(['podman', 'run', '--rm', ...options, name, ...words], cwd);

/** What doctor prints for programs to read. */
function optionsIn(stdout: string): string[] {
  const line = /^container options: (.+)$/m.exec(stdout)?.[1];
  assert.ok(line, stdout);
  return line.split(' ');
}

/** Does what doctor says about the file, to the letter. */
async function makeProfile(stdout: string): Promise<string> {
  const command = /^ +(podman run .* IMAGE .* >postern-seccomp\.json)$/m.exec(stdout)?.[1];
  assert.ok(command, stdout);
  const folder = readableFolder();
  await succeed(['sh', '-c', command.replace(' IMAGE ', ` ${name} `)], folder);
  return folder;
}

for (const { who, options } of USERS) {
  test(`doctor in a container names options with which it passes, for ${who}`, {
    skip: noContainers,
  }, async () => {
    const without = await container(options, ['doctor']);
    assert.equal(without.status, 1, without.stdout + without.stderr);
    const told = optionsIn(without.stdout);
    const { stdout: json } = await container(options, ['doctor', '--json']);
    const advice = (JSON.parse(json) as { container: { kind: string; options: string[] } }).container;
    assert.deepEqual([advice.kind, advice.options], ['podman', told]);
    const folder = await makeProfile(without.stdout);
    const withThem = await container([...options, ...told], ['doctor'], folder);
    assert.equal(withThem.status, 0, withThem.stdout + withThem.stderr);
    assert.doesNotMatch(withThem.stdout, /^lacking|^container options/m);
    const wider = told.map((word) => word.replace(/^seccomp=.*/, 'seccomp=unconfined'));
    assert.notDeepEqual(wider, told);
    const unfiltered = await container([...options, ...wider], ['doctor']);
    assert.equal(unfiltered.status, 0, unfiltered.stdout + unfiltered.stderr);
  });

  test(`a program in a container reaches what a rule allows and nothing else, for ${who}`, {
    skip: noContainers,
  }, async (context) => {
    const allowed = await listen((socket) => socket.end('good day\n'));
    const forbidden = await listen();
    context.after(() => Promise.all([allowed.close(), forbidden.close()]));
    const { stdout: told } = await container(options, ['doctor']);
    const folder = await makeProfile(told);
    const given = optionsIn(told);
    const program = (port: number): Promise<Outcome> =>
      container(
        [...options, ...given],
        ['run', '--allow', `127.0.0.1:${allowed.port}`, '--', 'perl', '-e', COPIED, `${port}`],
        folder,
      );
    const reached = await program(allowed.port);
    assert.deepEqual([reached.status, reached.stdout], [0, 'good day\n'], reached.stderr);
    const refused = await program(forbidden.port);
    assert.notEqual(refused.status, 0);
    assert.match(refused.stderr, /^connect: /m);
    assert.equal(forbidden.connections(), 0);
  });
}

test('doctor passes in a privileged container, and names no options', { skip: noContainers }, async () => {
  const { status, stdout, stderr } = await container(['--privileged', '--user', '0:0'], ['doctor']);
  assert.equal(status, 0, stdout + stderr);
  assert.doesNotMatch(stdout, /^lacking|^container options/m);
});
