// proves: G14
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser, inTurn } from '../harness/asked.js';
import { listen } from '../harness/listener.js';
import { PATIENCE } from '../harness/patience.js';
import { postern, startPostern } from '../harness/postern.js';
import { childrenOf, ofThreads } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { readableFile, readableFolder, users } from '../harness/users.js';

for (const user of anyUser) {
  test(`the plugin's exit status passes through, and a signal is 128 and its number (${user})`, async () => {
    assert.equal((await postern(['run', '--', 'sh', '-c', 'exit 7'], { as: user })).status, 7);
    assert.equal((await postern(['run', '--', 'sh', '-c', 'kill -9 $$'], { as: user })).status, 137);
  });

  test(`a command that is not found is 127, one that cannot run 126, each with one line (${user})`, async () => {
    const absent = await postern(['run', '--', 'no-such-program'], { as: user });
    assert.equal(absent.status, 127);
    assert.match(
      absent.stderr,
      /^postern: Command "no-such-program" not found in PATH ".*"; .*--visible.*\n$/,
    );
    const folder = await postern(['run', '--', '/usr'], { as: user });
    assert.equal(folder.status, 126);
    assert.match(folder.stderr, /^postern: Cannot run "\/usr": it is a directory\n$/);
  });

  test(`stdin, stdout and stderr pass through, whole (${user})`, async () => {
    const text = 'x'.repeat(3_000_000);
    const { status, stdout, stderr } = await postern(['run', '--', 'sh', '-c', 'cat; echo done >&2'], {
      as: user,
      input: text,
    });
    assert.equal(status, 0);
    assert.equal(stdout.length, text.length);
    assert.equal(stderr, 'done\n');
  });

  // proves: a regular file as a standard stream is relayed
  test(`regular files as streams are relayed, and are no way to the files (${user})`, async () => {
    const input = readableFile('input', 'from a file\n'.repeat(100_000));
    const output = readableFile('output', '');
    const stdio = [openSync(input, 'r'), openSync(output, 'a'), 'pipe'] as const;
    const script = 'cat; for fd in 0 1; do echo "$(readlink /proc/$$/fd/$fd)" >&2; done; true';
    const { result } = startPostern(['run', '--', 'sh', '-c', script], { as: user, stdio: [...stdio] });
    const { status, stderr } = await result;
    for (const fd of [stdio[0], stdio[1]]) closeSync(fd);
    assert.equal(status, 0);
    assert.equal(readFileSync(output, 'utf8'), readFileSync(input, 'utf8'));
    assert.match(stderr, /^pipe:\[\d+\]\npipe:\[\d+\]\n$/);
  });

  test(`what a program does not read of a file on stdin is there for who reads on (${user})`, async () => {
    const lines = Array.from({ length: 200_000 }, (_, index) => `${index}\n`);
    const shell = `exec <${readableFile('lines', lines.join(''))}; "$@"; "$@" && sha256sum >&2`;
    const words = ['run', '--', 'sh', '-c', 'read -r first; echo "$first"'];
    const { stdout, stderr } = await postern(words, { as: user, shell });
    const rest = createHash('sha256').update(lines.slice(2).join('')).digest('hex');
    assert.deepEqual([stdout, stderr], ['0\n1\n', `${rest}  -\n`]);
  });

  test(`a program that writes into its own stdin moves no file back (${user})`, async () => {
    const shell = `exec <${readableFile('lines', '0\n1\n2\n')}; read -r first; "$@"; read -r next; echo "$next" >&2`;
    const words = ['run', '--', 'sh', '-c', 'printf ab >/proc/self/fd/0'];
    const { stderr } = await postern(words, { as: user, shell });
    assert.match(stderr, /^1$/m);
  });

  test(`stdout and stderr that are one file keep their order (${user})`, async () => {
    const output = readableFile('output', '');
    const words = 'for i in $(seq 100); do echo out $i; echo err $i >&2; done';
    const shell = `"$@" >>${output} 2>&1`;
    chmodSync(output, 0o666);
    const { status } = await postern(['run', '--', 'sh', '-c', words], { as: user, shell });
    assert.equal(status, 0);
    const both = Array.from({ length: 100 }, (_, index) => `out ${index + 1}\nerr ${index + 1}\n`);
    assert.equal(readFileSync(output, 'utf8'), both.join(''));
  });

  test(`a device as stdout is relayed, and output that cannot be written gives an error and 125 (${user})`, async () => {
    const to = async (device: string): Promise<Awaited<ReturnType<typeof postern>>> => {
      const stdio = [openSync('/dev/zero', 'r'), openSync(device, 'w'), 'pipe'] as const;
      const script =
        'head -c 3 | od -An -c; for fd in 0 1; do echo "$(readlink /proc/$$/fd/$fd)" >&2; done; true';
      const { result } = startPostern(['run', '--', 'sh', '-c', script], { as: user, stdio: [...stdio] });
      for (const fd of [stdio[0], stdio[1]]) closeSync(fd);
      return result;
    };
    const zero = await to('/dev/zero');
    assert.equal(zero.status, 0);
    assert.match(zero.stderr, /^pipe:\[\d+\]\npipe:\[\d+\]\n$/);
    const full = await to('/dev/full');
    assert.equal(full.status, 125);
    assert.match(full.stderr, /^postern: Cannot write what the plugin wrote to stdout: ENOSPC$/m);
  });

  // proves: an inet socket as a standard stream refuses the start
  test(`a standard stream that is an inet socket refuses the start (${user})`, async () => {
    const server = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const shell = `exec "$@" <>/dev/tcp/127.0.0.1/${port}`;
    const { status, stderr } = await postern(['run', '--', 'true'], { as: user, shell });
    server.close();
    assert.equal(status, 125);
    assert.match(stderr, /^postern: Cannot pass stdin to the plugin: it is a socket/);
  });

  // proves: a listening socket as a standard stream refuses the start
  test(`a standard stream that is a listening socket refuses the start (${user})`, async () => {
    const listener = readableFile(
      'listener.py',
      'import os, socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.bind("\\0postern-test-%d" % os.getpid())\ns.listen()\nos.dup2(s.fileno(), 0)\nos.execvp(sys.argv[1], sys.argv[1:])\n',
    );
    const through = ['/usr/bin/python3', listener];
    const { status, stderr } = await postern(['run', '--', 'true'], { as: user, through });
    assert.equal(status, 125);
    assert.match(stderr, /^postern: Cannot pass stdin to the plugin: it is a socket/);
  });

  test(`the flags of shared pipes do not change, and nothing is lost in them (${user})`, async () => {
    const driver = readableFile('streams.py', readFileSync(new URL('./streams.py', import.meta.url), 'utf8'));
    const { stdout } = await postern([], { as: user, through: ['/usr/bin/python3', driver] });
    assert.equal(stdout, '[0, 0, 0] 3000000 3000000 0\n');
  });
}

for (const user of users)
  test(`an environment as large as the kernel permits arrives whole (${user})`, async () => {
    // execve(2): 128 KiB a string, and 2 MiB in all where the stack may have 8 MiB.
    const names = Array.from({ length: 20 }, (_, index) => `LARGE_${index}`);
    const env = {
      PATH: '/usr/bin:/bin',
      ...Object.fromEntries(names.map((name) => [name, 'x'.repeat(100_000)])),
    };
    const words = [
      'run',
      ...names.flatMap((name) => ['--env', name]),
      '--',
      'sh',
      '-c',
      'env | grep -c "^LARGE_"',
    ];
    const { stdout, stderr } = await postern(words, { as: user, env });
    assert.equal(stdout, '20\n', stderr);
  });

test('an empty path, as of a variable that is not set, is refused', async () => {
  for (const option of ['--visible', '--writable', '--hidden', '--home', '--cwd']) {
    const { status, stderr } = await postern(['run', option, '', '--', 'true'], { as: 'user' });
    assert.equal(stderr, `postern: Not a path: ${option} ""; write ${option} PATH\n`);
    assert.equal(status, 125);
  }
});

for (const user of users) {
  test(`a file may be writable, and a folder read-only within a writable one (${user})`, async () => {
    const folder = readableFolder();
    chmodSync(folder, 0o777);
    writeFileSync(join(folder, 'file'), '');
    chmodSync(join(folder, 'file'), 0o666);
    mkdirSync(join(folder, 'inner'));
    chmodSync(join(folder, 'inner'), 0o777);
    const script = `echo a >${folder}/file; echo b >${folder}/inner/b; true`;
    await postern(['run', '--writable', join(folder, 'file'), '--', 'sh', '-c', script], { as: user });
    assert.equal(readFileSync(join(folder, 'file'), 'utf8'), 'a\n');
    const args = ['--writable', folder, '--visible', join(folder, 'inner')];
    await postern(['run', ...args, '--', 'sh', '-c', `${script}; echo c >${folder}/c`], { as: user });
    assert.ok(existsSync(join(folder, 'c')));
    assert.ok(!existsSync(join(folder, 'inner', 'b')));
  });

  if (inTurn(user, 0))
    test(`a command behind a chain of links is found, as version managers make it (${user})`, async () => {
      const folder = readableFolder();
      mkdirSync(join(folder, 'versions/v1/bin'), { recursive: true });
      mkdirSync(join(folder, 'shims/bin'), { recursive: true });
      writeFileSync(join(folder, 'versions/v1/bin/tool'), '#!/bin/sh\necho found\n', { mode: 0o755 });
      symlinkSync('v1', join(folder, 'versions/current'));
      symlinkSync('../../versions/current/bin/tool', join(folder, 'shims/bin/tool'));
      const env = { PATH: `${join(folder, 'shims/bin')}:/usr/bin:/bin`, HOME: '/nonexistent' };
      const { stdout, stderr } = await postern(['run', '--', 'tool'], { as: user, env });
      assert.equal(stdout, 'found\n', stderr);
    });

  if (inTurn(user, 1))
    test(`a command behind its own link, and behind one of /etc/alternatives, is found at the link's target (${user})`, async () => {
      const folder = readableFolder();
      mkdirSync(join(folder, 'app/lib'), { recursive: true });
      copyFileSync('/usr/bin/readlink', join(folder, 'app/lib/self'));
      symlinkSync('app/lib/self', join(folder, 'tool'));
      const self = async (command: string): Promise<string> => {
        const { stdout, stderr } = await postern(['run', '--', command, '/proc/self/exe'], { as: user });
        return stdout + stderr;
      };
      assert.equal(await self(join(folder, 'tool')), `${join(folder, 'app/lib/self')}\n`);
      // On every Debian awk(1) is such a program.
      const script = 'BEGIN { "readlink /proc/$PPID/exe" | getline path; print path }';
      const { stdout, stderr } = await postern(['run', '--', 'awk', script], { as: user });
      assert.equal(stdout, `${realpathSync('/usr/bin/awk')}\n`, stderr);
    });

  test(`/dev/stdin, /dev/stdout and /dev/stderr open the plugin's pipes again (${user})`, async () => {
    const script =
      '"$@" run -- sh -c "cat /dev/stdin >/dev/stdout; echo err >/dev/stderr" 2>&1 </etc/hostname | cat';
    const { stdout } = await postern([], {
      as: user,
      shell: script.replace('"$@" run', 'exec 3>&1; "$@" run'),
    });
    assert.match(stdout, /^\S+\nerr\n$/);
  });
}

for (const user of anyUser) {
  test(`a missing working directory refuses the start (${user})`, async () => {
    const { status, stderr } = await postern(['run', '--cwd', '/nonexistent', '--', 'true'], { as: user });
    assert.equal(status, 125);
    assert.match(stderr, /^postern: Cannot start in "\/nonexistent"/);
  });

  test(`a plugin that stops itself without a terminal does not stop postern (${user})`, async () => {
    const { child, result } = startPostern(['run', '--', 'sh', '-c', 'echo up; kill -STOP $$'], { as: user });
    const isStopped = (pid: number): boolean =>
      ofThreads(pid, 'status').some((status) => /^State:\s+T/m.test(status));
    await until(() => childrenOf(child.pid ?? 0).some(isStopped) || undefined);
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGHUP'), 1300).unref();
    const { status } = await result;
    assert.equal(
      status,
      128 + 9,
      'killed at the end of the time limit, since a stopped process takes no SIGTERM',
    );
  });

  // proves: the environment is an allowlist
  test(`the environment is an allowlist (${user})`, async () => {
    const env = {
      PATH: '/usr/bin:/bin',
      SECRET: 'hush',
      LANG: 'C.UTF-8',
      LC_ALL: 'C',
      NODE_OPTIONS: '--no-warnings',
      KEPT: 'yes',
    };
    const { stdout, stderr } = await postern(
      ['run', '--env', 'KEPT', '--env', 'SET=a=b', '--env', 'MISSING', '--', 'env'],
      { as: user, env },
    );
    assert.equal(
      stderr,
      'postern: --env MISSING passes nothing on: the variable is not set here; write --env MISSING=VALUE to set it\n',
    );
    const lines = stdout.trim().split('\n').sort();
    assert.deepEqual(lines, [
      'HOME=/home/plugin',
      'KEPT=yes',
      'LANG=C.UTF-8',
      'LC_ALL=C',
      'PATH=/usr/bin:/bin',
      'POSTERN_REPLY_FD=4',
      'POSTERN_REQUEST_FD=3',
      'SET=a=b',
      'TMPDIR=/tmp',
      'npm_config_fetch_retries=0',
    ]);
  });
}

for (const user of users) {
  test(`a plugin sees the system, the working directory and its own folders, and no more (${user})`, async () => {
    const folder = readableFolder();
    writeFileSync(join(folder, 'seen'), 'seen\n');
    mkdirSync(join(folder, 'work'), { mode: 0o777 });
    const script = `
      cat seen; touch new 2>/dev/null && echo WROTE; touch work/new 2>/dev/null && echo WROTE
      cat /etc/shadow 2>/dev/null && echo SHADOW; ls -A /root "$HOME"/.. 2>/dev/null; ls /sys 2>/dev/null && echo SYS
      touch /usr/x 2>/dev/null && echo WROTE; touch /etc/x 2>/dev/null && echo WROTE; touch /x 2>/dev/null && echo WROTE
      for own in /tmp "$HOME" /var/tmp /run /dev/shm; do echo a >"$own/a" && cat "$own/a"; done
      mknod /tmp/device c 1 3 2>/dev/null && echo DEVICE; pwd`;
    const { status, stdout, stderr } = await postern(['run', '--cwd', folder, '--', 'sh', '-c', script], {
      as: user,
    });
    assert.equal(status, 0, stderr);
    assert.equal(stdout, `seen\n/home/plugin/..:\nplugin\na\na\na\na\na\n${folder}\n`);
  });

  test(`--visible shows a path, --writable makes it writable, and nothing else of its folder shows (${user})`, async () => {
    const folder = readableFolder();
    writeFileSync(join(folder, 'a'), 'a\n');
    writeFileSync(join(folder, 'b'), 'b\n');
    const script = `cat ${folder}/a; cat ${folder}/b 2>/dev/null; echo more >>${folder}/a; true`;
    const { stdout, stderr } = await postern(
      ['run', '--visible', join(folder, 'a'), '--', 'sh', '-c', script],
      { as: user },
    );
    assert.equal(stdout, 'a\n');
    assert.match(stderr, /Read-only file system|Permission denied/);
    assert.equal(readFileSync(join(folder, 'a'), 'utf8'), 'a\n');
  });

  if (inTurn(user, 2))
    test(`a relative command from a folder that is not shown is 127 and names --visible (${user})`, async () => {
      const home = readableFolder();
      const env = { PATH: '/usr/bin:/bin', HOME: home };
      const { status, stderr } = await postern(['run', '--', './tool'], { as: user, env, cwd: home });
      assert.equal(status, 127);
      assert.match(stderr, /^postern: Cannot run ".\/tool": .*--visible/);
    });

  if (inTurn(user, 3))
    test(`SIGTERM reaches the plugin, which may end by itself (${user})`, async () => {
      const script = 'trap "echo stopping; exit 5" TERM; echo up; while :; do sleep 0.05; done';
      const { child, result } = startPostern(['run', '--', 'sh', '-c', script], { as: user });
      child.stdout?.once('data', () => child.kill('SIGTERM'));
      const { status, stdout } = await result;
      assert.equal(stdout, 'up\nstopping\n');
      assert.equal(status, 5);
    });
}

for (const user of anyUser) {
  test(`other signals pass through once (${user})`, async () => {
    const script = `
      trap 'echo HUP' HUP; trap 'echo INT' INT; trap 'echo USR1' USR1; trap 'echo USR2' USR2; trap 'exit 0' QUIT
      echo up; while :; do sleep 0.02; done`;
    const { child, result, stdout: seen } = startPostern(['run', '--', 'sh', '-c', script], { as: user });
    await until(() => seen().includes('up') || undefined);
    for (const signal of ['HUP', 'INT', 'USR1', 'USR2'] as const) {
      child.kill(`SIG${signal}`);
      await until(() => seen().includes(signal) || undefined);
    }
    child.kill('SIGQUIT');
    const { status, stdout } = await result;
    assert.equal(status, 0);
    assert.equal(stdout, 'up\nHUP\nINT\nUSR1\nUSR2\n');
  });

  test(`Ctrl-C at a terminal reaches the plugin once, and reading from the terminal works (${user})`, async () => {
    const terminal = readFileSync(new URL('./terminal.py', import.meta.url), 'utf8');
    const driver = readableFile('terminal.py', terminal);
    const { status, stdout, stderr } = await postern([], { as: user, through: ['/usr/bin/python3', driver] });
    assert.equal(status, 0, `${stdout}${stderr}`);
  });

  test(`Ctrl-Z during a start delays it no longer than the stop lasts (${user})`, async () => {
    const stops = readFileSync(new URL('./stops-at-start.py', import.meta.url), 'utf8');
    const driver = readableFile('stops-at-start.py', stops);
    const { status, stdout, stderr } = await postern([], { as: user, through: ['/usr/bin/python3', driver] });
    assert.equal(status, 0, `${stdout}${stderr}`);
  });

  test(`a program that looks for a service of the host on its own loopback gets one line with the rule that opens it (${user})`, async (t) => {
    const service = await listen((socket) => socket.end('here'));
    t.after(() => service.close());
    const { port } = service;
    const script = [
      'import socket, sys',
      'for _ in range(3):',
      `    try: print(socket.create_connection(("127.0.0.1", ${port})).recv(4).decode())`,
      '    except OSError as error: print(error)',
    ].join('\n');
    const words = ['--', '/usr/bin/python3', '-c', script];
    const without = await postern(['run', ...words], { as: user });
    assert.equal(without.stdout, '[Errno 111] Connection refused\n'.repeat(3));
    assert.equal(
      without.stderr,
      `postern: Nothing listens at "127.0.0.1:${port}" inside the sandbox: its loopback is not the host's; to allow the host's: --allow '127.0.0.1:${port}'\n`,
    );
    const allowed = await postern(['run', '--allow', `127.0.0.1:${port}`, ...words], { as: user });
    assert.deepEqual([allowed.stdout, allowed.stderr], ['here\n'.repeat(3), '']);
  });

  test(`a program that waits for its own server gets no such line (${user})`, async () => {
    const script = [
      'import socket, threading, time',
      'own = socket.socket()',
      'own.bind(("127.0.0.1", 0))',
      'threading.Timer(0.2, own.listen).start()',
      'while True:',
      '    try: socket.create_connection(own.getsockname()); break',
      '    except OSError: time.sleep(0.05)',
      'time.sleep(2)',
    ].join('\n');
    const { status, stderr } = await postern(['run', '--', '/usr/bin/python3', '-c', script], { as: user });
    assert.deepEqual([status, stderr], [0, '']);
  });

  test(`a bad rule, a bad address and bad usage are 125 with one line, and start nothing (${user})`, async () => {
    for (const args of [
      ['--allow', 'https://example.com'],
      ['--allow', '*.com'],
      ['--metrics', 'nonsense'],
      ['--audit', '/nonexistent/audit'],
      ['--name', 'Not A Name'],
      ['--no-such-option'],
    ]) {
      const { status, stdout, stderr } = await postern(['run', ...args, '--', 'echo', 'started'], {
        as: user,
      });
      assert.equal(status, 125, args.join(' '));
      assert.equal(stdout, '');
      assert.match(stderr, /^postern: .+\n/);
    }
  });

  // proves: a program begins when its rules are in force, and not before
  test(`a busy port for metrics is 125, names the port, and starts nothing (${user})`, async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const { status, stdout, stderr } = await postern(
      ['run', '--metrics', `127.0.0.1:${port}`, '--', 'echo', 'started'],
      { as: user },
    );
    server.close();
    assert.equal(status, 125);
    assert.equal(stdout, '');
    assert.match(
      stderr,
      new RegExp(`^postern: Cannot serve metrics on "127.0.0.1:${port}": EADDRINUSE; .*\\n$`),
    );
  });
}

test('a plugin that ignores SIGTERM is killed within the time limit', async () => {
  const [user = 'user'] = users;
  const script = 'trap "" TERM; echo up; while :; do sleep 0.1; done';
  const { child, result } = startPostern(['run', '--', 'sh', '-c', script], { as: user });
  let asked = 0;
  child.stdout?.once('data', () => {
    asked = Date.now();
    child.kill('SIGTERM');
  });
  const { status } = await result;
  assert.equal(status, 128 + 9);
  const took = Date.now() - asked;
  assert.ok(took > 9_000 && took < 10_000 + 5_000 * PATIENCE, `${took} ms`);
});

test('root may run from a folder that only root may enter', async (t) => {
  if (!users.includes('root')) return t.skip('needs root');
  const folder = readableFolder();
  const closed = join(folder, 'closed');
  mkdirSync(join(closed, 'work'), { recursive: true });
  writeFileSync(join(closed, 'work', 'tool'), '#!/bin/sh\necho ran\n', { mode: 0o755 });
  chmodSync(closed, 0o700);
  const { status, stdout, stderr } = await postern(['run', '--', './tool'], {
    as: 'root',
    cwd: join(closed, 'work'),
  });
  rmSync(closed, { recursive: true });
  assert.equal(status, 0, stderr);
  assert.equal(stdout, 'ran\n');
});
