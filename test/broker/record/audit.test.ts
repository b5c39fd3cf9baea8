import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Audit, type EventTally } from '../../../broker/record/audit.js';
import { LogRoom } from '../../../broker/record/log-gate.js';

const AT = new Date(0);

/** Makes an event of each kind, which is owed. @returns the lines, and how many events the supervisor would miss */
function make(readsAll: boolean): { readonly lines: readonly string[]; readonly missing: number } {
  const lines: string[] = [];
  let counted = 0;
  const tally = {
    add: (events: number) => {
      counted += events;
    },
  } as unknown as EventTally;
  const output = { backlogBytes: 0, sendSoon: (line: string) => void lines.push(line) };
  const dropped = (): void => assert.fail('an event was dropped');
  const audit = new Audit(output, dropped, new LogRoom(undefined, () => 0), tally, readsAll);
  const event = (name: string) => () => ({ name }) as never;
  const unread = (name: string) => (readsAll ? event(name) : () => assert.fail('it was made'));
  audit.owe();
  audit.decision('web', false, unread('made'), true, AT);
  audit.decision('web', true, event('refused'), false, AT);
  audit.owe();
  audit.closed('web', unread('ended'));
  return {
    lines: lines.map((line) => /"name":"(\w+)"/.exec(line)?.[1] ?? ''),
    missing: counted - lines.length,
  };
}

test('every event is a line where somebody reads them all', () => {
  assert.deepEqual(make(true), { lines: ['made', 'refused', 'ended'], missing: 0 });
});

test('where nobody does, no text is made of a connect that was made, and none is missing', () => {
  assert.deepEqual(make(false), { lines: ['refused'], missing: 0 });
});
