import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { LastHolder } from '../../shared/sys/last-holder.js';
import { openPidfd, takeDescriptor } from '../../shared/sys/pidfd.js';

/** The descriptors of a process that `isSame` finds, of the first 32. */
type Compare = (tid: number, descriptor: number) => number;
const found = (isSame: Compare, pid: number): readonly number[] =>
  Array.from({ length: 32 }, (_, fd) => fd).filter((fd) => isSame(pid, fd) === 0);

const openEpolls = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes('eventpoll');
    } catch {
      return false;
    }
  }).length;

/** A Python program with sockets at 9 and 10, two files, and duplicates of the first at 12 and 20. It closes what it is told. */
const PROGRAM = `
import os, socket, sys
one, other = socket.socket(), socket.socket()
for fd in (9, 12, 20): os.dup2(one.fileno(), fd)
os.dup2(other.fileno(), 10)
one.close(); other.close()
print(flush=True)
for line in sys.stdin:
    for fd in line.split(): os.close(int(fd))
    print(flush=True)
`;

test('a socket that nobody else has is the last one, and the descriptors of any other are found', async (t) => {
  const holder = LastHolder.make();
  assert.ok(holder, 'this kernel compares files with those of an epoll');
  const child = spawn('python3', ['-c', PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  await once(child.stdout, 'data');
  const pid = child.pid ?? 0;
  using process_ = openPidfd(pid);
  const close = async (...fds: readonly number[]): Promise<void> => {
    child.stdin.write(`${fds.join(' ')}\n`);
    await once(child.stdout, 'data');
  };
  const ask = async (fd: number, closed: readonly number[]): Promise<readonly number[] | 'last'> => {
    const taken = takeDescriptor(process_.number, fd);
    assert.ok(typeof taken !== 'number', `descriptor ${fd} is taken`);
    await close(...closed);
    let answer: readonly number[] | 'last' = 'last';
    holder.close(taken, (isSame) => {
      answer = found(isSame, pid);
    });
    assert.ok(!taken.open);
    return answer;
  };
  const before = openEpolls();
  assert.deepEqual(await ask(9, []), [9, 12, 20]);
  assert.deepEqual(await ask(10, []), [10]);
  assert.deepEqual(await ask(12, [9]), [12, 20]);
  assert.deepEqual(await ask(12, [12]), [20]);
  assert.equal(await ask(20, [20]), 'last');
  assert.equal(await ask(10, [10]), 'last');
  assert.equal(openEpolls(), before);
});
