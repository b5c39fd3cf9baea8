import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { startBroker } from './start-broker.js';

/** Where proc_pid_stat(5) has the nice value, counted from behind the name. */
const NICE = 16;
const LOWEST = 19;

test("the broker's own threads go before V8's", {
  skip: getPriority() < LOWEST ? false : 'needs a priority above the lowest',
}, async (t) => {
  const broker = await startBroker();
  t.after(() => broker.stop());
  const folder = `/proc/${broker.pid}/task`;
  const nice = (thread: string): number =>
    Number(readFileSync(`${folder}/${thread}/stat`, 'latin1').split(') ')[1]?.split(' ')[NICE]);
  assert.equal(nice(String(broker.pid)), getPriority());
  assert.ok(readdirSync(folder).filter((thread) => nice(thread) === LOWEST).length >= 2);
});
