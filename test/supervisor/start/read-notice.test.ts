import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readNotice } from '../../../sandbox/supervisor/start/notice-inbox.js';

const read = (text: string) => readNotice(Buffer.from(text, 'latin1'));
const NOTHING = { isReady: false, isStopping: false, status: undefined };

test('readNotice() knows READY, STOPPING and STATUS, on lines of their own', () => {
  assert.deepEqual(read('READY=1'), { ...NOTHING, isReady: true });
  assert.deepEqual(read('MAINPID=7\nREADY=1\nSTATUS=a=b\n'), {
    isReady: true,
    isStopping: false,
    status: 'a=b',
  });
  assert.deepEqual(read('STOPPING=1\n'), { ...NOTHING, isStopping: true });
  assert.deepEqual(read('STATUS=first\nSTATUS='), { ...NOTHING, status: '' });
});

test('readNotice() takes no word for another', () => {
  for (const text of [
    '',
    'READY=0',
    'READY=10',
    ' READY=1',
    'XREADY=1',
    'ready=1',
    'STATUSREADY=1',
    'READY=1\0',
    'status=x',
  ])
    assert.deepEqual(read(text), NOTHING, JSON.stringify(text));
  assert.deepEqual(read('STATUS=READY=1'), { ...NOTHING, status: 'READY=1' });
});

// proves: notify: a status is bounded, and no terminal obeys it
test('readNotice() bounds a status, and shows what a terminal would obey', () => {
  assert.equal(read(`STATUS=${'x'.repeat(4000)}`).status, 'x'.repeat(256));
  assert.equal(read('STATUS=\x1b]0;title\x07\r').status, '\\u001b]0;title\\u0007\\u000d');
  assert.equal(read('STATUS=\xff\xfe').status, '\ufffd\ufffd');
});
