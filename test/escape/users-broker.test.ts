// A user's broker that was taken over has the user's uid. It sees none of the user's files and terminals, and reaches into none of the user's other
// programs. So it has nothing of them to give to a plugin. The test does so in the broker's place: in its namespaces, even with all capabilities there.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { startPostern } from '../harness/postern.js';
import { brokerOf, childrenOf, commandOf } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { asUser, chownTo, readableFile, users } from '../harness/users.js';

const PROGRAM = readFileSync(new URL('users-broker.py', import.meta.url), 'utf8');
const YAMA = '/proc/sys/kernel/yama/ptrace_scope';
type Results = Readonly<Record<string, string>>;

/** @param place words that enter the place where the program runs */
function attempt(place: readonly string[], args: readonly (string | number)[]): Results {
  const [command = '', ...words] = [...asUser('user'), ...place, '/usr/bin/python3', '-I', '-c', PROGRAM];
  const { stdout, stderr } = spawnSync(command, [...words, ...args.map(String)], {
    cwd: '/',
    encoding: 'utf8',
  });
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as Results;
}

function hasYama(): boolean {
  try {
    return readFileSync(YAMA, 'utf8').trim() !== '0';
  } catch {
    return false;
  }
}

// proves: broker: a user's sees no file of the user
// proves: broker: a user's reaches into no other program of the user
// proves: broker: what a user's sees of the host is read-only
test("a user's broker sees no file of the user, and reaches into no program but the sandboxes'", {
  skip: users.includes('user') ? false : 'is about a user',
}, async () => {
  const secret = readableFile('secret', 'hush');
  chownTo('user', secret);
  chmodSync(secret, 0o600);
  const [command = '', ...words] = [...asUser('user'), 'sh', '-c', `echo up; exec sleep 1000 9<${secret}`];
  const other = spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const { child, result } = startPostern(['run', '--', 'sh', '-c', 'echo up; read -r _'], {
    as: 'user',
    keepInput: true,
  });
  try {
    await Promise.all([other, child].map((one) => once(one.stdout ?? one, 'data')));
    await until(() => (commandOf(other.pid ?? 0).startsWith('sleep') ? true : undefined));
    const supervisor = child.pid ?? 0;
    const broker = brokerOf(supervisor) ?? 0;
    const plugin = childrenOf(supervisor).find((pid) => commandOf(pid).startsWith('sh -c')) ?? 0;
    const args = [secret, other.pid ?? 0, plugin];
    const inside = ['nsenter', `--target=${broker}`, '--user', '--mount', '--preserve-credentials', '--'];
    assert.deepEqual(attempt(inside, args), {
      file: 'ENOENT',
      terminal: 'ENOENT',
      environment: 'EACCES',
      descriptor: 'EACCES',
      root: 'EACCES',
      duplicate: 'EPERM',
      memory: 'EPERM',
      plugin: 'ok',
    });
    for (const mount of readFileSync(`/proc/${broker}/mountinfo`, 'utf8').split('\n').filter(Boolean))
      assert.match(mount, /^(?:\S+ ){5}ro,nosuid,nodev\b/);
    const outside = attempt([], args);
    for (const [name, outcome] of Object.entries(outside))
      if (!(hasYama() && ['duplicate', 'memory'].includes(name)))
        assert.equal(outcome, 'ok', `${name} is refused to each program of the user`);
  } finally {
    other.kill('SIGKILL');
    child.stdin?.end();
    await result;
  }
});
