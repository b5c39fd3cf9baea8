// A question of `run --ask` comes from postern, and its answer reaches postern alone: the program can neither fake nor answer it, nor write over it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { type PosternResult, postern } from '../harness/postern.js';
import { type PublicNet, startPublicNet } from '../harness/public-net.js';
import { readableFile, type User, users } from '../harness/users.js';

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

for (const user of users) {
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
  assert.deepEqual(net.connections().slice(heard), [`8443 ${HOST}`]);
});

test('Ctrl-C at a question is for the program', async () => {
  const { status, stdout, stderr } = await drive(anyone, 'interrupt');
  assert.equal(status, 0, `${stdout}${stderr}`);
  assert.match(stdout, /^Ctrl-C is for the program/);
});

test('without a terminal, and in mode audit, run --ask is refused', async () => {
  const through = ['setsid', '--wait'];
  const without = await postern(['run', '--ask', '--', 'true'], { as: anyone, through });
  assert.equal(without.status, 125);
  assert.match(without.stderr, /^postern: Cannot ask: there is no terminal of this session; start it at/);
  const audit = await postern(['run', '--ask', '--mode', 'audit', '--', 'true'], { as: anyone });
  assert.equal(audit.status, 125);
  assert.match(audit.stderr, /Cannot ask in mode audit/);
});
