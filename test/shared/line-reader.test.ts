import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineReader } from '../../shared/line-reader.js';

function read(chunks: readonly string[], mostBytes = 100): { lines: string[]; taken: boolean[] } {
  const lines: string[] = [];
  const reader = new LineReader((line) => lines.push(line), mostBytes);
  return { taken: chunks.map((chunk) => reader.push(Buffer.from(chunk, 'latin1'))), lines };
}

test('LineReader reads lines however the stream cuts them, and keeps an unfinished one back', () => {
  const bytes = Buffer.from('one\n\nzwölf\nunfinished').toString('latin1');
  for (const chunks of [[bytes], [...bytes], [bytes.slice(0, 8), bytes.slice(8)]])
    assert.deepEqual(read(chunks).lines, ['one', '', 'zwölf']);
});

test('LineReader refuses a line of more bytes than it may have, finished or not', () => {
  assert.deepEqual(read(['12345\n'], 5), { lines: ['12345'], taken: [true] });
  assert.deepEqual(read(['1\n123456\n2\n'], 5), { lines: ['1'], taken: [false] });
  assert.deepEqual(read(['123', '456'], 5), { lines: [], taken: [true, false] });
});
