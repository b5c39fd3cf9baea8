import assert from 'node:assert/strict';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { after, before, test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { listen } from '../harness/listener.js';
import { users } from '../harness/users.js';
import { makeCertificates, readPair } from './certificates.js';
import { Project } from './project.js';
import { serverFolder } from './server.js';

const project = new Project('undici');
const certificates = makeCertificates(serverFolder());
let connections = 0;
const answer: RequestListener = (request, response) => {
  response.end(JSON.stringify({ url: request.url, host: request.headers.host }));
};
const servers: Server[] = [
  createHttp(answer),
  createHttps(readPair(certificates.local), answer),
  createHttps(readPair(certificates.other), answer),
];
let ports: number[] = [];

before(async () => {
  for (const server of servers) {
    server.on('connection', () => {
      connections += 1;
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }
  ports = servers.map((server) => (server.address() as AddressInfo).port);
});
after(() => {
  for (const server of servers) server.close();
});

/** Asks twice with one agent, then over TLS, then where it is refused. */
const program = (head: string, get: string, node: { closed: number }): string => `
${head}
const [plain, secure, wrong] = ${JSON.stringify(ports)};
const closed = ${node.closed};
const say = (value) => console.log(JSON.stringify(value));
const fail = (error) => {
  const { code, reason, suggestion } = error.cause ?? error;
  say({ code, reason, suggestion });
};
${get}
say(await get('http://127.0.0.1:' + plain + '/one'));
say(await get('http://127.0.0.1:' + plain + '/two'));
say(await get('https://localhost:' + secure + '/three'));
say(await get('https://localhost:' + secure + '/four'));
await get('https://localhost:' + wrong + '/five').then(say, fail);
await get('http://127.0.0.1:' + closed + '/six').then(say, fail);
await get('https://127.0.0.1:' + closed + '/seven').then(say, fail);
`;

const WITH_AGENTS = `
import http from 'node:http';
import https from 'node:https';
import { HttpAgent, HttpsAgent } from 'postern/plugin';
const agents = { 'http:': new HttpAgent({ keepAlive: true }), 'https:': new HttpsAgent({ keepAlive: true }) };
`;
const GET_BY_AGENTS = `
const get = (url) => new Promise((resolve, reject) => {
  const { protocol } = new URL(url);
  const module = protocol === 'http:' ? http : https;
  module.get(url, { agent: agents[protocol] }, (response) => {
    let text = '';
    response.on('data', (chunk) => (text += chunk));
    response.on('end', () => resolve(JSON.parse(text)));
  }).on('error', reject);
});
`;
const WITH_DISPATCHER = `
import { dispatcher } from 'postern/plugin/undici';
const agent = dispatcher({ connections: 1 });
`;
const GET_BY_FETCH = `
const get = async (url) => (await fetch(url, { dispatcher: agent })).json();
`;

const kinds: readonly (readonly [name: string, head: string, get: string])[] = [
  ['http and https agents', WITH_AGENTS, GET_BY_AGENTS],
  ["undici's fetch with the dispatcher", `import { fetch } from 'undici';${WITH_DISPATCHER}`, GET_BY_FETCH],
  ['the global fetch with the dispatcher', WITH_DISPATCHER, GET_BY_FETCH],
];

for (const user of users) {
  for (const [name, head, get] of kinds.filter((_, turn) => userInTurn(turn).includes(user))) {
    test(`${name} ask over the channel and keep connections alive, as ${user}`, async (t) => {
      const closed = await listen();
      t.after(closed.close);
      const [plain, secure, wrong] = ports;
      connections = 0;
      const lines = await project.lines({
        as: user,
        source: program(head, get, { closed: closed.port }),
        allow: [`127.0.0.1:${ports.join(',')}`, `localhost:${secure},${wrong}`],
        env: { NODE_EXTRA_CA_CERTS: certificates.authority },
        visible: [certificates.authority],
      });
      const refused = {
        code: 'EACCES',
        reason: 'port_not_allowed',
        suggestion: `127.0.0.1:${closed.port}`,
      };
      assert.deepEqual(lines, [
        { url: '/one', host: `127.0.0.1:${plain}` },
        { url: '/two', host: `127.0.0.1:${plain}` },
        { url: '/three', host: `localhost:${secure}` },
        { url: '/four', host: `localhost:${secure}` },
        {
          code: 'ERR_TLS_CERT_ALTNAME_INVALID',
          reason: "Host: localhost. is not in the cert's altnames: DNS:other.example",
        },
        refused,
        refused,
      ]);
      assert.equal(connections, 3);
      assert.equal(await closed.allConnections(), 0);
    });
  }
}
