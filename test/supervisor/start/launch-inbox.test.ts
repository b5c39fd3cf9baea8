// A broker that was taken over has duplicated the other end of a launch socket, and says hello, or speaks for the launcher.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { LaunchInbox, spawnNamespaces } from '../../../sandbox/supervisor/start/spawn-namespaces.js';
import { sendMessage } from '../../../shared/sys/message.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { becomeSubreaper, sessionOf } from '../../../shared/sys/process-control.js';
import { packetSocketPair } from '../../../shared/sys/socket.js';
import { childrenOf } from '../../harness/processes.js';
import { until } from '../../harness/until.js';

/** Sends each word with a descriptor, except a hello. */
const STRANGER = `
import array, socket, sys
end = socket.socket(fileno=3)
for word in sys.argv[1:]:
    rights = [] if word == "hello" else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0]))]
    end.sendmsg([word.encode()], rights)
`;

/** By a process of another session. */
async function strangerSays(end: OwnedFd, ...words: readonly string[]): Promise<void> {
  const stranger = spawn('python3', ['-c', STRANGER, ...words], {
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', end.number],
  });
  assert.deepEqual(await once(stranger, 'exit'), [0, null]);
}

const say = (end: OwnedFd, word: string): void => assert.ok(sendMessage(end.number, Buffer.from(word)) > 0);
const openNow = (): number => readdirSync('/proc/self/fd').length;

const REFUSED = { code: 'launch_failed', message: /a message that is not the launcher's/ };

// proves: launch: nobody else says hello for a start
test('the hello of a process of another session fails the start, and is not received', async () => {
  for (const words of [['hello'], ['', 'hello']]) {
    const [ours, theirs] = packetSocketPair();
    using _theirs = theirs;
    const inbox = new LaunchInbox(ours);
    await strangerSays(theirs, ...words);
    const before = openNow();
    await assert.rejects(inbox.hello(sessionOf(process.pid)), REFUSED);
    assert.equal(openNow(), before);
    inbox.close();
  }
});

// proves: launch: what others send to the supervisor is not received
test('after the hello, the supervisor hears its sender alone', async () => {
  for (const word of ['exec', '']) {
    const [ours, theirs] = packetSocketPair();
    using _theirs = theirs;
    const inbox = new LaunchInbox(ours);
    say(theirs, 'hello');
    assert.equal(await inbox.hello(sessionOf(process.pid)), process.pid);
    await strangerSays(theirs, word);
    const before = openNow();
    await assert.rejects(inbox.next(), REFUSED);
    assert.equal(openNow(), before);
    inbox.close();
  }
});

test('it hears words, descriptors where it expects some, and the end of the socket', async () => {
  const [ours, theirs] = packetSocketPair();
  const inbox = new LaunchInbox(ours);
  say(theirs, 'hello');
  assert.equal(await inbox.hello(sessionOf(process.pid)), process.pid);
  say(theirs, 'tied');
  assert.equal(await inbox.word(), 'tied');
  sendMessage(theirs.number, Buffer.from('exec'), [theirs.number]);
  const { descriptors } = await inbox.next();
  assert.equal(descriptors.length, 1);
  for (const descriptor of [theirs, ...descriptors]) descriptor.close();
  assert.equal((await inbox.next()).payload.length, 0);
  inbox.close();
});

test('a launcher that ends without a hello has none', async () => {
  const [ours, theirs] = packetSocketPair();
  const inbox = new LaunchInbox(ours);
  theirs.close();
  assert.equal(await inbox.hello(sessionOf(process.pid)), undefined);
  inbox.close();
});

const socketsNow = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      return false; // The folder itself.
    }
  }).length;

// proves: launch: the main thread reads no socket of a sandbox that starts
test('a start has two sockets, of launcher and init. What it writes on stderr comes by a pipe', async () => {
  becomeSubreaper();
  const before = socketsNow();
  const script = spawnNamespaces(undefined, 0);
  try {
    await script.ended;
    // That of the process which has made the user namespace may be open for a moment.
    await until(() => socketsNow() === before + 2 || undefined);
  } finally {
    await script.end();
    script.initInbox.close();
    script.launcherInbox.close();
  }
});

// proves: launch: a start that fails leaves no process behind, and waits for none
test('a start that ends after the hello of init leaves no process, though the launcher has said nothing', async () => {
  becomeSubreaper();
  const before = childrenOf(process.pid);
  const script = spawnNamespaces(undefined, 0);
  await script.ended;
  const init = await script.initInbox.hello(script.session);
  assert.ok(init !== undefined);
  assert.equal(childrenOf(process.pid).length, before.length + 2, 'init and launcher');
  await script.end();
  const after = childrenOf(process.pid);
  script.initInbox.close();
  script.launcherInbox.close();
  assert.deepEqual(after, before);
});
