// Signals that are ignored when postern is started, for example under nohup(1), and signals that arrive while it runs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import { copyPrograms } from '../harness/copy-programs.js';
import { ownFolder } from '../harness/own-folder.js';
import { postern, type RunningPostern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { distFor, readableFolder, type User } from '../harness/users.js';

/** Python itself ignores SIGPIPE and SIGXFSZ, and a shell takes SIGCHLD for itself. 40 stands for the real-time signals. */
const ASK = `import signal
asked = [1, 2, 3, 10, 12, 14, 15, 20, 28, 40]
print('ignored:', [s for s in asked if signal.getsignal(s) == signal.SIG_IGN], flush=True)`;
const STARTS = [
  { how: 'none is ignored', shell: 'exec "$@"', ignored: '[]' },
  { how: 'by nohup', shell: 'exec nohup "$@"', ignored: '[1]' },
  { how: "after trap '' INT QUIT", shell: `trap '' INT QUIT; exec "$@"`, ignored: '[2, 3]' },
  {
    how: "after trap '' of many",
    shell: `trap '' USR1 USR2 ALRM TERM TSTP WINCH 40; exec "$@"`,
    ignored: '[10, 12, 14, 15, 20, 28, 40]',
  },
] as const;
const END = 'read -r line; echo "$line"';

function configured(command: readonly string[]): string {
  const path = join(readableFolder(), 'postern.yaml');
  writeFileSync(path, `plugins: {one: {command: ${JSON.stringify(command)}}}\n`);
  return path;
}

for (const [turn, { how, shell, ignored }] of STARTS.entries()) {
  for (const user of userInTurn(turn)) {
    test(`a plugin of run finds the signals ignored that were ignored at the start: ${how} (${user})`, async () => {
      const words = ['run', '--', 'python3', '-c', ASK];
      const { status, stdout, stderr } = await postern(words, { as: user, asCommand: true, shell });
      assert.deepEqual(
        { status, stdout, stderr },
        { status: 0, stdout: `ignored: ${ignored}\n`, stderr: '' },
      );
    });

    test(`a plugin of up finds the signals ignored that were ignored at the start: ${how} (${user})`, async () => {
      const words = ['up', '--config', configured(['python3', '-c', ASK])];
      const { status, stdout } = await postern(words, { as: user, asCommand: true, shell });
      assert.deepEqual({ status, stdout }, { status: 0, stdout: `one | ignored: ${ignored}\n` });
    });
  }
}

for (const user of anyUser) {
  test(`run by nohup goes on after SIGHUP, and so does its plugin (${user})`, async () => {
    const options = { as: user, asCommand: true, shell: 'exec nohup "$@"', keepInput: true } as const;
    const { child, result } = startPostern(['run', '--', 'sh', '-c', `echo up; ${END}`], options);
    child.stdout?.once('data', () => {
      child.kill('SIGHUP');
      child.stdin?.end('went on\n');
    });
    const { status, signal, stdout } = await result;
    assert.deepEqual({ status, signal, stdout }, { status: 0, signal: null, stdout: 'up\nwent on\n' });
  });

  test(`run without nohup passes SIGHUP to its plugin, which it ends (${user})`, async () => {
    const options = { as: user, asCommand: true, keepInput: true } as const;
    const { child, result } = startPostern(['run', '--', 'sh', '-c', `echo up; ${END}`], options);
    child.stdout?.once('data', () => child.kill('SIGHUP'));
    assert.equal((await result).status, 129);
    child.stdin?.destroy();
  });

  test(`a plugin can handle a signal that was ignored at the start (${user})`, async () => {
    const script = `import os, signal
signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'taken\\n'), os._exit(3)))
os.write(1, b'up\\n')
signal.pause()`;
    const options = { as: user, asCommand: true, shell: `trap '' TERM; exec "$@"` } as const;
    const { child, result } = startPostern(['run', '--', 'python3', '-c', script], options);
    child.stdout?.once('data', () => child.kill('SIGTERM'));
    const { status, stdout } = await result;
    assert.deepEqual({ status, stdout }, { status: 3, stdout: 'up\ntaken\n' });
  });

  test(`up by nohup goes on after SIGHUP, SIGUSR1 and SIGUSR2, and ends at SIGTERM (${user})`, async (t) => {
    const folder = readableFolder();
    const config = configured(['sh', '-c', 'echo up; while :; do echo tick; sleep 0.05; done']);
    const options = { as: user, asCommand: true, shell: 'exec nohup "$@"', cwd: folder } as const;
    const { child, result, stdout: said } = startPostern(['up', '--config', config], options);
    t.after(() => child.kill('SIGKILL'));
    await until(() => said().includes('up') || undefined);
    for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
      child.kill(signal);
      const before = said().length;
      await until(() => said().length > before + 'one | tick\n'.length || undefined);
    }
    child.kill('SIGTERM');
    const { status, signal } = await result;
    assert.deepEqual({ status, signal }, { status: 0, signal: null });
  });

  test(`variables for Node reach the plugin by --env, and no POSTERN_ variable does (${user})`, async () => {
    const names = ['NODE_OPTIONS', 'NODE_PATH', 'NODE_V8_COVERAGE', 'NODE_EXTRA_CA_CERTS'];
    const env = {
      PATH: '/usr/bin:/bin',
      ...Object.fromEntries(names.map((name) => [name, `a "$value" of\n${name}`])),
    };
    const words = ['run', ...names.flatMap((name) => ['--env', name]), '--', 'env', '-0'];
    const { stdout, stderr } = await postern(words, { as: user, asCommand: true, env });
    assert.equal(stderr, '');
    const entries = stdout.split('\0');
    for (const name of names) assert.ok(entries.includes(`${name}=${env[name as 'PATH']}`), stdout);
    const ours = entries.filter((entry) => entry.startsWith('POSTERN_')).map((entry) => entry.split('=')[0]);
    assert.deepEqual(ours.sort(), ['POSTERN_REPLY_FD', 'POSTERN_REQUEST_FD']);
  });
}

interface HeldUp extends RunningPostern {
  readonly config: string;
  readonly control: string;
  /** Lets it go on. */
  readonly release: () => void;
}

/** An `up` that waits for one of its programs: a pipe has the program's place. */
async function heldUp(t: TestContext, user: User, program: string): Promise<HeldUp> {
  const dist = copyPrograms();
  const pipe = join(dist, 'run', program);
  const moved = `${pipe}.moved`;
  renameSync(pipe, moved);
  assert.equal(spawnSync('mkfifo', ['--mode=644', pipe]).status, 0);
  const config = configured(['sh', '-c', 'echo first; exec sleep 1000']);
  const control = join(ownFolder(user), 'c.sock');
  const words = ['up', '--config', config, '--control', control];
  const running = startPostern(words, { as: user, asCommand: true, dist });
  t.after(() => running.child.kill('SIGKILL'));
  const opened = await until(() => {
    try {
      return openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch {
      return undefined; // Nobody reads it yet.
    }
  }, 30_000);
  const release = (): void => {
    spawnSync('sh', ['-c', 'cat "$1" >"$2"', 'sh', moved, pipe], { timeout: 20_000 });
    closeSync(opened);
  };
  return { ...running, config, control, release };
}

for (const user of userInTurn(1)) {
  test(`a SIGHUP that comes before Node runs the code of up changes nothing (${user})`, async () => {
    const folder = readableFolder();
    const hungUp = `#!/bin/sh\nkill -HUP $$\nexec '${process.execPath}' "$@"\n`;
    writeFileSync(join(folder, 'node'), hungUp, { mode: 0o755 });
    const shell = `export PATH='${folder}':"$PATH"; exec "$@"`;
    const words = ['up', '--config', configured(['echo', 'ran'])];
    const { status, signal, stdout } = await postern(words, { as: user, asCommand: true, shell });
    assert.deepEqual({ status, signal, stdout }, { status: 0, signal: null, stdout: 'one | ran\n' });
  });

  test(`a SIGHUP that comes while Node starts ends up by that signal, and both units start it again (${user})`, async () => {
    const folder = readableFolder();
    // Node has reset the signals, and the first module of up has not run.
    writeFileSync(join(folder, 'hung-up.cjs'), "process.kill(process.pid, 'SIGHUP');\n");
    const hungUp = `#!/bin/sh\nexec '${process.execPath}' --require='${folder}/hung-up.cjs' "$@"\n`;
    writeFileSync(join(folder, 'node'), hungUp, { mode: 0o755 });
    const shell = `export PATH='${folder}':"$PATH"; exec "$@"`;
    const words = ['up', '--config', configured(['echo', 'ran'])];
    const { status, signal, stdout, stderr } = await postern(words, { as: user, asCommand: true, shell });
    assert.deepEqual(
      { status, signal, stdout, stderr },
      { status: null, signal: 'SIGHUP', stdout: '', stderr: '' },
    );
    // systemd takes this end for a good one, so `Restart=on-failure` does not do it.
    for (const name of ['postern.service', 'postern@.service']) {
      const unit = readFileSync(join(distFor('root'), '../deploy/systemd', name), 'utf8');
      const [, restarts = ''] = /^RestartForceExitStatus=(.*)$/m.exec(unit) ?? [];
      assert.ok(restarts.split(' ').includes('SIGHUP'), name);
    }
  });

  test(`a SIGHUP that comes before the program of up is loaded changes nothing (${user})`, async (t) => {
    const up = await heldUp(t, user, 'postern-main.cjs');
    up.child.kill('SIGHUP');
    up.release();
    await until(() => up.said().includes('one | first') || undefined, 30_000);
    up.child.kill('SIGTERM');
    const { status, signal, stderr } = await up.result;
    assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr);
  });
}

for (const user of userInTurn(0)) {
  test(`a SIGHUP that comes once up has read its file has it read again when the plugins are started (${user})`, async (t) => {
    const up = await heldUp(t, user, 'yaml.cjs');
    renameSync(configured(['sh', '-c', 'echo second; exec sleep 1000']), up.config);
    up.child.kill('SIGHUP');
    up.release();
    await until(() => up.said().includes('restarted: one') || undefined, 30_000);
    await until(() => up.said().includes('one | second') || undefined, 30_000);
    up.child.kill('SIGTERM');
    const { status, signal, stderr } = await up.result;
    assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr);
  });
}

for (const [turn, name] of (['SIGTERM', 'SIGINT'] as const).entries()) {
  for (const user of userInTurn(turn)) {
    test(`a ${name} that comes while up reads its file ends it before it opens anything (${user})`, async (t) => {
      const up = await heldUp(t, user, 'yaml.cjs');
      up.child.kill(name);
      up.release();
      const { status, signal, stdout, stderr } = await up.result;
      assert.deepEqual(
        { status, signal, stdout, stderr },
        { status: 0, signal: null, stdout: '', stderr: '' },
      );
      assert.ok(!existsSync(up.control));
    });
  }
}
