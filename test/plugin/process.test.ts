// The channel of a process, from its environment: in child processes, with a fake broker in the test's process.
import assert from 'node:assert/strict';
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Channel } from '../../sandbox/plugin/channel.js';
import { connect, openChannel } from '../../sandbox/plugin/index.js';
import { findChannel, openChannelOver } from '../../sandbox/plugin/open-channel.js';
import { PATIENCE } from '../harness/patience.js';
import { until } from '../harness/until.js';
import { countDescriptors, expectDescriptors } from './descriptors.js';
import { FakeBroker } from './fake-broker.js';

const library = new URL('../../sandbox/plugin/index.js', import.meta.url).href;
const pythonClient = fileURLToPath(new URL('../interop/postern_client.py', import.meta.url));
const PYTHON = '/usr/bin/python3';
const TIME_LIMIT_MS = 60_000 * PATIENCE;

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function finish(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (bytes) => (stdout += bytes));
  child.stderr?.on('data', (bytes) => (stderr += bytes));
  const limit = setTimeout(() => child.kill('SIGKILL'), TIME_LIMIT_MS);
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  clearTimeout(limit);
  return { status, stdout, stderr };
}

const ENV = { POSTERN_REQUEST_FD: '3', POSTERN_REPLY_FD: '4' };

/** Starts a program with the channel's ends at 3 and 4. */
function withChannel(program: string, args: string[], requestFd: number, replyFd: number): Promise<Ended> {
  const options: SpawnOptions = {
    stdio: ['ignore', 'pipe', 'pipe', requestFd, replyFd],
    env: { PATH: process.env['PATH'], ...ENV },
  };
  return finish(spawn(program, args, options));
}

async function run(broker: FakeBroker, program: string, args: string[]): Promise<Ended> {
  const { request, reply } = broker.ends;
  const ended = withChannel(program, args, request.number, reply.number);
  request.close();
  reply.close();
  return ended;
}

const node = (source: string): [string, string[]] => [
  process.execPath,
  [
    '--input-type=module',
    '-e',
    `import { connect, explain, openChannel } from ${JSON.stringify(library)};\n${source}`,
  ],
];

async function withServer(
  onConnection: (socket: Socket) => void,
  use: (port: number) => Promise<void>,
): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  try {
    await use(typeof address === 'object' && address !== null ? address.port : 0);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

const echo = (socket: Socket): void => void socket.pipe(socket);

test('a process ends by itself when nothing is in flight', async () => {
  await withServer(echo, async (port) => {
    const broker = new FakeBroker();
    const ended = await run(
      broker,
      ...node(`
        const socket = await connect({ host: '127.0.0.1', port: ${port} });
        socket.end('over and out');
        for await (const bytes of socket) console.log(String(bytes));
        console.log((await explain({ host: 'a.example', port: 1 })).decision);
      `),
    );
    await until(() => broker.ended);
    broker.close();
    assert.deepEqual(ended, { status: 0, stdout: 'over and out\nallow\n', stderr: '' });
    assert.equal(broker.ended, 'closed');
  });
});

test('a process waits for what is in flight', async () => {
  const broker = new FakeBroker((request, self) => {
    if (request.op !== 'connect') return false;
    setTimeout(
      () => self.reply({ id: request.id, ok: false, errno: 'EACCES', reason: 'no_rule', message: 'No' }),
      300,
    );
    return true;
  });
  const ended = await run(
    broker,
    ...node(`connect({ host: 'x.example', port: 1 }).catch((error) => console.log(error.code));`),
  );
  broker.close();
  assert.deepEqual(ended, { status: 0, stdout: 'EACCES\n', stderr: '' });
});

test('an aborted connect does not keep the process alive', async () => {
  const broker = new FakeBroker(({ op }) => op !== 'hello');
  const ended = await run(
    broker,
    ...node(`connect({ host: 'x.example', port: 1, signal: AbortSignal.timeout(50) })
      .catch((error) => console.log(error.code, error.cause.name));
      setTimeout(() => {}, 200);`),
  );
  broker.close();
  assert.deepEqual(ended, { status: 0, stdout: 'ABORT_ERR TimeoutError\n', stderr: '' });
});

test('a process without a descriptor left gets EMFILE, and its next connect is served', async () => {
  await withServer(echo, async (port) => {
    const broker = new FakeBroker();
    const [program, args] = node(`
      import { closeSync, openSync } from 'node:fs';
      const where = { host: '127.0.0.1', port: ${port} };
      (await connect(where)).destroy();
      await new Promise((resolve) => setTimeout(resolve, 20));
      const taken = [];
      try { for (;;) taken.push(openSync('/dev/null')); } catch (error) { console.log(error.code); }
      await connect(where).catch((error) => console.log(error.code, error.message));
      for (const fd of taken) closeSync(fd);
      (await connect(where)).destroy();
      console.log('served');
    `);
    const ended = await run(broker, '/bin/sh', ['-c', 'ulimit -n 64; exec "$@"', 'sh', program, ...args]);
    broker.close();
    const message = 'This process has no descriptor left for the socket';
    assert.deepEqual(ended, { status: 0, stdout: `EMFILE\nEMFILE ${message}\nserved\n`, stderr: '' });
  });
});

test('a worker thread gets an error: the channel belongs to the main thread', async () => {
  const broker = new FakeBroker();
  const ended = await run(
    broker,
    ...node(`
      import { Worker } from 'node:worker_threads';
      const source = \`import(${JSON.stringify(library)}).then(({ connect }) =>
        connect({ host: 'x', port: 1 }).catch((error) => console.log(error.code, error.message)))\`;
      new Worker(source, { eval: true });
    `),
  );
  broker.close();
  assert.deepEqual(ended, {
    status: 0,
    stdout: 'ENOCHANNEL The channel belongs to the main thread\n',
    stderr: '',
  });
});

test('a child process uses a channel from openChannel(), and its parent another', async () => {
  await withServer(echo, async (port) => {
    const broker = new FakeBroker();
    const ended = await run(
      broker,
      ...node(`
        import { spawn } from 'node:child_process';
        const where = { host: '127.0.0.1', port: ${port} };
        const source = \`import { connect } from ${JSON.stringify(library)};
          const socket = await connect(\${JSON.stringify(where)});
          socket.end('child');
          socket.pipe(process.stdout);\`;
        const channel = await openChannel();
        const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
          stdio: ['inherit', 'inherit', 'inherit', channel.requestFd, channel.replyFd],
          env: { ...process.env, ...channel.env },
        });
        channel.close();
        (await connect(where)).destroy();
        child.on('exit', (status) => console.log(' ended with', status));
      `),
    );
    assert.deepEqual(ended, { status: 0, stdout: 'child ended with 0\n', stderr: '' });
    assert.equal(broker.children[0]?.connects().length, 1);
    broker.close();
  });
});

test('a child process without a channel gets an error that names openChannel()', async () => {
  const broker = new FakeBroker();
  const ended = await run(
    broker,
    ...node(`
      import { spawn } from 'node:child_process';
      const source = \`import { connect } from ${JSON.stringify(library)};
        await connect({ host: 'x', port: 1 }).catch((error) => console.log(error.code, error.fix));\`;
      spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: 'inherit' });
    `),
  );
  broker.close();
  assert.equal(ended.stderr, '');
  assert.match(ended.stdout, /^ENOCHANNEL .*openChannel\(\)/);
});

test('a second copy of the library in a process gets an error', async () => {
  const broker = new FakeBroker();
  const copy = new URL('../../sandbox/plugin/open-channel.js?copy', import.meta.url).href;
  const ended = await run(
    broker,
    ...node(`
      await explain({ host: 'a.example', port: 1 });
      const { processChannel } = await import(${JSON.stringify(copy)});
      try { processChannel(); } catch (error) { console.log(error.code, error.message); }
    `),
  );
  broker.close();
  assert.equal(ended.stdout, 'ENOCHANNEL Another copy of postern/plugin in this process has the channel\n');
});

test('outside of postern connect() and openChannel() reject with ENOCHANNEL and a fix', async () => {
  const before = countDescriptors();
  const expected = { name: 'PosternError', code: 'ENOCHANNEL', fix: 'Start it with "postern run"' };
  await assert.rejects(connect({ host: 'a.example', port: 443 }), expected);
  await assert.rejects(openChannel(), expected);
  await expectDescriptors(before);
});

test('findChannel() refuses descriptors that are no channel', () => {
  const broker = new FakeBroker();
  const request = String(broker.ends.request.number);
  const reply = String(broker.ends.reply.number);
  const wrong: [NodeJS.ProcessEnv, RegExp][] = [
    [{ POSTERN_REPLY_FD: reply }, /POSTERN_REQUEST_FD is not set/],
    [{ POSTERN_REQUEST_FD: request }, /POSTERN_REPLY_FD is not set/],
    [{ POSTERN_REQUEST_FD: 'x', POSTERN_REPLY_FD: reply }, /is not a descriptor number: "x"/],
    [{ POSTERN_REQUEST_FD: '-1', POSTERN_REPLY_FD: reply }, /is not a descriptor number/],
    [{ POSTERN_REQUEST_FD: '999999', POSTERN_REPLY_FD: reply }, /not a pipe/],
    [{ POSTERN_REQUEST_FD: reply, POSTERN_REPLY_FD: reply }, /not a pipe/],
    [{ POSTERN_REQUEST_FD: request, POSTERN_REPLY_FD: request }, /not a packet socket/],
  ];
  for (const [environment, message] of wrong) {
    assert.throws(() => findChannel(environment), { code: 'ENOCHANNEL', message });
  }
  const ends = findChannel({ POSTERN_REQUEST_FD: request, POSTERN_REPLY_FD: reply });
  assert.equal(String(ends.request.number), request);
  broker.ends.request.close();
  broker.ends.reply.close();
  broker.close();
});

test('the Python client sends, and prints what comes back', async () => {
  await withServer(echo, async (port) => {
    const broker = new FakeBroker();
    const ended = await run(broker, PYTHON, [pythonClient, '127.0.0.1', String(port), 'from Python']);
    await until(() => broker.ended);
    broker.close();
    assert.deepEqual(ended, { status: 0, stdout: 'from Python', stderr: '' });
    assert.equal(broker.ended, 'closed');
  });
});

test('the Python client prints a refusal, and ends with 13', async () => {
  const broker = new FakeBroker();
  const ended = await run(broker, PYTHON, [pythonClient, 'denied.example', '443']);
  broker.close();
  const message = 'Cannot connect to "denied.example:443": no rule allows "denied.example"';
  assert.deepEqual(ended, {
    status: 13,
    stdout: '',
    stderr: `EACCES no_rule denied.example:443: ${message}\n`,
  });
});

test('the Python client ends with 1 where the kernel refuses', async () => {
  const broker = new FakeBroker();
  const ended = await run(broker, PYTHON, [pythonClient, '127.0.0.1', '1']);
  broker.close();
  assert.equal(ended.status, 1);
  assert.equal(ended.stderr, 'ECONNREFUSED refused -: Cannot connect\n');
});

test('the Python client asks again after a resumed hello', async () => {
  await withServer(echo, async (port) => {
    const broker = new FakeBroker((request, self) => {
      if (request.op !== 'connect' || self.connects().length > 1) return false;
      self.resume();
      self.dial(request.id, port);
      return true;
    });
    const ended = await run(broker, PYTHON, [pythonClient, '127.0.0.1', String(port), 'again']);
    broker.close();
    assert.deepEqual(ended, { status: 0, stdout: 'again', stderr: '' });
    assert.equal(broker.connects().length, 2);
  });
});

test('the Python client takes a channel that Node has made non-blocking', async () => {
  await withServer(echo, async (port) => {
    const broker = new FakeBroker();
    const channel = new Channel(broker.ends);
    const child = await openChannelOver(() => channel);
    const args = [pythonClient, '127.0.0.1', String(port), 'handed on'];
    const ending = withChannel(PYTHON, args, child.requestFd, child.replyFd);
    child.close();
    assert.equal((await ending).stdout, 'handed on');
    broker.close();
  });
});
