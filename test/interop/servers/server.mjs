// Serves HTTP on a port of loopback and of ::1, and echoes over AF_UNIX and UDP, with node:http, node:net and node:dgram,
// to clients of its own and to curl. Prints a line for each; a failure is exit status 1.
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const port = Number(process.argv[2]);

async function overHttp(host) {
  const server = createHttpServer((_, response) => response.end('served\n')).listen(port, host);
  await once(server, 'listening');
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}/`;
  process.stdout.write(`${host} ${await (await fetch(url)).text()}`);
  process.stdout.write(`curl ${(await promisify(execFile)('curl', ['-gsS', url])).stdout}`);
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}

async function local(name, path) {
  const server = createServer((socket) => socket.end('served')).listen(path);
  await once(server, 'listening');
  const answer = await connect(path).setEncoding('utf8').toArray();
  console.log(name, answer.join(''));
  server.close();
}

async function datagrams() {
  const server = createSocket('udp4').bind(0, '127.0.0.1');
  server.on('message', (_, { port: from, address }) => server.send('served', from, address));
  await once(server, 'listening');
  const client = createSocket('udp4');
  client.connect(server.address().port, '127.0.0.1');
  await once(client, 'connect');
  client.send('asked!');
  const [answer] = await once(client, 'message');
  console.log('udp', answer.toString());
  server.close();
  client.close();
}

await overHttp('127.0.0.1');
await overHttp('::1');
await local('path', join(mkdtempSync(join(tmpdir(), 'server')), 'socket'));
await local('abstract', '\0postern-server');
await datagrams();
