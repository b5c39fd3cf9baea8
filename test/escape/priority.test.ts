// A plugin runs as an ordinary process, with any priority and limits that postern itself was started with.
// proves: G15
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { postern } from '../harness/postern.js';
import { users } from '../harness/users.js';

const PROGRAM = `
import os, resource
def tried(act):
    try:
        act()
        return "done"
    except OSError as error:
        return error.errno
print(os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), os.sched_getparam(0).sched_priority)
print(*(resource.getrlimit(getattr(resource, "RLIMIT_" + name))[1] for name in ("NICE", "RTPRIO", "MEMLOCK", "SIGPENDING", "MSGQUEUE")))
print(tried(lambda: os.setpriority(os.PRIO_PROCESS, 0, -1)), tried(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))))
`;
const PROGRAM_WORDS = ['run', '--', '/usr/bin/python3', '-c', PROGRAM];
const EACCES = 13;
const EPERM = 1;
const isRoot = process.geteuid?.() === 0;
/** These tests may run at a low priority themselves. */
const own = getPriority();
/** What only root can start it with. */
const special = isRoot ? ['nice', '-n', String(-5 - own), 'ionice', '-c', '1', 'chrt', '--fifo', '10'] : [];
const LEAST = isRoot ? 0 : own;
// All of postern shares one processor: none of its threads may keep it from another for good.
const [, processor = '0'] =
  /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
const inside = ['taskset', '--cpu-list', processor, ...special];

// proves: postern's own priority is not the plugin's
// proves: pending signals and message queues of the plugin are limited
for (const user of users)
  test(`no priority of postern's is the plugin's, and it takes none (${user})`, async () => {
    const { stdout, stderr } = await postern(PROGRAM_WORDS, { as: user, inside });
    const [now, limits, tried] = stdout.trim().split('\n');
    assert.equal(now, `${LEAST} 0 0`, stderr);
    assert.deepEqual(limits?.split(' ').slice(0, 2), ['0', '0']);
    assert.ok(Number(limits?.split(' ')[2]) <= 8 << 20, limits);
    // The kernel counts these for the user who owns the sandbox.
    assert.ok(Number(limits?.split(' ')[3]) <= 1024, limits);
    assert.ok(Number(limits?.split(' ')[4]) <= 128 << 10, limits);
    assert.ok(tried === `${EACCES} ${EPERM}` || tried === `${EPERM} ${EPERM}`, tried);
  });

// Only a privileged process leaves SCHED_IDLE, and the launcher is none.
for (const user of users)
  test(`what was started to run when nothing else does stays so (${user})`, async () => {
    const { stdout, stderr } = await postern(PROGRAM_WORDS, { as: user, inside: ['chrt', '--idle', '0'] });
    assert.match(stdout, /^\d+ 5 0\n/, stderr);
  });
