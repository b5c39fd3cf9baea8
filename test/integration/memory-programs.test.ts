// A host that forbids programs of memory, which postern starts.
// needs: root
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { postern } from '../harness/postern.js';
import { users } from '../harness/users.js';

/** The setting is that of a pid namespace. An ordinary user cannot set it without being root there. */
const FORBID = 'echo 2 > /proc/sys/vm/memfd_noexec; exec "$@"';
const through = ['unshare', '--pid', '--fork', '--mount-proc', 'sh', '-c', FORBID, 'sh'];

for (const user of users.filter((one) => one === 'root'))
  test(`vm.memfd_noexec=2 refuses the start, with the sysctl that permits it (${user})`, async () => {
    const ran = await postern(['run', '--', 'echo', 'ran'], { as: user, through });
    assert.deepEqual([ran.status, ran.stdout], [125, '']);
    assert.match(
      ran.stderr,
      /^postern: Cannot start the sandbox: vm\.memfd_noexec is 2, so no program of memory starts; sysctl vm\.memfd_noexec=1, /,
    );
    const doctor = await postern(['doctor'], { as: user, through });
    assert.equal(doctor.status, 1);
    assert.match(doctor.stdout, /^missing {3}sandbox +.*vm\.memfd_noexec is 2/m);
    assert.match(doctor.stdout, /sysctl vm\.memfd_noexec=1/);
  });
