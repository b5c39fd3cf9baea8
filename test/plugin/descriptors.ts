// Counts this process's descriptors, and waits for them to be as many as before.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { until } from '../harness/until.js';

export function countDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Sockets and libuv's handles close a turn or two after they are told to. */
export async function expectDescriptors(before: number): Promise<void> {
  await until(() => countDescriptors() === before || undefined).catch(() => undefined);
  assert.equal(countDescriptors(), before, 'as many descriptors as before');
}
