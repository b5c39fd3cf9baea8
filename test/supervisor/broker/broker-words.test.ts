import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BrokerWords } from '../../../sandbox/supervisor/broker/spawn-broker.js';

function collect(): {
  readonly words: BrokerWords;
  readonly printed: string[];
  readonly wait: (ms: number) => void;
} {
  let now = 0;
  const printed: string[] = [];
  const words = new BrokerWords(
    (text) => printed.push(text),
    () => now,
  );
  return { words, printed, wait: (ms) => (now += ms) };
}

// proves: the broker's own words reach a terminal without control characters
test('a terminal gets no control character of the broker, and whole lines', () => {
  const { words, printed } = collect();
  words.push('Error: \u001b]0;a title\u0007 and \u009b2J');
  assert.deepEqual(printed, []);
  words.push(' more\r\nnext\nlast');
  words.end();
  assert.deepEqual(printed, [
    'Error: \\u001b]0;a title\\u0007 and \\u009b2J more\\u000d\n',
    'next\n',
    'last\n',
  ]);
});

test('a line without end is cut, and costs no memory', () => {
  const { words, printed } = collect();
  for (let index = 0; index < 100; index += 1) words.push('x'.repeat(10_000));
  words.push('\nnext\n');
  assert.deepEqual(
    printed.map((text) => text.length),
    [4097, 5],
  );
});

test('a flood of lines is bounded, and the number of those left out is told', () => {
  const { words, printed, wait } = collect();
  words.push('a\n'.repeat(10_000));
  assert.equal(printed.length, 200);
  wait(1_000);
  words.push('b\n'.repeat(100));
  assert.equal(printed.length, 220);
  words.end();
  assert.equal(printed.at(-1), "postern: 9880 lines of the broker's were left out\n");
});
