import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestMarks } from '../../../broker/request/request-marks.js';
import { MarkKeeper } from '../../../sandbox/supervisor/broker/kept.js';
import { REQUEST_MARKS } from '../../../shared/limits.js';
import { duplicate } from '../../../shared/sys/fcntl.js';

test('the supervisor finds the plugins whose requests a broker has noted since a time', () => {
  const keeper = new MarkKeeper();
  const marks = new RequestMarks();
  const [web, mail] = [keeper.numberOf('web'), keeper.numberOf('mail')];
  marks.note(web);
  assert.deepEqual(keeper.askedSince(1n), new Set(), 'no memory yet');
  marks.attach(duplicate(keeper.memory.number));
  marks.note(web);
  marks.note(undefined);
  const between = process.hrtime.bigint();
  marks.note(mail);
  assert.deepEqual(keeper.askedSince(1n), new Set(['web', 'mail']));
  assert.deepEqual(keeper.askedSince(between), new Set(['mail']));
  assert.equal(keeper.numberOf('web'), web);
  keeper.drop('mail');
  assert.equal(keeper.numberOf('next'), mail, 'a mark is used again');
  assert.deepEqual(keeper.askedSince(1n), new Set(['web']), 'and says nothing of its former plugin');
  keeper.close();
});

// proves: a broker that hangs in an end blames the plugin whose connections it is about
test('a broker that dies at the end of connections blames their plugin, and not who asked last', () => {
  const keeper = new MarkKeeper();
  const marks = new RequestMarks();
  const [web, mail] = [keeper.numberOf('web'), keeper.numberOf('mail')];
  marks.attach(duplicate(keeper.memory.number));
  marks.note(mail);
  marks.ending(web, () => assert.deepEqual(keeper.askedSince(1n), new Set(['web'])));
  assert.deepEqual(keeper.askedSince(1n), new Set(['mail']), 'an end is no request');
  marks.ending(web, () => {
    const next = new RequestMarks();
    next.attach(duplicate(keeper.memory.number));
    assert.deepEqual(keeper.askedSince(1n), new Set(['mail']), 'a further broker begins anew');
    next.note(web);
  });
  const dies = (): void =>
    marks.ending(web, () => {
      throw new Error('as the broker dies');
    });
  assert.throws(dies);
  assert.deepEqual(keeper.askedSince(1n), new Set(['web']), 'the mark stays after a death');
  keeper.close();
});

test('plugins past the number of marks have none', () => {
  const keeper = new MarkKeeper();
  for (let count = 0; count < REQUEST_MARKS; count += 1)
    assert.notEqual(keeper.numberOf(`p${count}`), undefined);
  assert.equal(keeper.numberOf('one more'), undefined);
  keeper.close();
});
