// proves: G1
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import { ownFolder } from '../harness/own-folder.js';
import { postern, startPostern } from '../harness/postern.js';
import { brokerOf, childrenOf, commandOf, ofThreads } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { asUser, users } from '../harness/users.js';

const SHOW = `
import os
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"):
    print(key, status[key].strip())
print("groups", os.getgroups())
print("pid", os.getpid(), "uid", os.getuid(), "gid", os.getgid())
print("fds", sorted(int(fd) for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")))
for name in ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts"):
    print("namespace", os.readlink(f"/proc/self/ns/{name}"))
print("session", os.getsid(0) != 0 or "outer", "parent", os.getppid())
`;

const statusOf = (pid: number): string => readFileSync(`/proc/${pid}/status`, 'utf8');
/** pgrp of proc_pid_stat(5): the third field behind the name. */
const groupOf = (pid: number): string | undefined =>
  readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').pop()?.split(' ')[2];

const asAnotherBroker = (pid: number): readonly string[] => [
  ...['nsenter', `--target=${pid}`, '--user', '--preserve-credentials', '--'],
  ...['setpriv', '--bounding-set=-all', '--inh-caps=-all', '--'],
];

for (const user of users) {
  // proves: launch: a namespace of control groups of its own
  // proves: launch: every capability is dropped
  // proves: no descriptor but the documented ones
  test(`a plugin has no capability, no new privileges, a filter, its own namespaces, and only its documented descriptors (${user})`, async () => {
    const { status, stdout, stderr } = await postern(['run', '--', '/usr/bin/python3', '-c', SHOW], {
      as: user,
      ...(user === 'root' ? { through: ['setpriv', '--groups=12345', '--'] } : {}),
    });
    assert.equal(status, 0, stderr);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
      assert.match(stdout, new RegExp(`^${set} 0{16}$`, 'm'));
    }
    assert.match(stdout, /^NoNewPrivs 1$/m);
    if (user === 'root') assert.match(stdout, /^groups \[\]$/m, 'a supplementary group of the host');
    assert.match(stdout, /^Seccomp 2$/m);
    assert.match(stdout, /^fds \[0, 1, 2, 3, 4\]$/m);
    const expected =
      user === 'root'
        ? 'uid 1000 gid 1000'
        : `uid ${process.geteuid?.() || 65534} gid ${process.getegid?.() || 65534}`;
    assert.match(stdout, new RegExp(`${expected}$`, 'm'));
    assert.doesNotMatch(stdout, /^pid 1 /m);
    const namespaces = [...stdout.matchAll(/^namespace (.*)$/gm)].map(([, name = '']) => name);
    const outside = readdirSync('/proc/self/ns').map((name) => readlinkSync(`/proc/self/ns/${name}`));
    assert.equal(namespaces.length, 7);
    assert.deepEqual(
      namespaces.filter((name) => outside.includes(name)),
      [],
      'none of its namespaces is of the host',
    );
    assert.match(stdout, /parent 0$/m);
  });

  // proves: supervisor: its memory is closed to its own user
  // proves: broker sandbox: its memory is closed to its own user
  test(`no plugin and no broker of the same user reads the supervisor's memory or the broker's (${user})`, async () => {
    const { child, result } = startPostern(['run', '--', 'sh', '-c', 'echo up; read -r _'], {
      as: user,
      keepInput: true,
    });
    try {
      await once(child.stdout ?? child, 'data');
      const supervisor = child.pid ?? 0;
      const broker = brokerOf(supervisor);
      for (const pid of user === 'root' ? [broker] : [supervisor, broker]) {
        // As another broker does: without a capability, in the user namespace of a user's brokers.
        const place =
          user === 'user' && broker !== undefined && pid === broker ? asAnotherBroker(broker) : [];
        const [program = '', ...words] = [...asUser('user'), ...place, 'cat', `/proc/${pid}/mem`];
        const { stderr } = spawnSync(program, words, { encoding: 'utf8' });
        assert.match(stderr, /Permission denied/, `${pid} is ${commandOf(pid ?? 0)}`);
      }
    } finally {
      child.stdin?.end();
      await result;
    }
  });

  // proves: init: no capability
  // proves: init: no descriptor
  test(`the supervisor's children are the broker, init and the plugin, and init keeps nothing (${user})`, async (t) => {
    const { child, result } = startPostern(['run', '--', 'sleep', '1000'], { as: user });
    t.after(() => child.kill('SIGKILL'));
    const pid = child.pid ?? 0;
    const plugin = await until(() => childrenOf(pid).find((one) => commandOf(one).startsWith('sleep 1000')));
    const children = childrenOf(pid);
    assert.equal(children.length, 3, children.map(commandOf).join(', '));
    const init = children.find((one) => /^NSpid:\s+\d+\s+1$/m.test(statusOf(one))) ?? 0;
    const broker = brokerOf(pid) ?? 0;
    assert.ok(init > 0 && broker > 0);
    for (const process_ of [init, plugin]) {
      assert.match(statusOf(process_), /^CapPrm:\s+0{16}\nCapEff:\s+0{16}$/m);
      assert.match(statusOf(process_), /^Seccomp:\s+2$/m);
      assert.match(statusOf(process_), /^NoNewPrivs:\s+1$/m);
      assert.doesNotMatch(statusOf(process_), /^Uid:.*\b0\b/m, 'no host id 0');
    }
    assert.notEqual(groupOf(init), groupOf(pid), 'a signal to its group does not reach the supervisor');
    // The plugin may run before init has become its shell.
    await until(() => holdsNothing(init) || undefined);
    for (const status of ofThreads(broker, 'status')) {
      assert.match(status, /^CapPrm:\s+0{16}\nCapEff:\s+0{16}$/m);
      assert.doesNotMatch(status, /^Uid:.*\b0\b/m, 'no root among the threads of the broker');
    }
    child.kill('SIGTERM');
    assert.equal((await result).status, 128 + 15);
  });

  // proves: init: it ends with the supervisor
  test(`kill -9 of the supervisor leaves no process, no mount and no file (${user})`, async () => {
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    const own = ownFolder(user);
    const { child, result } = startPostern(
      ['run', '--', 'sh', '-c', 'setsid sleep 1001 & (trap "" HUP TERM; sleep 1002) & sleep 1003'],
      { as: user, env: { PATH: process.env['PATH'], HOME: own, TMPDIR: own, XDG_RUNTIME_DIR: own } },
    );
    const pid = child.pid ?? 0;
    const plugin = await until(() =>
      childrenOf(pid).find((one) => commandOf(one).startsWith('sh -c setsid')),
    );
    await until(() => (childrenOf(plugin).length >= 2 ? true : undefined));
    const all = [...childrenOf(pid), ...childrenOf(plugin)];
    child.kill('SIGKILL');
    try {
      await until(() => (all.every((one) => !isAlive(one)) ? true : undefined));
    } finally {
      // A process that outlives the supervisor would hold its streams, and outlive the test.
      for (const one of all) if (isAlive(one)) process.kill(one, 'SIGKILL');
    }
    assert.equal((await result).signal, 'SIGKILL');
    // Others may have some for a moment.
    await until(() => readFileSync('/proc/self/mountinfo', 'utf8') === mounts || undefined);
    const left = readdirSync(own, { recursive: true, withFileTypes: true });
    assert.deepEqual(
      left.filter((one) => !one.isDirectory()),
      [],
    );
  });

  test(`supervisors that are killed at any moment of a launch leave nothing (${user})`, async () => {
    const moments = Array.from({ length: 11 }, (_, index) => 40 * index);
    for (const delay of moments.filter((_, turn) => userInTurn(turn).includes(user))) {
      const { child, result } = startPostern(['run', '--name', `victim-${delay}`, '--', 'sleep', '1004'], {
        as: user,
      });
      await new Promise((resolve) => setTimeout(resolve, delay));
      child.kill('SIGKILL');
      await result;
    }
    await until(() =>
      leftovers('sleep 1004').length === 0 && leftovers('read -r pid').length === 0 ? true : undefined,
    );
  });
}

for (const user of anyUser) {
  test(`a plugin's children end with it (${user})`, async () => {
    const { status } = await postern(['run', '--', 'sh', '-c', 'setsid sleep 1005 & exit 3'], { as: user });
    assert.equal(status, 3);
    assert.deepEqual(leftovers('sleep 1005'), []);
  });
}

/** Whether all descriptors of a process lead nowhere. */
function holdsNothing(pid: number): boolean {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).every((fd) => readlinkSync(`${folder}/${fd}`) === '/dev/null');
  } catch {
    // One was closed meanwhile.
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(statusOf(pid));
  } catch {
    return false;
  }
}

/** Live processes whose command line has these words, other than this test's own. */
function leftovers(words: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      try {
        const command = commandOf(Number(name));
        return command.includes(words) && !command.includes('postern.js') && isAlive(Number(name))
          ? [command]
          : [];
      } catch {
        return [];
      }
    });
}
