import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { freePort } from '../harness/free-port.js';
import { listen } from '../harness/listener.js';
import { postern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { readableFile, readableFolder, users } from '../harness/users.js';

const NGINX = '/usr/sbin/nginx';
const parent = readableFolder();
const SERVER = readFileSync(new URL('./activated.py', import.meta.url), 'utf8');

/** Everything that the server at an address sends, or the errno's name. */
function ask(address: string): Promise<string> {
  const [, host = '', port] = /^\[?([^\]/]*?)\]?:(\d+)$/.exec(address) ?? [];
  const caller = port === undefined ? connect(address) : connect(Number(port), host);
  let heard = '';
  caller.on('data', (bytes: Buffer) => {
    heard += bytes.toString('latin1');
  });
  return new Promise((resolve) => {
    caller.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    caller.once('close', () => resolve(heard));
  });
}

function fetchText(url: string): Promise<{ readonly status: number | undefined; readonly body: string }> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.once('end', () => resolve({ status: response.statusCode, body }));
    }).once('error', reject);
  });
}

/** A folder that every user may write to, and that no plugin sees. */
function openFolder(): string {
  const folder = mkdtempSync(join(parent, 'open-'));
  chmodSync(folder, 0o777);
  return folder;
}

const nginxConfig = (port: number, elsewhere: number): string => `
daemon off;
worker_processes 2;
pid /tmp/nginx.pid;
error_log stderr;
# A listener comes blocking, as systemd's does, and nginx leaves it so: one worker at a time may wait for callers.
events { accept_mutex on; }
http {
  access_log off;
  client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
  server {
    listen 127.0.0.1:${port};
    location / { return 200 "served inside\\n"; }
    location /elsewhere { proxy_pass http://127.0.0.1:${elsewhere}; }
  }
}
`;

/** The errno of a program's own connect(2) to the host's loopback: refused, or no listener on the sandbox's loopback. */
const EGRESSES = [
  { egress: 'transparent', elsewhere: /failed \(111: Connection refused\)/ },
  { egress: 'channel', elsewhere: /failed \(13: Permission denied\)/ },
] as const;

for (const user of users) {
  for (const { egress, elsewhere } of EGRESSES.filter((_, turn) => userInTurn(turn).includes(user)))
    test(`nginx serves on an inherited listener, and reaches nobody itself (${egress}, ${user})`, async (t) => {
      const outside = await listen((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nreached'));
      t.after(() => outside.close());
      const port = await freePort();
      const config = readableFile('nginx.conf', nginxConfig(port, outside.port));
      const { child, result } = startPostern(
        [
          ...['run', '--egress', egress, '--listen', `web=127.0.0.1:${port}`, '--env', 'NGINX=3;'],
          ...['--visible', config],
          ...['--', NGINX, '-e', 'stderr', '-p', '/tmp', '-c', config],
        ],
        { as: user },
      );
      t.after(() => child.kill('SIGKILL'));
      const first = await until(() => fetchText(`http://127.0.0.1:${port}/`).catch(() => undefined));
      assert.deepEqual(first, { status: 200, body: 'served inside\n' });
      const replies = await Promise.all(
        Array.from({ length: 50 }, () => fetchText(`http://127.0.0.1:${port}/`)),
      );
      assert.ok(replies.every(({ body }) => body === 'served inside\n'));
      assert.equal((await fetchText(`http://127.0.0.1:${port}/elsewhere`)).status, 502);
      assert.equal(await outside.allConnections(), 0, 'nobody outside heard it');
      child.kill('SIGTERM');
      const { status, stderr } = await result;
      assert.equal(status, 0, stderr);
      assert.match(stderr, elsewhere);
      assert.equal(await ask(`127.0.0.1:${port}`), 'ECONNREFUSED');
    });

  for (const { egress } of EGRESSES.filter((_, turn) => userInTurn(turn).includes(user)))
    test(`a program of systemd's convention finds its listeners by name, over TCP of both families and a path (${egress}, ${user})`, async (t) => {
      const path = join(openFolder(), 'local.sock');
      const [four, six] = [`127.0.0.1:${await freePort()}`, `[::1]:${await freePort('::1')}`];
      const { child, result } = startPostern(
        [
          ...['run', '--egress', egress, '--listen', `four=${four}`, '--listen', `six=${six}`],
          ...['--listen', `local.1=${path}`, '--'],
          ...['/usr/bin/python3', '-c', SERVER, '1', 'serve'],
        ],
        { as: user },
      );
      t.after(() => child.kill('SIGKILL'));
      for (const [name, address] of [
        ['four', four],
        ['six', six],
        ['local.1', path],
      ] as const) {
        const said = await until(async () => {
          const heard = await ask(address);
          return /^(ECONNREFUSED|ENOENT)$/.test(heard) ? undefined : heard;
        });
        assert.equal(said, `served inside by ${name}\n`);
      }
      const { status, stdout, stderr } = await result;
      assert.equal(status, 0, stderr);
      assert.equal(stderr, '');
      const lines = stdout.split('\n').filter((line) => !line.startsWith('options'));
      // Node and asyncio call listen(2) on it again. The broker answers that call. With egress: channel the filter refuses it.
      const again = egress === 'channel' ? ['listen 13'] : [];
      assert.deepEqual(lines, [
        ...['listener four AF_INET 1 True', ...again],
        ...['listener six AF_INET6 1 True', ...again],
        ...['listener local.1 AF_UNIX 1 True', ...again],
        'channel 6 7',
        '',
      ]);
      assert.ok(!existsSync(path));
    });
}

for (const user of userInTurn(0)) {
  test(`a plugin without listeners has no LISTEN_ variable, and none may be set (${user})`, async () => {
    const show = ['--', 'sh', '-c', 'env | grep ^LISTEN_; true'];
    const env = { PATH: '/usr/bin:/bin', LISTEN_FDS: '1', LISTEN_PID: '1' };
    assert.equal((await postern(['run', ...show], { as: user, env })).stdout, '');
    const refused = await postern(['run', '--env', 'LISTEN_FDS=7', ...show], { as: user });
    assert.equal(refused.status, 125);
    assert.match(refused.stderr, /^postern: Not a variable to set: "LISTEN_FDS"/);
    const listener = ['--listen', 'web=127.0.0.1:0'];
    const raw =
      'import os\nprint(*open("/proc/self/environ").read().split("\\0"), f"me={os.getpid()}", sep="\\n")';
    const { stdout, stderr } = await postern(['run', ...listener, '--', '/usr/bin/python3', '-c', raw], {
      as: user,
    });
    const me = /^me=(\d+)$/m.exec(stdout)?.[1];
    const told = stdout.split('\n').filter((line) => line.startsWith('LISTEN_'));
    assert.deepEqual(told.sort(), ['LISTEN_FDNAMES=web', 'LISTEN_FDS=1', `LISTEN_PID=${me}`]);
    assert.match(stderr, /^postern: python3: the listener "web" is on 127\.0\.0\.1:[1-9]\d*\n$/);
  });
}

for (const user of userInTurn(1)) {
  test(`the greatest number of listeners reaches a plugin in order, and nothing else does (${user})`, async () => {
    const names = Array.from({ length: 64 }, (_, index) => `n${index}`);
    const script =
      'import os, socket\nprint(*sorted(int(fd) for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")))\n' +
      'print(*[socket.socket(fileno=3 + i).getsockname()[1] for i in range(64)])\nprint(os.environ["LISTEN_FDNAMES"])';
    const { stdout, stderr } = await postern(
      [
        ...['run', ...names.flatMap((name) => ['--listen', `${name}=127.0.0.1:0`])],
        ...['--', '/usr/bin/python3', '-c', script],
      ],
      { as: user },
    );
    const [descriptors, ports, told] = stdout.split('\n');
    assert.equal(descriptors, Array.from({ length: 3 + 64 + 2 }, (_, fd) => fd).join(' '), stderr);
    assert.equal(ports, [...stderr.matchAll(/127\.0\.0\.1:(\d+)$/gm)].map(([, port]) => port).join(' '));
    assert.equal(told, names.join(':'));
  });
}

for (const user of users) {
  test(`a client that connects before the plugin runs is answered, and the plugin cannot reach a client of a path (${user})`, async (t) => {
    const path = join(openFolder(), 'a.sock');
    // Linux 6.5: a pidfd of the other side. A plugin cannot use it, because the client is not in the plugin's pid namespace.
    const script = [
      'import os, signal, socket, struct, time',
      'door = socket.socket(fileno=3)',
      'caller, _ = door.accept()',
      'print("pid", struct.unpack("iii", caller.getsockopt(1, 17, 12))[0])',
      'try:',
      '  pidfd = struct.unpack("i", caller.getsockopt(1, 77, 4))[0]',
      '  signal.pidfd_send_signal(pidfd, signal.SIGKILL); print("killed")',
      'except OSError as error: print("refused", error.errno in (1, 22, 92))',
      'caller.sendall(b"alive")',
    ].join('\n');
    const { child, result } = startPostern(
      ['run', '--listen', `a=${path}`, '--', '/usr/bin/python3', '-c', script],
      { as: user },
    );
    t.after(() => child.kill('SIGKILL'));
    await until(() => existsSync(path) || undefined);
    assert.equal(await until(async () => ((await ask(path)) === 'alive' ? 'alive' : undefined)), 'alive');
    const { stdout, stderr } = await result;
    assert.equal(stdout, 'pid 0\nrefused True\n', stderr);
  });
}

for (const user of userInTurn(0)) {
  test(`a listener that cannot be bound gives one line with the fix and status 125, and leaves nothing (${user})`, async () => {
    const folder = openFolder();
    writeFileSync(join(folder, 'there'), 'precious');
    const taken = await listen();
    const free = await freePort();
    const good = `good=127.0.0.1:${free}`;
    const cases: readonly (readonly [listeners: readonly string[], line: RegExp])[] = [
      [[`web=127.0.0.1:${taken.port}`], /for "web": another socket has that port; choose another port/],
      [['web=192.0.2.1:8080'], /no interface of this host has that address; choose/],
      [[`web=${join(folder, 'there')}`], /for "web": something is there already; choose another path/],
      [[`web=${join(folder, 'none/a.sock')}`], /the folder ".*none" does not exist; make it/],
      [['web=localhost:80'], /may stand for several addresses; try --listen web=127\.0\.0\.1:80/],
      [['web=nonsense:port'], /its port is not a number from 0 to 65535/],
      [['127.0.0.1:80'], /it has no name; write --listen main=127\.0\.0\.1:80/],
      [['we:b=127.0.0.1:0'], /Not a listener's name: "we:b"; use letters/],
      [['web=127.0.0.1:0', 'web=127.0.0.1:0'], /Two listeners are named "web"/],
    ];
    for (const [listeners, line] of cases) {
      const args = [good, ...listeners].flatMap((listener) => ['--listen', listener]);
      const { status, stdout, stderr } = await postern(['run', ...args, '--', 'echo', 'started'], {
        as: user,
      });
      assert.equal(status, 125, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, /^postern: .*\n$/);
      assert.match(stderr, line);
      assert.equal(await ask(`127.0.0.1:${free}`), 'ECONNREFUSED');
    }
    await taken.close();
    assert.equal(readFileSync(join(folder, 'there'), 'utf8'), 'precious');
  });
}

for (const user of users) {
  test(`a supervisor that is killed frees its ports, and the next one takes over its socket file (${user})`, async (t) => {
    const path = join(openFolder(), 'a.sock');
    const port = await freePort();
    const args = ['run', '--listen', `a=${path}`, '--listen', `b=127.0.0.1:${port}`, '--'];
    const first = startPostern([...args, 'sleep', '1006'], { as: user });
    t.after(() => first.child.kill('SIGKILL'));
    await until(() => existsSync(path) || undefined);
    first.child.kill('SIGKILL');
    await first.result;
    await until(async () => ((await ask(`127.0.0.1:${port}`)) === 'ECONNREFUSED' ? true : undefined));
    assert.ok(statSync(path).isSocket());
    const { status, stderr } = await postern([...args, 'true'], { as: user });
    assert.equal(status, 0, stderr);
    assert.ok(!existsSync(path));
  });
}

test('an ordinary user is refused a privileged port, with the fix', async () => {
  // In a separate network namespace, where the setting is the kernel's default.
  const through = ['unshare', '--user', '--map-current-user', '--net'];
  const { status, stderr } = await postern(['run', '--listen', 'web=0.0.0.0:1', '--', 'true'], {
    as: 'user',
    through,
  });
  assert.equal(status, 125);
  assert.match(
    stderr,
    /^postern: Cannot listen on "0\.0\.0\.0:1" for "web": that port is reserved for root; choose a port above 1023, or allow it to every user: sysctl net\.ipv4\.ip_unprivileged_port_start=1\n$/,
  );
});

test('an ordinary user is refused a socket file in a folder that it may not write', async () => {
  const { status, stderr } = await postern(['run', '--listen', 'web=/usr/a.sock', '--', 'true'], {
    as: 'user',
  });
  assert.equal(status, 125);
  assert.match(
    stderr,
    /for "web": you may not make a file in "\/usr"; choose a folder that you may write to\n$/,
  );
});
