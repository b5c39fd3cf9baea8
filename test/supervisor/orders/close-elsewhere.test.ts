// What others can leave in the queues of the supervisor, by leaves-lingering.ts. Its main thread must not wait for it, and neither must its end.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { userInTurn } from '../../harness/asked.js';
import { until } from '../../harness/until.js';
import { asUser, chownTo, distFor, readableFolder, type User } from '../../harness/users.js';

async function goesOn(t: TestContext, as: User, scene: string, ...said: readonly string[]): Promise<void> {
  await says(t, as, scene, ...said, 'goes on');
}

async function says(t: TestContext, as: User, scene: string, ...said: readonly string[]): Promise<void> {
  const folder = readableFolder();
  chownTo(as, folder);
  const program = join(distFor(as), 'test/supervisor/orders/leaves-lingering.js');
  const [command = '', ...words] = [...asUser(as), process.execPath, program, scene, join(folder, 's')];
  const child: ChildProcess = spawn(command, words, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  let text = '';
  child.stdout?.on('data', (part: Buffer) => {
    text += part.toString();
  });
  await until(() => child.exitCode ?? child.signalCode ?? undefined);
  assert.deepEqual([text, child.exitCode], [[...said, ''].join('\n'), 0]);
}

for (const as of userInTurn(0)) {
  // proves: what others left in a queue is closed by another process
  // proves: launch: what others left in a socket is closed by another process
  test(`what a broker has left in a launch socket holds up nothing (${as})`, (t) =>
    goesOn(t, as, 'a launch socket'));
}

for (const as of userInTurn(1)) {
  // proves: launch: a descriptor that nobody expects is not received
  test(`a descriptor that the launch socket brings instead of a word holds up nothing (${as})`, (t) =>
    goesOn(t, as, 'a message to the launch socket', 'refused'));
}

for (const as of userInTurn(2)) {
  // proves: what a broker left in a channel is closed by another process
  test(`what a broker has left in a channel holds up nothing (${as})`, (t) => goesOn(t, as, 'a channel'));
}

for (const as of userInTurn(3)) {
  // proves: what clients left in the queue of a listener is closed by another process
  test(`what a client has left in the queue of a listener holds up neither its end (${as})`, (t) =>
    goesOn(t, as, 'a listener that is closed'));
}

for (const as of userInTurn(4)) {
  test(`nor that it is bound anew (${as})`, (t) =>
    goesOn(t, as, 'a listener that is bound anew', 'may hold a connection that must end'));
}

for (const as of userInTurn(5)) {
  // proves: what a plugin answers to a look at its listener is closed by another process
  test(`what a plugin answers when postern looks whether it accepts holds up nothing (${as})`, (t) =>
    goesOn(t, as, 'the answer of a listener'));
}

for (const as of userInTurn(6)) {
  // proves: what a broker made of a sandbox's sockets is closed by another process
  test(`a socket of a sandbox's DNS that a broker has connected holds up nothing (${as})`, (t) =>
    goesOn(t, as, 'the sockets of a trap'));
}

for (const as of userInTurn(7)) {
  // proves: control: what a client that may not ask has sent is closed by another process
  test(`what a client sends that may not ask holds up nothing (${as})`, (t) =>
    goesOn(t, as, 'the control socket', 'refused'));
}

for (const as of userInTurn(8)) {
  // proves: what a broker leaves unread is closed by another process
  test(`what a broker leaves unread holds up nothing (${as})`, (t) =>
    goesOn(t, as, 'the packets of a broker'));
}

for (const as of userInTurn(9)) {
  // proves: the end of the supervisor waits for no thread that receives from a broker
  test(`a socket that a broker sent holds up the end of no process (${as})`, (t) =>
    says(t, as, 'a socket that a broker sent', 'goes on', 'ends'));
}
