import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { hostFiles } from '../../../sandbox/supervisor/files/host-files.js';
import { awaitAccept, Listener } from '../../../sandbox/supervisor/listeners/listener.js';
import { Listeners } from '../../../sandbox/supervisor/listeners/listeners.js';
import { showListenAddress } from '../../../sandbox/supervisor/listeners/socket-place.js';
import { type ListenAddress, readListenAddress } from '../../../shared/config/listen-address.js';
import { type PluginConfig, plainPlugin } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import { SOL_SOCKET, setOption } from '../../../shared/sys/socket.js';
import { freePort } from '../../harness/free-port.js';
import { until } from '../../harness/until.js';
import { readableFolder } from '../../harness/users.js';

const SO_REUSEADDR = 2;

function at(text: string): ListenAddress {
  const read = readListenAddress(text);
  if (!read.ok) throw new Error(read.message);
  return read.address;
}

const plugin = (listen: PluginConfig['listen'], name = 'one'): PluginConfig => ({
  ...plainPlugin(name, ['true']),
  listen,
});

const at127 = (name: string, port: number): { name: string; address: string } => ({
  name,
  address: `127.0.0.1:${port}`,
});

/** The errno's name, or `connected`. */
function answerOf(address: string): Promise<string> {
  const port = /:(\d+)$/.exec(address)?.[1];
  const caller = port === undefined ? connect(address) : connect(Number(port), '127.0.0.1');
  return new Promise((resolve) => {
    caller.once('connect', () => resolve('connected'));
    caller.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  }).finally(() => caller.destroy()) as Promise<string>;
}

/** What another process that holds the listener does to it: a script in Python that has it as `listener`. */
function shared(listener: Listener, script: string): string {
  const passed = listener.pass();
  const source = `import ctypes, os, socket, struct\nlistener = socket.socket(fileno=3)\n${script}`;
  const { stdout, stderr } = spawnSync('/usr/bin/python3', ['-c', source], {
    stdio: ['ignore', 'pipe', 'pipe', passed.number],
    encoding: 'utf8',
    timeout: 20_000,
  });
  passed.close();
  return stdout.trim() || stderr;
}

// proves: a listener is bound anew through no link
test('a listener that is bound anew follows no link that came to its path since', () => {
  const folder = readableFolder();
  for (const name of ['run', 'target']) mkdirSync(join(folder, name));
  const listener = new Listener('web', at(join(folder, 'run/a.sock')), hostFiles);
  renameSync(join(folder, 'run'), join(folder, 'away'));
  symlinkSync('target', join(folder, 'run'));
  assert.throws(() => listener.renew(), { code: 'listen_address', message: /a link leads to/ });
  assert.deepEqual(readdirSync(join(folder, 'target')), []);
  listener.close();
});

// proves: a socket file is removed from its own folder alone
test('a socket file is removed from the folder where it was made, not from what lies at its path', () => {
  const folder = readableFolder();
  for (const name of ['run', 'target']) mkdirSync(join(folder, name));
  const listener = new Listener('web', at(join(folder, 'run/a.sock')), hostFiles);
  renameSync(join(folder, 'run'), join(folder, 'away'));
  // The same file by a second name: only its folder tells the two apart.
  linkSync(join(folder, 'away/a.sock'), join(folder, 'target/a.sock'));
  symlinkSync('target', join(folder, 'run'));
  listener.close();
  assert.deepEqual(readdirSync(join(folder, 'target')), ['a.sock']);
  assert.deepEqual(readdirSync(join(folder, 'away')), []);
});

// proves: a listener whose plugin was ended is bound anew
test('a UNIX listener whose plugin was ended is bound anew, and what waits in its queue is dropped', async () => {
  const address = join(readableFolder(), 'a.sock');
  const listener = new Listener('web', at(address), hostFiles);
  assert.equal(listener.mayHoldDescriptors, false);
  listener.pass().close();
  assert.equal(listener.mayHoldDescriptors, true);
  assert.equal(listener.renew(), undefined);
  const client = connect(address).on('error', () => {});
  await once(client, 'connect');
  const cutOff = new Promise((resolve) => client.once('close', resolve));
  listener.suspect();
  assert.equal(listener.renew(), 'may hold a connection that must end');
  await cutOff;
  assert.equal(listener.mayHoldDescriptors, false);
  assert.equal(listener.renew(), undefined);
  listener.close();
});

test('a port of an ended plugin stays bound: no descriptor waits there', () => {
  const listener = new Listener('web', at('127.0.0.1:0'), hostFiles);
  listener.pass().close();
  listener.suspect();
  assert.deepEqual([listener.mayHoldDescriptors, listener.renew()], [false, undefined]);
  listener.close();
});

test('a listener whose folder was made anew is bound there', async () => {
  const folder = join(readableFolder(), 'run');
  mkdirSync(folder);
  const address = join(folder, 'a.sock');
  const listener = new Listener('web', at(address), hostFiles);
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
  assert.equal(listener.renew(), 'was no longer at its path');
  assert.equal(await answerOf(address), 'connected');
  listener.close();
  assert.deepEqual(readdirSync(folder), []);
});

test('a listener is bound at its address, listens, and disappears with its file when it is closed', async () => {
  const before = readdirSync('/proc/self/fd').length;
  for (const address of ['127.0.0.1:0', join(readableFolder(), 'a.sock')]) {
    const listener = new Listener('web', at(address), hostFiles);
    assert.doesNotMatch(listener.address, /:0$/);
    assert.equal(await answerOf(listener.address), 'connected');
    listener.close();
    listener.close();
    assert.match(await answerOf(listener.address), /^(ECONNREFUSED|ENOENT)$/);
  }
  assert.equal(readdirSync('/proc/self/fd').length, before);
});

test('[::] is IPv6 alone, and can stand beside 0.0.0.0 on the same port', async () => {
  const four = new Listener('four', at('0.0.0.0:0'), hostFiles);
  const port = Number(/:(\d+)$/.exec(four.address)?.[1]);
  const six = new Listener('six', at(`[::]:${port}`), hostFiles);
  assert.equal(six.address, `[::]:${port}`);
  four.close();
  assert.equal(await answerOf(`127.0.0.1:${port}`), 'ECONNREFUSED');
  six.close();
});

test('a port whose last connection lingers is bound again at once', async () => {
  const listener = new Listener('web', at('127.0.0.1:0'), hostFiles);
  const caller = connect(Number(/:(\d+)$/.exec(listener.address)?.[1]), '127.0.0.1');
  await new Promise((resolve) => caller.once('connect', resolve));
  // Who closes first is the one that waits, TIME_WAIT.
  shared(listener, 'listener.accept()[0].close()');
  caller.resume();
  await new Promise((resolve) => caller.once('close', resolve));
  listener.close();
  new Listener('web', at(listener.address), hostFiles).close();
});

test('a socket file has the mode of bind(2), which the umask decides', () => {
  const folder = readableFolder();
  for (const umask of [0o022, 0o077, 0]) {
    const old = process.umask(umask);
    const listener = new Listener('web', at(join(folder, 'a.sock')), hostFiles);
    process.umask(old);
    assert.equal(lstatSync(join(folder, 'a.sock')).mode & 0o777, 0o777 & ~umask);
    listener.close();
  }
});

test('a listener that cannot be bound gives one error, with the reason and the fix', async (t) => {
  const taken = new Listener('other', at('127.0.0.1:0'), hostFiles);
  t.after(() => taken.close());
  const folder = readableFolder();
  writeFileSync(join(folder, 'file'), 'precious');
  symlinkSync(join(folder, 'nowhere'), join(folder, 'dangling'));
  const long = join(folder, 'x'.repeat(90));
  mkdirSync(long);
  symlinkSync(long, join(folder, 'short'));
  const alive = new Listener('alive', at(join(folder, 'alive.sock')), hostFiles);
  t.after(() => alive.close());
  const cases: readonly (readonly [address: string, why: RegExp, fix: RegExp])[] = [
    [
      taken.address,
      /^Cannot listen on "127\.0\.0\.1:\d+" for "web": another socket has that port$/,
      /another port/,
    ],
    ['192.0.2.1:8080', /no interface of this host has that address/, /ip address/],
    ['[2001:db8::1]:8080', /no interface of this host has that address|no IPv6/, /choose/],
    [join(folder, 'file'), /something is there/, /another path/],
    [join(folder, 'dangling'), /something is there/, /another path/],
    [folder, /something is there/, /another path/],
    [join(folder, 'alive.sock'), /something is there/, /another path/],
    [join(folder, 'none/a.sock'), /the folder ".*none" does not exist/, /make it/],
    [join(folder, 'file/a.sock'), /is not a folder/, /another path/],
    [join(folder, 'short/web.socket'), /at most 107 bytes/, /shorter/],
  ];
  const before = readdirSync('/proc/self/fd').length;
  for (const [address, why, fix] of cases) {
    assert.throws(
      () => new Listener('web', at(address), hostFiles),
      (error) => {
        assert.ok(error instanceof PosternError);
        assert.equal(error.code, 'listen_address');
        assert.match(error.message, why);
        assert.match(error.fix ?? '', fix);
        return true;
      },
      address,
    );
  }
  assert.equal(readdirSync('/proc/self/fd').length, before);
  assert.equal(await answerOf(join(folder, 'alive.sock')), 'connected');
  assert.ok(existsSync(join(folder, 'file')));
  assert.ok(!existsSync(join(folder, 'nowhere')));
});

test('a socket file that a killed process left is replaced, and a bound one is not', async (t) => {
  const folder = readableFolder();
  const path = join(folder, 'a.sock');
  const leave = (script: string): void => {
    const source = `import os, socket, sys\n${script}\nos.kill(os.getpid(), 9)`;
    spawnSync('/usr/bin/python3', ['-c', source, path], { timeout: 20_000 });
  };
  leave('s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()');
  assert.ok(existsSync(path));
  const listener = new Listener('web', at(path), hostFiles);
  assert.equal(await answerOf(path), 'connected');
  listener.close();
  assert.ok(!existsSync(path));
  leave('s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1])');
  const stale = new Listener('web', at(path), hostFiles);
  stale.close();
  const bound =
    'import socket, sys, time\ns = socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\nprint("bound", flush=True)\nsys.stdin.read()';
  const holder = spawn('/usr/bin/python3', ['-c', bound, path]);
  t.after(() => holder.kill('SIGKILL'));
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  assert.equal(await answerOf(path), 'ECONNREFUSED', 'bound, and not listening yet');
  assert.throws(() => new Listener('web', at(path), hostFiles), /something is there/);
  holder.stdin.end();
  await new Promise((resolve) => holder.once('close', resolve));
});

// proves: listener: one that was shut down is bound anew
test('renew() finds what another holder did to a listener, and binds it anew at the same address', async () => {
  const lock = 'listener.setsockopt(1, 44, 1)';
  const attach = [
    'program = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0))',
    'try:',
    '  listener.setsockopt(1, 26, struct.pack("=H6xQ", 1, ctypes.addressof(program))); print("attached")',
    'except PermissionError: listener.setsockopt(1, 44, 1)',
  ].join('\n');
  for (const address of ['127.0.0.1:0', join(readableFolder(), 'a.sock')]) {
    const listener = new Listener('web', at(address), hostFiles);
    const where = listener.address;
    assert.equal(listener.renew(), undefined);
    for (const [script, fault] of [
      ['listener.shutdown(socket.SHUT_RDWR)', /shut down/],
      ['listener.shutdown(socket.SHUT_RD)', /shut down/],
      [lock, /packet filter/],
      [attach, /packet filter/],
    ] as const) {
      shared(listener, script);
      assert.match(listener.renew() ?? '', fault, script);
      assert.equal(listener.renew(), undefined);
      assert.equal(listener.address, where);
      assert.equal(await answerOf(where), 'connected');
    }
    listener.close();
  }
});

test('renew() restores the full queue and the blocking mode, and keeps the waiting clients', async () => {
  const listener = new Listener('web', at('127.0.0.1:0'), hostFiles);
  const port = Number(/:(\d+)$/.exec(listener.address)?.[1]);
  const queue = (): string => {
    const row = spawnSync('ss', ['-Hltn', `sport = :${port}`], { encoding: 'utf8' }).stdout;
    return row.trim().split(/\s+/)[2] ?? '';
  };
  const full = queue();
  assert.ok(Number(full) >= 128, full);
  const waiting = connect(port, '127.0.0.1');
  await new Promise((resolve) => waiting.once('connect', resolve));
  shared(listener, 'listener.listen(1); os.set_blocking(3, False)');
  assert.equal(queue(), '1');
  assert.equal(listener.renew(), undefined);
  assert.equal(queue(), full);
  assert.equal(
    shared(listener, 'print(os.get_blocking(3)); listener.accept()[0].sendall(b"kept")').split('\n')[0],
    'True',
  );
  const heard = await new Promise((resolve) => waiting.once('data', (bytes) => resolve(String(bytes))));
  assert.equal(heard, 'kept');
  waiting.destroy();
  listener.close();
});

test('renew() makes a removed socket file again, and never touches another file in its place', async () => {
  const folder = readableFolder();
  const path = join(folder, 'a.sock');
  const listener = new Listener('web', at(path), hostFiles);
  unlinkSync(path);
  assert.match(listener.renew() ?? '', /no longer at its path/);
  assert.equal(await answerOf(path), 'connected');
  renameSync(path, join(folder, 'moved'));
  writeFileSync(path, 'precious');
  assert.throws(() => listener.renew(), { code: 'listen_address' });
  unlinkSync(path);
  assert.match(listener.renew() ?? '', /could not be bound before/);
  assert.equal(await answerOf(path), 'connected');
  unlinkSync(path);
  writeFileSync(path, 'precious');
  listener.close();
  assert.ok(existsSync(path), 'not the file that was made');
});

test('the listeners of a plugin are bound together or not at all', async () => {
  const notices: string[] = [];
  const listeners = new Listeners(
    (text) => notices.push(text),
    () => [],
  );
  const port = await freePort();
  const path = join(readableFolder(), 'a.sock');
  const good = [
    { name: 'web', address: `127.0.0.1:${port}` },
    { name: 'admin', address: path },
  ];
  assert.throws(() => listeners.ready(plugin([...good, { name: 'bad', address: '192.0.2.1:1' }])), {
    code: 'listen_address',
  });
  assert.equal(await answerOf(`127.0.0.1:${port}`), 'ECONNREFUSED');
  assert.ok(!existsSync(path));
  const first = listeners.ready(plugin(good));
  assert.deepEqual(
    first.map(({ name }) => name),
    ['web', 'admin'],
  );
  for (const [index, listener] of listeners.ready(plugin(good)).entries())
    assert.equal(listener, first[index], 'a restart has the same');
  const two = plugin(
    ['any', 'other'].map((name) => ({ name, address: '127.0.0.1:0' })),
    'two',
  );
  const picked = listeners.ready(two);
  assert.deepEqual(listeners.ready(two), picked);
  assert.notEqual(picked[0], picked[1]);
  assert.equal(notices.length, 2);
  assert.match(notices[0] ?? '', /^two: the listener "any" is on 127\.0\.0\.1:[1-9]\d*$/);
  listeners.close('one');
  assert.ok(!existsSync(path));
  assert.equal(await answerOf(`127.0.0.1:${port}`), 'ECONNREFUSED');
  listeners.closeAll();
});

test('changed listeners take the place of the former ones, and an unchanged address stays bound', async () => {
  const listeners = new Listeners(
    () => {},
    () => [],
  );
  const [kept, gone, come] = [await freePort(), await freePort(), await freePort()];
  const first = listeners.ready(plugin([at127('web', kept), at127('old', gone)]));
  const bad = { name: 'bad', address: '192.0.2.1:1' };
  assert.throws(() => listeners.prepare([plugin([at127('new', come), bad])]), { code: 'listen_address' });
  assert.equal(await answerOf(`127.0.0.1:${gone}`), 'connected', 'the former ones stay');
  assert.equal(await answerOf(`127.0.0.1:${come}`), 'ECONNREFUSED');
  const next = plugin([at127('new', come), at127('http', kept)]);
  const prepared = listeners.prepare([next]);
  assert.equal(await answerOf(`127.0.0.1:${come}`), 'connected');
  assert.equal(await answerOf(`127.0.0.1:${gone}`), 'connected', 'not in force yet');
  prepared.putInForce();
  assert.equal(await answerOf(`127.0.0.1:${gone}`), 'ECONNREFUSED');
  const second = listeners.ready(next);
  assert.equal(second[1], first[0]);
  assert.deepEqual(
    second.map(({ name }) => name),
    ['new', 'http'],
  );
  listeners.prepare([plugin([at127('other', gone)], 'two')]).close();
  assert.equal(await answerOf(`127.0.0.1:${gone}`), 'ECONNREFUSED', 'given up');
  listeners.closeAll();
});

test('an address that a plugin leaves is bound anew for another one, at its start', async () => {
  const listeners = new Listeners(
    () => {},
    () => [],
  );
  const [passed, own] = [await freePort(), await freePort()];
  const [former] = listeners.ready(plugin([at127('web', passed)], 'leaves'));
  const comes = plugin([at127('web', passed), at127('own', own)], 'comes');
  const prepared = listeners.prepare([comes], ['leaves']);
  assert.equal(await answerOf(`127.0.0.1:${own}`), 'connected');
  listeners.close('leaves');
  prepared.putInForce();
  const taken = new Listener('other', at(`127.0.0.1:${passed}`), hostFiles);
  assert.throws(() => listeners.ready(comes), { code: 'listen_address' });
  assert.equal(await answerOf(`127.0.0.1:${own}`), 'connected', 'those that are bound stay');
  taken.close();
  const [web, second] = listeners.ready(comes);
  assert.notEqual(web, former);
  assert.deepEqual([web?.address, second?.address], [`127.0.0.1:${passed}`, `127.0.0.1:${own}`]);
  listeners.closeAll();
});

// proves: a listener through a link of a plugin is refused
// proves: the folder of a listener that a plugin has spoilt fails its start alone
test('a listener in a folder that a plugin may write is bound at its start, and through no link there', () => {
  const folder = readableFolder();
  for (const name of ['own', 'target']) mkdirSync(join(folder, name));
  const real = join(folder, 'own');
  symlinkSync('../target', join(real, 'run'));
  const listeners = new Listeners(
    () => {},
    () => [{ writer: 'one', path: real, real, isHome: false }],
  );
  const [path, linked] = [join(real, 'a.sock'), join(real, 'run/a.sock')];
  const one = (address: string): PluginConfig => plugin([{ name: 'web', address }]);
  for (const address of [path, linked]) listeners.prepare([one(address)]).putInForce();
  assert.deepEqual(readdirSync(real), ['run']);
  assert.throws(() => listeners.ready(one(linked)), {
    code: 'listen_address',
    message: /a link leads to ".*\/own\/run", and a plugin could have made it/,
  });
  assert.deepEqual(readdirSync(join(folder, 'target')), []);
  listeners.ready(one(path));
  assert.ok(existsSync(path));
  listeners.closeAll();
});

test('showListenAddress() writes an address as it is read', () => {
  for (const text of ['127.0.0.1:80', '[::1]:80', '[2001:db8::1]:443', '/run/a.sock'])
    assert.equal(showListenAddress(at(text)), text);
});

// proves: listener: its end is the end for all who hold it
test('a listener that is closed accepts nothing for another holder, and its address is free', async (t) => {
  for (const address of [`127.0.0.1:${await freePort()}`, join(readableFolder(), 'a.sock')]) {
    const listener = new Listener('web', at(address), hostFiles);
    t.after(() => listener.close());
    const passed = listener.pass();
    // As the plugin may have left it.
    setOption(passed.number, SOL_SOCKET, SO_REUSEADDR, 0);
    const source = `
import os, socket, sys
listener = socket.socket(fileno=3)
listener.settimeout(2)
for line in sys.stdin:
    try:
        listener.accept()
        os.write(1, b"accepted")
    except OSError as error:
        os.write(1, str(error.errno).encode())`;
    const holder = spawn('/usr/bin/python3', ['-c', source], {
      stdio: ['pipe', 'pipe', 'inherit', passed.number],
    });
    const accepts = async (): Promise<string> => {
      holder.stdin?.write('\n');
      const [said] = (await once(holder.stdout as Readable, 'data')) as [Buffer];
      return said.toString();
    };
    t.after(() => holder.kill());
    passed.close();
    assert.equal(await answerOf(address), 'connected');
    assert.equal(await accepts(), 'accepted');
    const reached = listener.path === undefined ? address : `${address}.link`;
    if (reached !== address) linkSync(address, reached);
    listener.close();
    assert.equal(await answerOf(reached), 'ECONNREFUSED');
    assert.notEqual(await accepts(), 'accepted');
    const next = new Listener('web', at(address), hostFiles);
    assert.equal(await answerOf(address), 'connected');
    next.close();
  }
});

// proves: postern connects to the socket file that it made, whatever lies at its path
test('postern looks for a plugin that accepts at the file that it made, not at what lies there by now', async () => {
  const [address, other] = ['a.sock', 'other.sock'].map((name) => join(readableFolder(), name));
  const host = createServer((client) => client.destroy());
  let heard = 0;
  host.on('connection', () => {
    heard += 1;
  });
  host.listen(other);
  await once(host, 'listening');
  const listener = new Listener('web', at(String(address)), hostFiles);
  unlinkSync(String(address));
  symlinkSync(String(other), String(address));
  const over = new AbortController();
  const accepted = awaitAccept(listener, over.signal);
  // Nobody accepts it.
  await until(() => listener.hasClients || heard > 0 || undefined);
  over.abort();
  await accepted;
  assert.equal(heard, 0);
  listener.close();
  await new Promise((resolve) => host.close(resolve));
});
