// What others can leave in the queues of the supervisor, by leaves-lingering.ts. Its main thread must not wait for it, and neither must its end.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { until } from '../../harness/until.js';
import { asUser, chownTo, distFor, readableFolder, type User, users } from '../../harness/users.js';

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

for (const as of users) {
  // proves: what others left in a queue is closed by another process
  // proves: launch: what others left in a socket is closed by another process
  test(`what a broker has left in a launch socket holds up nothing (${as})`, (t) =>
    goesOn(t, as, 'a launch socket'));

  // proves: launch: a descriptor that nobody expects is not received
  test(`a descriptor that the launch socket brings instead of a word holds up nothing (${as})`, (t) =>
    goesOn(t, as, 'a message to the launch socket', 'refused'));

  // proves: what a broker left in a channel is closed by another process
  test(`what a broker has left in a channel holds up nothing (${as})`, (t) => goesOn(t, as, 'a channel'));

  // proves: what clients left in the queue of a listener is closed by another process
  test(`what a client has left in the queue of a listener holds up neither its end (${as})`, (t) =>
    goesOn(t, as, 'a listener that is closed'));

  test(`nor that it is bound anew (${as})`, (t) =>
    goesOn(t, as, 'a listener that is bound anew', 'may hold a connection that must end'));

  // proves: what a plugin answers to a look at its listener is closed by another process
  test(`what a plugin answers when postern looks whether it accepts holds up nothing (${as})`, (t) =>
    goesOn(t, as, 'the answer of a listener'));

  // proves: what a broker made of a sandbox's sockets is closed by another process
  test(`a socket of a sandbox's DNS that a broker has connected holds up nothing (${as})`, (t) =>
    goesOn(t, as, 'the sockets of a trap'));

  // proves: control: what a client that may not ask has sent is closed by another process
  test(`what a client sends that may not ask holds up nothing (${as})`, (t) =>
    goesOn(t, as, 'the control socket', 'refused'));

  // proves: what a broker leaves unread is closed by another process
  test(`what a broker leaves unread holds up nothing (${as})`, (t) =>
    goesOn(t, as, 'the packets of a broker'));

  // proves: the end of the supervisor waits for no thread that receives from a broker
  test(`a socket that a broker sent holds up the end of no process (${as})`, (t) =>
    says(t, as, 'a socket that a broker sent', 'goes on', 'ends'));
}
