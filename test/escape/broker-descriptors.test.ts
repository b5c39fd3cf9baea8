// A broker that was taken over holds nothing that postern's starter left open: a file of secrets, a socket of a service.
// It reads them in proc(5), which shows those of a broker to root alone.
// needs: root
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { readableFile } from '../harness/users.js';

/** What the descriptors of a process lead to. */
const targets = (pid: number): readonly string[] =>
  readdirSync(`/proc/${pid}/fd`).flatMap((number) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${number}`)];
    } catch {
      return []; // It is closed by now.
    }
  });

for (const user of anyUser) {
  // proves: the broker gets no descriptor of postern's starter
  test(`a broker has no descriptor of postern's starter (${user})`, async () => {
    const secret = readableFile('secret', 'hush');
    // Node marks the first descriptors close-on-exec, up to a gap.
    const shell = `exec 5<${secret} 9<${secret} 60<${secret} 700<${secret}; exec "$@"`;
    const { child, result } = startPostern(['run', '--', 'sh', '-c', 'echo up; read end'], {
      as: user,
      shell,
      keepInput: true,
    });
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    const supervisor = child.pid ?? 0;
    assert.ok(targets(supervisor).includes(secret), 'the supervisor does not have it');
    const broker = brokerOf(supervisor);
    assert.ok(broker !== undefined);
    assert.deepEqual(
      targets(broker).filter((target) => target === secret),
      [],
    );
    child.stdin?.end('\n');
    const { status, stderr } = await result;
    assert.equal(status, 0, stderr);
  });
}
