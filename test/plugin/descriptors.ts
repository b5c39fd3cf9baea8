// Counts this process's descriptors, and waits for them to be as many as before. Node may open some of its own at any time: they have no file.
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { until } from '../harness/until.js';

function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((number) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${number}`);
      return target.startsWith('anon_inode:') ? [] : [`${number} ${target}`];
    } catch {
      // The descriptor of the listing itself.
      return [];
    }
  });
}

export function countDescriptors(): number {
  return openFiles().length;
}

/** Sockets and libuv's handles close a turn or two after they are told to. */
export async function expectDescriptors(before: number): Promise<void> {
  await until(() => countDescriptors() === before || undefined).catch(() => undefined);
  assert.equal(countDescriptors(), before, `as many as before, not ${openFiles().join(', ')}`);
}
