// Facts that the kernel keeps for the whole host, or copies into a new namespace: names of interfaces and servers, of the user's keys,
// of the host's domain.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { twin } from '../harness/asked.js';
import { type PosternOptions, postern } from '../harness/postern.js';
import { readableFile, users } from '../harness/users.js';
import { mutantDist } from '../mutation/mutant-dist.js';

const host = readableFile('host-facts.py', readFileSync(new URL('host-facts.py', import.meta.url), 'utf8'));
const own = process.geteuid?.() === 0 ? [] : ['--user', '--map-current-user', '--keep-caps'];
/** Files of proc(5) that every kernel has. */
const LOOK = `
cd /proc
for name in bus cmdline driver fs interrupts irq key-users keys kmsg softirqs timer_list; do
  [ ! -d $name ] || [ -z "$(ls -A $name)" ] || echo "told $name"
  [ ! -f $name ] || [ -z "$(head -c 1 $name 2>/dev/null)" ] || echo "told $name"
done
grep -o "cifs:[^:]*:[0-9.]*" keys
echo domain $(cat sys/kernel/domainname)`;

async function look(options: PosternOptions): Promise<readonly string[]> {
  const { stdout, stderr } = await postern(['run', '--', 'sh', '-c', LOOK], {
    inside: ['unshare', ...own, '--uts', '/usr/bin/python3', host, 'domain'],
    through: ['/usr/bin/python3', host, 'keys'],
    ...options,
  });
  assert.match(stdout, /^domain /m, stderr);
  return stdout.trimEnd().split('\n');
}

for (const user of users) {
  // proves: /proc without what the kernel keeps for the whole host
  // proves: the host's NIS domain is taken away
  test(`/proc tells nothing of the host's interfaces, servers and keys, and no domain is the host's (${user})`, async () => {
    assert.deepEqual(await look({ as: user }), ['domain (none)']);
  });

  twin(`all of it is told once the protections are off (${user})`, async () => {
    const dist = mutantDist('proc', "the host's NIS domain is taken away");
    const told = await look({ as: user, dist });
    for (const name of ['cmdline', 'interrupts', 'irq', 'softirqs'])
      assert.ok(told.includes(`told ${name}`), name);
    assert.ok(told.includes('domain secret.example'));
    // Root's keys belong to ids that the sandbox does not know.
    if (user === 'user') assert.deepEqual(told.filter((line) => line === 'cifs:a:192.0.2.7').length, 2);
  });
}
