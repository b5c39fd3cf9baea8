// A broker that was taken over can take the launcher's end of the launch socket, with what is sent there. The launcher trusts no file of a spec that
// somebody could still change, and reads it whatever others do with its position.
import assert from 'node:assert/strict';
import { readSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { receiveSpec } from '../../sandbox/launch/launch-steps.js';
import { createMemoryFile, createSealedFile } from '../../shared/sys/memory-file.js';
import { sendMessage } from '../../shared/sys/message.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { makePipe } from '../../shared/sys/pipe.js';
import { packetSocketPair } from '../../shared/sys/socket.js';

const TEXT = '{"hostname":"sandbox"}';

function received(file: OwnedFd): ReturnType<typeof receiveSpec> {
  const [ours, theirs] = packetSocketPair();
  using _ours = ours;
  using _theirs = theirs;
  assert.ok(sendMessage(ours.number, Buffer.from('{"passed":0}'), [file.number]) > 0);
  return receiveSpec(theirs.number);
}

// proves: launch: a spec that somebody could still change is not taken
test('receiveSpec() takes a sealed file, and none that somebody could still change', () => {
  using sealed = createSealedFile('spec', Buffer.from(TEXT));
  assert.deepEqual(received(sealed).spec, JSON.parse(TEXT));
  using open = createMemoryFile('spec', TEXT.length);
  writeSync(open.number, TEXT, 0);
  using pipe = makePipe().read;
  for (const file of [open, pipe]) assert.throws(() => received(file), /not sealed against changes/);
});

test('receiveSpec() reads all of the spec, wherever another holder of the file has moved its position', () => {
  using sealed = createSealedFile('spec', Buffer.from(TEXT));
  readSync(sealed.number, new Uint8Array(5));
  assert.deepEqual(received(sealed).spec, JSON.parse(TEXT));
});
