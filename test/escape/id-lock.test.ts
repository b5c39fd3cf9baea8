// A sandbox's ids are locked for the whole host, in a folder that only root may write. A name in a network namespace would be no lock:
// each namespace has its own names, and any user may take one.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { claimIdRange } from '../../sandbox/host/id-range.js';
import { postern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { asUser, users } from '../harness/users.js';

const base = /^\s*0\s+(\d+)\s/m;
const MAP = 'cat /proc/self/uid_map; ';

for (const user of users.filter((one) => one === 'root')) {
  // proves: ids: a range that another supervisor of the host has is not taken
  test('two supervisors in two network namespaces take two ranges of ids', async () => {
    const words = ['run', '--', 'sh', '-c', `${MAP} read -r line`];
    const inside = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
    const running = [{}, { inside }, { inside }].map((options) => {
      const { child, result } = startPostern(words, { as: user, keepInput: true, ...options });
      let said = '';
      child.stdout?.on('data', (text: string) => (said += text));
      return { child, result, base: () => base.exec(said)?.[1] };
    });
    const bases = await Promise.all(running.map((one) => until(one.base, 60_000)));
    for (const { child } of running) child.stdin?.end('\n');
    await Promise.all(running.map(({ result }) => result));
    assert.equal(new Set(bases).size, running.length, bases.join());
  });

  // proves: ids: a range that a process still has an id of is not taken
  test('a range is not free while a process with its first id lives, as a broker that outlived its supervisor', async () => {
    const { base, release } = claimIdRange();
    const broker = spawn('sleep', ['60'], { uid: base, gid: base });
    const gone = once(broker, 'exit');
    try {
      await once(broker, 'spawn');
      release();
      const next = claimIdRange();
      next.release();
      assert.notEqual(next.base, base);
    } finally {
      broker.kill();
      await gone;
    }
  });

  test('a user who holds every abstract name does not keep a supervisor from its ids', async () => {
    const source = `
import resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
held = []
for start in range(0x70000000, 0x80000000, 65536):
    one = socket.socket(socket.AF_UNIX)
    one.bind("\\0postern/ids/%d" % start)
    held.append(one)
print("held", flush=True)
sys.stdin.read()`;
    const [command = '', ...args] = [...asUser('user'), '/usr/bin/python3', '-c', source];
    const holder = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const gone = once(holder, 'exit');
    try {
      await once(holder.stdout, 'data');
      const { status, stderr } = await postern(['run', '--', 'true'], { as: user });
      assert.equal(status, 0, stderr);
    } finally {
      holder.stdin.end();
      await gone;
    }
  });
}
