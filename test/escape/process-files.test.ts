// A plugin writes no file of /proc, also where the kernel has no Landlock: by those files a process changes its scheduling, its place when
// memory runs out, and the memory of init.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { twin } from '../harness/asked.js';
import { startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { type User, users } from '../harness/users.js';

const PROGRAM = `
import os, sys
print(os.getpid(), flush=True)
done = []
for name, text in (("autogroup", "10"), ("oom_score_adj", "500"), ("task/self/comm", "other")):
    path = "/proc/self/" + name.replace("task/self", "task/%d" % os.getpid())
    if not os.path.exists(path): continue
    try:
        with open(path, "w") as file: file.write(text)
        done.append(name)
    except OSError: pass
for name in ("mem", "comm", "oom_score_adj", "autogroup"):
    try:
        os.close(os.open("/proc/1/" + name, os.O_RDWR))
        done.append("init " + name)
    except OSError: pass
print("done", *done, flush=True)
ends = os.pipe()
with open("/proc/self/fd/%d" % ends[1], "w") as again: again.write("again")
print(os.read(ends[0], 9).decode(), flush=True)
sys.stdin.read()
`;

interface Written {
  readonly done: string;
  /** As the host sees the plugin. */
  readonly outside: readonly string[];
  readonly stderr: string;
}

async function write(as: User, ...without: readonly string[]): Promise<Written> {
  const mark = `mark-${process.pid}-${performance.now()}`;
  const { child, result, stdout } = startPostern(['run', '--', '/usr/bin/python3', '-c', PROGRAM, mark], {
    as,
    without,
    keepInput: true,
  });
  await until(() => /^again$/m.test(stdout()) || child.exitCode !== null || undefined);
  const outside = pluginsOf(mark).map((pid) =>
    ['autogroup', 'oom_score_adj'].map((name) => fact(pid, name)).join(' '),
  );
  child.stdin?.end();
  const { stderr } = await result;
  return { done: /^done ?(.*)$/m.exec(stdout())?.[1] ?? 'nothing was tried', outside, stderr };
}

/** The processes of the sandbox that run the program: postern's own command line does not begin with it. */
function pluginsOf(mark: string): readonly number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      const words = fact(pid, 'cmdline').split('\0');
      return words[0] === '/usr/bin/python3' && words.includes(mark);
    });
}

function fact(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8').trim();
  } catch {
    return '';
  }
}

for (const user of users) {
  // proves: /proc is read-only, where Landlock is missing too
  test(`a plugin writes no file of a process in /proc, without Landlock neither (${user})`, async () => {
    const { done, outside, stderr } = await write(user, 'landlock');
    assert.equal(done, '', stderr);
    assert.equal(outside.length, 1);
    assert.doesNotMatch(outside[0] ?? '', /nice 10\b| 500$/);
    assert.equal(stderr, '', 'what it has open it opens again');
  });

  twin(`without a read-only /proc it does (${user})`, async () => {
    const { done, outside } = await write(user, 'landlock', 'proc');
    assert.match(done, /\bautogroup oom_score_adj\b/);
    assert.match(outside[0] ?? '', /nice 10 500$/);
  });
}
