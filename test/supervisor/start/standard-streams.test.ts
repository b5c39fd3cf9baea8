import assert from 'node:assert/strict';
import { readdirSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { captureStreams } from '../../../sandbox/supervisor/start/standard-streams.js';

// proves: output: the end of the run is the end of its output
test('the output of a run that has ended is what was in its pipes, and is whole', async () => {
  const before = readdirSync('/proc/self/fd').length;
  const lines: string[] = [];
  const { descriptors, drained } = captureStreams((stream, line) => void lines.push(`${stream} ${line}`));
  const [stdin, stdout, stderr] = descriptors;
  assert.ok(stdin !== undefined && stdout !== undefined && stderr !== undefined);
  writeSync(stdout.number, 'one\ntw');
  writeSync(stderr.number, 'wrong\n');
  writeSync(stdout.number, Buffer.from('o\nhalf €').subarray(0, -1));
  assert.deepEqual(await drained(), []);
  assert.deepEqual(lines.sort(), ['stderr wrong', 'stdout half \ufffd', 'stdout one', 'stdout two']);
  // Somebody else could hold them.
  for (const end of [stdout, stderr]) assert.throws(() => writeSync(end.number, 'late'), { code: 'EPIPE' });
  for (const descriptor of descriptors) descriptor.close();
  assert.equal(readdirSync('/proc/self/fd').length, before);
});

// proves: output: an ended run writes no more than its pipe holds
test('who goes on to write into the pipe of an ended run does not keep its end', async () => {
  let lines = 0;
  const line = `${'x'.repeat(8_191)}\n`;
  const { descriptors, drained } = captureStreams(() => {
    lines += 1;
    assert.ok(lines < 1_000, 'it ends');
    writeSync(descriptors[1]?.number ?? -1, line);
    return undefined;
  });
  writeSync(descriptors[1]?.number ?? -1, line);
  await drained();
  assert.ok(lines > 0);
  for (const descriptor of descriptors) descriptor.close();
});
