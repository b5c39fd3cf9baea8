import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { type DescriptorEntry, DescriptorTable } from '../../shared/sys/descriptor-table.js';

const MOST = 64;

/** Reads descriptor 9 of a Python program. The program has a socket `s` there that no child inherits, has run `lines`, and then runs `next`. */
async function look(lines: string, next = 'pass'): Promise<readonly (readonly DescriptorEntry[])[]> {
  const program = `
import fcntl, os, socket, sys
s = socket.socket()
os.dup2(s.fileno(), 9, inheritable=False)
s.close()
${lines}
print(flush=True)
sys.stdin.readline()
${next}
print(flush=True)
sys.stdin.readline()`;
  const child = spawn('python3', ['-c', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const table = new DescriptorTable(child.pid ?? 0);
  try {
    await once(child.stdout, 'data');
    const before = table.sharing(9, MOST);
    child.stdin.write('\n');
    await once(child.stdout, 'data');
    return [before, table.sharing(9, MOST)];
  } finally {
    table.close();
    child.kill();
  }
}

const entry = (descriptor: number, closesOnExec: boolean): DescriptorEntry => ({ descriptor, closesOnExec });

test('a descriptor without duplicates is found alone, with its present flag', async () => {
  const clear = 'fcntl.fcntl(9, fcntl.F_SETFD, 0)';
  assert.deepEqual(await look('socket.socket()', clear), [[entry(9, true)], [entry(9, false)]]);
});

test('duplicates are found among other descriptors, each with its own flag', async () => {
  const duplicates = 'kept = socket.socket(); os.dup2(9, 12); os.dup2(9, 7, inheritable=False)';
  const [before = [], after] = await look(duplicates, 'os.close(12); os.dup2(9, 3)');
  const byNumber = (found: readonly DescriptorEntry[]): readonly DescriptorEntry[] =>
    [...found].sort((a, b) => a.descriptor - b.descriptor);
  assert.equal(before[0]?.descriptor, 9, 'the one that was asked for comes first');
  assert.deepEqual(byNumber(before), [entry(7, true), entry(9, true), entry(12, false)]);
  assert.deepEqual(byNumber(after ?? []), [entry(3, false), entry(7, true), entry(9, true)]);
});

test('a duplicate with a far higher number is found', async () => {
  const [found] = await look('os.dup2(9, 900)');
  assert.deepEqual(found, [entry(9, true), entry(900, false)]);
});

test('in a table that is too large to search, only the known descriptor is found', async () => {
  const [few, many] = await look('os.dup2(9, 12)', `kept = [socket.socket() for _ in range(${MOST})]`);
  assert.deepEqual(few, [entry(9, true), entry(12, false)]);
  assert.deepEqual(many, [entry(9, true)]);
});

test('for a closed descriptor or an ended thread, nothing else is found', async () => {
  const [, closed] = await look('pass', 'os.close(9)');
  assert.deepEqual(closed, [entry(9, false)]);
  const child = spawn('true');
  await once(child, 'exit');
  assert.deepEqual(new DescriptorTable(child.pid ?? 0).sharing(9, MOST), [entry(9, false)]);
});
