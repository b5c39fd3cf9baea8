// Prints what a program sees of its sockets, one line for each scenario. The test runs it directly and under postern with
// postern/plugin/register, and compares. argv: port of the test's server, of its TLS server, of its HTTP servers, of none; CA.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { createRequire } from 'node:module';
import net, { connect as netConnect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import tls, { connect as tlsConnect } from 'node:tls';

const host = '127.0.0.1';
const [port, tlsPort, wrongPort, httpPort, httpsPort, http2Port, closedPort] = process.argv
  .slice(2, 9)
  .map(Number);
const ca = readFileSync(process.argv[9]);
const lines = (socket) => {
  const events = [];
  const state = () =>
    `${socket.readyState}${socket.connecting ? ' connecting' : ''}${socket.pending ? ' pending' : ''}`;
  for (const name of ['connect', 'ready', 'secureConnect', 'end', 'finish', 'timeout', 'close', 'error']) {
    socket.on(name, (value) => {
      const detail = name === 'error' ? value.code : value;
      events.push([name, detail ?? null, name === 'close' ? '' : state()].join(' ').trim());
    });
  }
  return events;
};
// This is not once(), which rejects if an error comes first.
const closed = (socket) => new Promise((resolve) => socket.once('close', resolve));
const collect = async (socket) => {
  let text = '';
  socket.setEncoding('latin1');
  for await (const chunk of socket) text += chunk;
  return text;
};

const scenarios = {
  async 'events of a conversation'() {
    const socket = netConnect(port, host);
    const events = lines(socket);
    const end = closed(socket);
    const before = [
      socket.connecting,
      socket.pending,
      socket.readyState,
      socket.remoteAddress,
      socket.bytesRead,
    ];
    socket.end('echo\nhello');
    const text = await collect(socket);
    await end;
    return [before, text, events.sort(), socket.bytesRead, socket.bytesWritten, socket.destroyed];
  },
  async 'a socket that connects again when it closes while it connects'() {
    const socket = netConnect(port, host);
    const events = lines(socket);
    socket.once('close', () => socket.connect(port, host));
    socket.destroy();
    await once(socket, 'connect');
    const end = closed(socket);
    socket.end('bye\n');
    const text = await collect(socket);
    await end;
    return [text, events.sort()];
  },
  async addresses() {
    const socket = new net.Socket();
    socket.connect({ port, host });
    await once(socket, 'connect');
    const { remoteAddress, remotePort, remoteFamily, localAddress, localFamily } = socket;
    const address = socket.address();
    const same = address.port === socket.localPort;
    socket.destroy();
    return [
      remoteAddress,
      remotePort === port,
      remoteFamily,
      localAddress,
      localFamily,
      address.family,
      same,
    ];
  },
  async 'what is written before the connection is there'() {
    const socket = net.createConnection(port, host);
    const done = [];
    socket.cork();
    socket.write('echo\n', () => done.push('first'));
    socket.write('6162', 'hex', () => done.push('second'));
    socket.write('\u00e9', 'latin1');
    socket.uncork();
    socket.write(new Uint8Array([99]));
    socket.end('d', () => done.push('end'));
    return [Buffer.from(await collect(socket), 'latin1').toString('hex'), done, socket.bytesWritten];
  },
  async 'half-open, the peer first'() {
    const socket = net.connect({ port, host, allowHalfOpen: true });
    socket.write('bye\n');
    let text = '';
    socket.on('data', (chunk) => (text += chunk));
    await once(socket, 'end');
    const writable = socket.writable;
    socket.end('late');
    await closed(socket);
    return [text, writable, socket.errored];
  },
  async 'a peer that ends is answered with the end'() {
    const socket = net.connect(port, host);
    const events = lines(socket);
    socket.write('bye\n');
    socket.resume();
    await closed(socket);
    return events;
  },
  async 'a write after the end of the peer'() {
    const socket = net.connect(port, host);
    socket.write('bye\n');
    socket.resume();
    await once(socket, 'end');
    const failed = new Promise((resolve) => socket.write('x', (error) => resolve(error.code)));
    socket.on('error', () => {});
    return await failed;
  },
  async 'a reset'() {
    const socket = net.connect(port, host);
    const events = lines(socket);
    socket.write('reset\n');
    await closed(socket);
    return events;
  },
  async 'a reset of its own'() {
    const socket = net.connect(port, host);
    await once(socket, 'connect');
    const events = lines(socket);
    socket.resetAndDestroy();
    await closed(socket);
    return [events, socket.destroyed];
  },
  async 'a peer that does not read holds up the writer'() {
    const socket = net.connect(port, host);
    socket.resume();
    socket.write('slow\n');
    await once(socket, 'connect');
    const chunk = Buffer.alloc(1 << 20);
    let isHeld = false;
    for (let i = 0; i < 32; i += 1) isHeld = !socket.write(chunk);
    const { writableLength } = socket;
    await once(socket, 'drain');
    const drained = socket.writableLength;
    socket.end();
    await closed(socket);
    return [isHeld, writableLength > 8 << 20, drained, socket.bytesWritten];
  },
  async 'a reader that pauses holds up the peer'() {
    const socket = net.connect(port, host);
    socket.write('long\n');
    await once(socket, 'readable');
    await sleep(150);
    const { readableLength } = socket;
    let total = 0;
    for await (const chunk of socket) total += chunk.length;
    return [readableLength > 0 && readableLength <= 1 << 20, total];
  },
  async 'idle time, set before the connection is there'() {
    const socket = new net.Socket();
    let fired = 0;
    socket.setTimeout(1_500, () => (fired += 1));
    socket.connect(port, host);
    socket.write('drip\n');
    socket.resume();
    await sleep(1_800);
    const early = fired;
    await once(socket, 'timeout');
    const { timeout } = socket;
    socket.setTimeout(0);
    await sleep(1_700);
    socket.destroy();
    return [early, fired, timeout, socket.timeout];
  },
  async 'destroyed while it connects'() {
    const socket = net.connect(port, host);
    const events = lines(socket);
    const written = new Promise((resolve) => socket.write('x', (error) => resolve(error.code)));
    socket.destroy();
    await closed(socket);
    return [events, await written, socket.connecting];
  },
  async 'destroyed with an error'() {
    const socket = net.connect(port, host);
    const events = lines(socket);
    await once(socket, 'connect');
    socket.destroy(Object.assign(new Error('own'), { code: 'OWN' }));
    await closed(socket);
    return events;
  },
  async 'aborted by its signal'() {
    const controller = new AbortController();
    const socket = net.connect({ port, host, signal: controller.signal });
    const events = lines(socket);
    await once(socket, 'connect');
    controller.abort();
    await closed(socket);
    return events;
  },
  async 'one socket connects twice'() {
    const socket = net.connect(port, host);
    socket.write('bye\n');
    socket.resume();
    await closed(socket);
    socket.connect(port, host, () => socket.end('echo\nagain'));
    let text = '';
    socket.on('data', (chunk) => (text += chunk));
    await closed(socket);
    return text;
  },
  async 'nobody listens'() {
    const socket = net.connect(closedPort, host);
    const events = lines(socket);
    await closed(socket);
    return events;
  },
  async 'arguments that are wrong'() {
    return [
      () => net.connect(70_000),
      () => net.connect({ port: 'x' }),
      () => net.connect({}),
      () => net.connect({ port: true }),
      () => new net.Socket().setTimeout('x'),
    ].map((call) => {
      try {
        call()
          .on('error', () => {})
          .destroy();
        return 'taken';
      } catch (error) {
        return [error.name, error.code];
      }
    });
  },
  async 'a class of its own'() {
    const calls = [];
    class Mine extends net.Socket {
      _destroy(error, done) {
        calls.push('destroy');
        super._destroy(error, done);
      }
      setTimeout(...args) {
        calls.push('timeout');
        return super.setTimeout(...args);
      }
    }
    const socket = new Mine();
    socket.connect(port, host);
    socket.end('echo\nmine');
    const text = await collect(socket);
    socket.setTimeout(0);
    return [text, calls.includes('destroy'), calls.includes('timeout'), socket instanceof Mine];
  },
  async 'a failing listener is an uncaught exception'() {
    const caught = once(process, 'uncaughtException');
    const socket = net.connect(port, host, () => {
      throw new Error('thrown in the listener');
    });
    const [error, origin] = await caught;
    socket.destroy();
    return [error.message, origin];
  },
  async TLS() {
    const socket = tlsConnect({ port: tlsPort, host, servername: 'localhost', ca, ALPNProtocols: ['x/1'] });
    const events = lines(socket);
    const end = closed(socket);
    await once(socket, 'secureConnect');
    socket.setNoDelay(true).setKeepAlive(true, 1000);
    const { authorized, encrypted, alpnProtocol, servername, remoteAddress, remotePort } = socket;
    const subject = socket.getPeerCertificate().subject.CN;
    socket.end('echo\nsecret');
    const text = await collect(socket);
    await end;
    const peer = [remoteAddress, remotePort === tlsPort];
    return [
      text,
      authorized,
      encrypted,
      alpnProtocol,
      servername,
      peer,
      subject,
      events.includes('close false'),
    ];
  },
  async 'TLS with another name'() {
    const socket = tls.connect(wrongPort, host, { ca });
    const [error] = await once(socket, 'error');
    return [error.code, socket.authorized];
  },
  async 'TLS with another authority'() {
    const [error] = await once(tls.connect(tlsPort, host), 'error');
    return error.code;
  },
  async 'TLS where nobody listens'() {
    const socket = tls.connect(closedPort, host);
    const [error] = await once(socket, 'error');
    return error.code;
  },
  async 'TLS over a socket that is connected'() {
    const socket = createRequire(import.meta.url)('net').connect(tlsPort, host);
    await once(socket, 'connect');
    const secure = tls.connect({ socket, servername: 'localhost', ca });
    secure.end('echo\nupgraded');
    return [await collect(secure), secure.authorized];
  },
  async 'TLS with an idle time'() {
    const socket = tls.connect({ port: tlsPort, host, servername: 'localhost', ca, timeout: 100 });
    await once(socket, 'timeout');
    socket.destroy();
    return 'timeout';
  },
  async 'http keeps a connection alive'() {
    const agent = new http.Agent({ keepAlive: true });
    const answers = [];
    for (let i = 0; i < 2; i += 1) {
      const request = http.get({ port: httpPort, host, agent });
      const [response] = await once(request, 'response');
      answers.push([response.statusCode, request.reusedSocket, await collect(response)]);
      await sleep(20);
    }
    agent.destroy();
    return answers;
  },
  async https() {
    const request = https.get({ port: httpsPort, host, ca, servername: 'localhost' });
    const [response] = await once(request, 'response');
    return [response.statusCode, await collect(response)];
  },
  async 'http with a time limit'() {
    const request = http.get({ port: httpPort, host, path: '/silent', timeout: 100 });
    await once(request, 'timeout');
    request.destroy();
    const [error] = await once(request, 'error');
    return error.code;
  },
  async http2() {
    const session = http2.connect(`http://${host}:${http2Port}`);
    const stream = session.request({ ':path': '/two' });
    const text = await collect(stream);
    session.close();
    return text;
  },
  async fetch() {
    const response = await fetch(`http://${host}:${httpPort}/`, {
      method: 'POST',
      body: 'x'.repeat(100_000),
    });
    return [response.status, await response.text()];
  },
  async 'fetch where nobody listens'() {
    return await fetch(`http://${host}:${closedPort}/`).catch((error) => [error.name, error.cause.code]);
  },
  // This is last, because nothing else may keep the process alive.
  async 'sockets that are not waited for'() {
    const before = new net.Socket();
    before.unref();
    before.connect(port, host);
    const plain = net.connect(port, host);
    const secure = tls.connect({ port: tlsPort, host, servername: 'localhost', ca });
    await Promise.all([once(before, 'connect'), once(plain, 'connect'), once(secure, 'secureConnect')]);
    plain.unref();
    secure.unref();
    return 'so the process ends';
  },
};

for (const [name, scenario] of Object.entries(scenarios)) {
  const result = await Promise.race([scenario(), sleep(20_000, 'nothing within 20 s', { ref: false })]);
  console.log(`${name}: ${JSON.stringify(result)}`);
}
