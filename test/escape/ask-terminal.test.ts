// A question of `run --ask` comes from postern, and its answer reaches postern alone: the program can neither fake nor answer it, nor write over it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { type PosternResult, postern, startPostern } from '../harness/postern.js';
import { type PublicNet, startPublicNet } from '../harness/public-net.js';
import { until } from '../harness/until.js';
import { chownTo, readableFile, readableFolder, type User, users } from '../harness/users.js';

const HOST = '93.184.216.60';
const driver = readableFile(
  'ask-terminal.py',
  readFileSync(new URL('ask-terminal.py', import.meta.url), 'utf8'),
);

let net: PublicNet;
before(async () => {
  net = await startPublicNet({}, [80, 443, 8443]);
});
after(() => net.close());

function drive(as: User, scene: string): Promise<PosternResult> {
  return postern([], {
    as,
    inside: net.within,
    through: ['/usr/bin/python3', driver, scene, HOST],
  });
}

for (const user of anyUser) {
  // proves: what is typed at a question does not reach the program
  // proves: what a program writes waits while a question is shown
  // proves: an approval at the terminal repeats the code of the question
  test(`a program at the same terminal neither fakes, answers nor hides a question (${user})`, async () => {
    const { status, stdout, stderr } = await drive(user, 'shared');
    assert.equal(status, 0, `${stdout}${stderr}`);
    assert.deepEqual(stdout.trim().split('\n'), [
      'what the program writes waits',
      'a code that the program chose approves nothing',
      'errno 13 443',
      "typed ['once aaa']",
    ]);
  });
}

const [anyone = 'user'] = users;

test('a program without a terminal is asked about at the terminal of its user', async () => {
  const heard = net.connections().length;
  const { status, stdout, stderr } = await drive(anyone, 'apart');
  assert.equal(status, 0, `${stdout}${stderr}`);
  assert.equal(stdout, 'asked at /dev/tty\n');
  await until(() => net.connections().length > heard || undefined);
  assert.deepEqual(net.connections().slice(heard), [`8443 ${HOST}`]);
});

test('Ctrl-C at a question is for the program', async () => {
  const { status, stdout, stderr } = await drive(anyone, 'interrupt');
  assert.equal(status, 0, `${stdout}${stderr}`);
  assert.match(stdout, /^Ctrl-C is for the program/);
});

for (const user of anyUser) {
  test(`without a terminal, run --ask with a control socket waits for an operator's answer (${user})`, async (t) => {
    const heard = net.connections().length;
    const folder = readableFolder();
    chownTo(user, folder);
    const control = join(folder, 'c.sock');
    const program = `import socket
for port in (8443, 443):
    try:
        socket.create_connection(("${HOST}", port)).close()
        print("connected", port, flush=True)
    except OSError as error:
        print("errno", error.errno, port, flush=True)
`;
    const command = ['run', '--ask', '--control', control, '--name', 'asker', '--'];
    const { child, result, stderr } = startPostern([...command, '/usr/bin/python3', '-c', program], {
      as: user,
      inside: net.within,
      through: ['setsid', '--wait'],
    });
    t.after(() => child.kill('SIGKILL'));
    const told = async (port: number): Promise<string> => {
      const line = new RegExp(
        `^postern: "asker" asks for "${HOST}:${port}", and waits: postern approve (\\d+) --control ${control}, or deny$`,
        'm',
      );
      return (await until(() => line.exec(stderr()) ?? undefined))[1] ?? '';
    };
    const first = await told(8443);
    assert.equal(net.connections().length, heard, 'nothing is connected before the answer');
    const approved = await postern(['approve', first, '--control', control], { as: user });
    assert.equal(approved.status, 0, approved.stderr);
    const denied = await postern(['deny', await told(443), '--control', control], { as: user });
    assert.equal(denied.status, 0, denied.stderr);
    const { status, stdout } = await result;
    assert.deepEqual([status, stdout], [0, 'connected 8443\nerrno 13 443\n']);
    await until(() => net.connections().length > heard || undefined);
    assert.deepEqual(net.connections().slice(heard), [`8443 ${HOST}`]);
  });
}

test('without a terminal, and in mode audit, run --ask is refused', async () => {
  const through = ['setsid', '--wait'];
  const without = await postern(['run', '--ask', '--', 'true'], { as: anyone, through });
  assert.equal(without.status, 125);
  assert.match(without.stderr, /^postern: Cannot ask: there is no terminal of this session; start it at/);
  const audit = await postern(['run', '--ask', '--mode', 'audit', '--', 'true'], { as: anyone });
  assert.equal(audit.status, 125);
  assert.match(audit.stderr, /Cannot ask in mode audit/);
});
