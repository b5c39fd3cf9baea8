import assert from 'node:assert/strict';
import { readdirSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { captureStreams } from '../../../sandbox/supervisor/start/standard-streams.js';
import { until } from '../../harness/until.js';

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

// proves: output: a plugin waits for a reader, whatever lines come behind the one that has no room
test('nothing more is read of a plugin while one of its lines waits, though later ones are dropped', async () => {
  const lines: string[] = [];
  let goOn = (): void => {};
  const { descriptors, drained } = captureStreams((_stream, line) => {
    lines.push(line);
    return line === 'waits' ? new Promise((resolve) => (goOn = resolve)) : undefined;
  });
  const [, stdout] = descriptors;
  assert.ok(stdout !== undefined);
  writeSync(stdout.number, 'waits\ndropped\n');
  await until(() => lines.length === 2 || undefined);
  writeSync(stdout.number, 'more\n');
  // It would be read in one of the next turns of the event loop.
  for (let turn = 0; turn < 20; turn += 1) await setTimeout(1);
  assert.deepEqual(lines, ['waits', 'dropped']);
  goOn();
  await until(() => lines.length === 3 || undefined);
  await drained();
  for (const descriptor of descriptors) descriptor.close();
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
