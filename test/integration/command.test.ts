// The shell script at the head of the command: the variables that it hides from Node, and its messages.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { nodeOf } from '../harness/nodes.js';
import { postern } from '../harness/postern.js';
import { distFor, readableFile, readableFolder, users } from '../harness/users.js';

const top = join(distFor('root'), '..');

test('the variables that Node documents are kept from it', () => {
  const script = readFileSync(join(top, 'deploy/command.sh'), 'utf8');
  for (const node of [process.execPath, nodeOf(20), nodeOf(24)]) {
    const { stdout } = spawnSync(node, ['--help'], { encoding: 'utf8' });
    const names = [...stdout.matchAll(/^(NODE_[A-Z0-9_]+)/gm)].map(([, name = '']) => name);
    assert.ok(names.length > 5);
    assert.deepEqual(
      names.filter((name) => !new RegExp(`\\b${name}\\b`).test(script)),
      [],
    );
  }
});

test('without Node the command prints an error', () => {
  const env = { PATH: join(readableFolder(), 'nothing') };
  const { status, stderr } = spawnSync(join(top, 'dist/run/postern.js'), ['--version'], {
    env,
    encoding: 'utf8',
  });
  assert.deepEqual(
    { status, stderr },
    { status: 125, stderr: 'postern: No node in PATH; install Node 20 or newer\n' },
  );
});

test('a Node that is too old is refused with the fix', () => {
  const old = nodeOf(18);
  const env = { PATH: `${dirname(old)}:/usr/bin:/bin` };
  const { status, stderr } = spawnSync(join(top, 'dist/run/postern.js'), ['run', '--', 'true'], {
    env,
    encoding: 'utf8',
  });
  assert.match(stderr, /^postern: Node 18\.\S+ \(\S+\) is too old; install Node 20 or newer\n$/);
  assert.equal(status, 125);
});

// proves: debugger: the shell ignores SIGUSR1 until Node blocks it
test('SIGUSR1 is ignored from the shell on until Node blocks it', () => {
  // A program in Node's place, which prints how it was started.
  const folder = dirname(readableFile('node', '#!/bin/sh\ngrep ^SigIgn /proc/self/status\n'));
  const env = { PATH: `${folder}:/usr/bin:/bin` };
  const { stdout } = spawnSync(join(top, 'dist/run/postern.js'), [], { env, encoding: 'utf8' });
  assert.equal(stdout, 'SigIgn:\t0000000000000200\n');
});

for (const user of users)
  test(`with any number of descriptors a program runs, or one line names the limit (${user})`, async () => {
    const statuses = new Set<number | null>();
    const all = [12, 16, 22, 40, 63, 64, 70, 76, 78, 80, 82, 84, 86, 88, 90, 92, 150, 200];
    for (const descriptors of all.filter((_, turn) => userInTurn(turn).includes(user))) {
      const { status, stdout, stderr } = await postern(['run', '--', 'echo', 'ran'], {
        as: user,
        asCommand: true,
        shell: `ulimit -n ${descriptors}; exec "$@"`,
      });
      statuses.add(status);
      if (status === 0) assert.deepEqual([stdout, stderr], ['ran\n', '']);
      else
        assert.match(
          stderr,
          new RegExp(
            `^postern: Cannot start.*: postern may open no more than ${descriptors} descriptors.*; raise the limit: .*\n$`,
          ),
        );
    }
    assert.deepEqual(statuses, new Set([125, 0]));
  });

test('the command says that too few processes may start, instead of waiting for good', async () => {
  for (const processes of [1, 6, 12]) {
    const { status, stdout, stderr } = await postern(['run', '--', 'true'], {
      as: 'user',
      asCommand: true,
      shell: `ulimit -u ${processes}; exec "$@"`,
      timeoutMs: 30_000,
    });
    assert.equal(status, 125, stderr);
    assert.equal(stdout, '');
    assert.match(
      stderr,
      /^postern: Cannot start: fewer than 48 further .* may start; raise the limit: "ulimit -u", .*\n$/,
    );
  }
});

const groups = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup'].find((path) =>
  existsSync(join(path, 'cgroup.procs')),
);
const noGroups =
  process.geteuid?.() === 0 && groups !== undefined
    ? false
    : 'only root makes control groups, and only where they are mounted';

test('the command says so too where a control group leaves too few processes', {
  skip: noGroups,
}, async (t) => {
  const group = join(groups ?? '', `postern-test-${process.pid}`);
  mkdirSync(group);
  t.after(() => rmdirSync(group));
  const shell = `echo $$ >${group}/cgroup.procs; exec "$@"`;
  for (const [most, status] of [
    [30, 125],
    [200, 0],
  ]) {
    writeFileSync(join(group, 'pids.max'), `${most}`);
    const ran = await postern(['run', '--', 'true'], { as: 'root', asCommand: true, shell });
    assert.equal(ran.status, status, ran.stderr);
    assert.match(
      ran.stderr,
      status === 0 ? /^$/ : /^postern: Cannot start: fewer than 48 further .* pids limit of a container\n$/,
    );
  }
});
