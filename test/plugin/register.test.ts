import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { createServer as createTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { anyUser, userInTurn } from '../harness/asked.js';
import { freePort } from '../harness/free-port.js';
import { listen } from '../harness/listener.js';
import { PATIENCE } from '../harness/patience.js';
import { makeCertificates, readPair } from '../interop/certificates.js';
import { Project } from '../interop/project.js';
import { serverFolder } from '../interop/server.js';

const REGISTER = ['--import', 'postern/plugin/register'];
const LONG_BYTES = 16 << 20;
const project = new Project();
const certificates = makeCertificates(serverFolder());

/** Does what the first line says. */
function serve(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  socket.once('data', (bytes) => {
    const end = bytes.indexOf('\n');
    const word = bytes.subarray(0, end).toString();
    const rest = bytes.subarray(end + 1);
    if (word === 'echo') {
      socket.write(rest);
      socket.pipe(socket);
    } else if (word === 'bye') socket.end('bye');
    else if (word === 'reset') socket.resetAndDestroy();
    else if (word === 'slow') {
      socket.pause();
      setTimeout(() => socket.resume(), 200);
      socket.on('end', () => socket.end());
    } else if (word === 'long') socket.end(Buffer.alloc(LONG_BYTES));
    else if (word === 'drip') {
      for (let i = 1; i <= 20; i += 1) setTimeout(() => socket.write('.'), i * 100);
    }
  });
}

const halfOpen = { allowHalfOpen: true };
const answer = createHttp((request, response) => {
  if (request.url === '/silent') return;
  let length = 0;
  request.on('data', (bytes) => {
    length += bytes.length;
  });
  request.on('end', () => response.end(`${request.method} ${length}`));
});
const servers: readonly Server[] = [
  createServer(halfOpen, serve),
  createTls({ ...readPair(certificates.local), ALPNProtocols: ['x/1'] }, serve),
  createTls(readPair(certificates.other), serve),
  answer,
  createHttps(readPair(certificates.local), (_request, response) => response.end('secure')),
  createHttp2((request, response) => response.end(request.url)),
];
const open = new Set<Socket>();
let ports: number[] = [];

before(async () => {
  for (const server of servers) {
    server.on('connection', (socket: Socket) => open.add(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }
  ports = [...servers.map((server) => (server.address() as AddressInfo).port), await freePort()];
});
after(() => {
  for (const server of servers) server.close();
  for (const socket of open) socket.destroy();
});

const scenarios = fileURLToPath(new URL('scenarios.mjs', import.meta.url));

async function runDirectly(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [scenarios, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let stdout = '';
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000 * PATIENCE);
  const [status] = await once(child, 'close');
  clearTimeout(timer);
  assert.equal(status, 0, stdout);
  return stdout;
}

test('under register a program sees the same of its sockets as of direct ones', async () => {
  const args = [...ports.map(String), certificates.authority];
  const direct = await runDirectly(args);
  assert.doesNotMatch(direct, /nothing within/);
  for (const user of userInTurn(0)) {
    const { status, stdout, stderr } = await project.run({
      as: user,
      source: readFileSync(scenarios, 'utf8'),
      args,
      node: REGISTER,
      allow: [`127.0.0.1:${ports.join(',')}`],
      visible: [certificates.authority],
    });
    assert.deepEqual(stdout.split('\n'), direct.split('\n'), stderr);
    assert.equal(status, 0);
  }
});

const REFUSED = `
  import http from 'node:http';
  import https from 'node:https';
  import net from 'node:net';
  import tls from 'node:tls';
  const [port] = process.argv.slice(2).map(Number);
  const say = ({ name, code, errno, reason, suggestion }) =>
    console.log(JSON.stringify({ name, code, errno, reason, suggestion }));
  const failed = (emitter) => new Promise((resolve) => emitter.on('error', (error) => resolve(say(error))));
  const host = '127.0.0.1';
  await failed(net.connect(port, host));
  await failed(new net.Socket().connect({ port, host }));
  await failed(tls.connect(port, host));
  await failed(http.get({ port, host }));
  await failed(https.get({ port, host }));
  await fetch('http://127.0.0.1:' + port).catch(({ cause }) => say(cause));
  await fetch('https://127.0.0.1:' + port).catch(({ cause }) => say(cause));
  const lookup = () => console.log('looked up');
  await failed(net.connect({ port: 443, host: 'tracker.example.com', lookup }));
  await fetch('https://tracker.example.com/').catch(({ cause }) => say(cause));
`;

for (const user of userInTurn(1)) {
  test(`connections that no rule allows are refused with the reason, by every library, as ${user}`, async (t) => {
    const listener = await listen();
    t.after(listener.close);
    const args = [String(listener.port)];
    const lines = await project.lines({ as: user, source: REFUSED, node: REGISTER, args });
    const refusal = (suggestion: string): unknown => ({
      name: 'PosternError',
      code: 'EACCES',
      errno: -13,
      reason: 'no_rule',
      suggestion,
    });
    assert.deepEqual(lines, [
      ...Array(7).fill(refusal(`127.0.0.1:${listener.port}`)),
      ...Array(2).fill(refusal('tracker.example.com:443')),
    ]);
    assert.equal(await listener.allConnections(), 0);
  });
}

const [someone = 'user'] = anyUser;

test('options that cannot be honoured fail with EINVAL, and a path is connected inside the sandbox', async (t) => {
  const listener = await listen();
  t.after(listener.close);
  const source = `
    import http from 'node:http';
    import net from 'node:net';
    import { HttpAgent } from 'postern/plugin';
    const port = ${listener.port};
    const failed = (options) => new Promise((resolve) => net.connect(options).on('error', resolve));
    for (const options of [{ localAddress: '127.0.0.2' }, { localPort: 4000 }, { blockList: new net.BlockList() }]) {
      const { code, message } = await failed({ port, host: '127.0.0.1', ...options });
      console.log(JSON.stringify([code, message]));
    }
    const agent = new HttpAgent();
    const request = http.get({ port, host: '127.0.0.1', localAddress: '127.0.0.2', agent });
    const error = await new Promise((resolve) => request.on('error', resolve));
    console.log(JSON.stringify([error.code, error.message]));
    const { code, reason, syscall } = await failed('/tmp/nobody.sock');
    console.log(JSON.stringify([code, reason, syscall]));
    const socket = net.connect(port, '127.0.0.1');
    const again = new Promise((resolve) => socket.once('error', resolve));
    socket.connect(port, '127.0.0.1');
    console.log(JSON.stringify([(await again).code]));
    const other = new Promise((resolve) => socket.once('error', resolve));
    socket.connect('/tmp/nobody.sock');
    console.log(JSON.stringify([(await other).syscall]));
  `;
  const allow = [`127.0.0.1:${listener.port}`];
  const message = (option: string): string =>
    `"${option}" cannot be honoured: the connection is made outside the sandbox`;
  assert.deepEqual(await project.lines({ as: someone, source, node: REGISTER, allow }), [
    ['EINVAL', message('localAddress')],
    ['EINVAL', message('localPort')],
    ['EINVAL', message('blockList')],
    ['EINVAL', message('localAddress')],
    ['EACCES', null, 'connect'],
    ['EALREADY'],
    ['connect'],
  ]);
});

test('a worker thread gets an error: the channel belongs to the main thread', async () => {
  const source = `
    import net from 'node:net';
    import { isMainThread, Worker } from 'node:worker_threads';
    if (isMainThread) new Worker(new URL(import.meta.url));
    else net.connect(443, 'a.example').on('error', (error) => console.log(JSON.stringify(error.code)));
  `;
  assert.deepEqual(await project.lines({ as: someone, source, node: REGISTER }), ['ENOCHANNEL']);
});

test('outside of postern register ends the program with an error that says how to start it', async () => {
  const words = [...REGISTER, '-e', 'console.log("runs")'];
  const child = spawn(process.execPath, words, { cwd: project.folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  let stdout = '';
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const [status] = await once(child, 'close');
  assert.equal(status, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /POSTERN_REQUEST_FD is not set/);
  assert.match(stderr, /fix: 'Start the program with "postern run"/);
});
