import assert from 'node:assert/strict';
import { openSync } from 'node:fs';
import { test } from 'node:test';
import { EndAlarm } from '../../../sandbox/supervisor/broker/kept.js';
import { duplicate } from '../../../shared/sys/fcntl.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { makePipe } from '../../../shared/sys/pipe.js';
import { readableNow } from '../../../shared/sys/socket.js';
import { runOut } from '../../../shared/sys/timerfd.js';
import { until } from '../../harness/until.js';

// proves: a sandbox is ended when the broker asks for it
test('EndAlarm ends a sandbox once, when a broker lets it off by a duplicate', async () => {
  let ends = 0;
  const alarm = new EndAlarm(() => {
    ends += 1;
  });
  using given = duplicate(alarm.timer.number);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(ends, 0);
  runOut(given.number);
  runOut(given.number);
  await until(() => ends > 0 || undefined);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(ends, 1);
  alarm.close();
});

// proves: who has a former broker's alarm ends no sandbox
test("EndAlarm has another timer for the next broker: the former one's ends nothing, unless it had run out before", async () => {
  let ends = 0;
  const alarm = new EndAlarm(() => {
    ends += 1;
  });
  using former = duplicate(alarm.timer.number);
  alarm.renew();
  using given = duplicate(alarm.timer.number);
  runOut(former.number);
  await until(() => readableNow(former.number) === 'readable' || undefined);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(ends, 0);
  runOut(given.number);
  while (readableNow(given.number) !== 'readable');
  alarm.renew();
  await until(() => ends > 0 || undefined);
  assert.equal(ends, 1);
  alarm.close();
});

test('runOut() does nothing to another descriptor', () => {
  const { read, write } = makePipe({ nonBlocking: true });
  using reader = read;
  using writer = write;
  using file = new OwnedFd(openSync('/dev/null', 'r+'));
  for (const descriptor of [reader, writer, file]) runOut(descriptor.number);
});
